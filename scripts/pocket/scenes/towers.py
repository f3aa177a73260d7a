"""Lighthouses and their keepers' houses."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from . import forms, noise
from .canvas import Points, mix, polygon, rgb, sprite
from .light import Light

LAMP, SNOW = rgb("#ffe6a8"), rgb("#eef3fa")
_WHITE = rgb("#f6f3ec")


def tower(rng: Generator, light: Light, tall: float, paint: np.ndarray, kind: str, lit: bool, white: bool) -> np.ndarray:
    """Return a lighthouse (h, w, 4): a tapered striped shaft, a gallery, the glazed lamp room and its dome."""
    n, w = int(tall), int(tall * 0.44)
    c, neck = w / 2, tall * 0.2
    yy, xx = np.mgrid[0:n, 0:w].astype(np.float32)
    half = tall * (0.085 + 0.05 * np.clip((yy - neck) / (tall - neck), 0, 1))
    u = np.clip((xx - c) / half, -1.2, 1.2)
    grain = noise.fbm(rng, n, w, 30.0, 4) - 0.5
    round_lit = np.clip(0.5 + 0.48 * u * light.dx - 0.12 * u * u + 0.25 * grain, 0.04, 1)
    bend = yy + 0.035 * tall * (1 - u * u)
    period = (tall - neck) / float(rng.choice([2.5, 3.5, 4.5]))
    phase = (bend - neck) / period + (0.42 * u if kind == "spiral" else 0)
    stripe = noise.smoothstep(np.abs(phase - np.floor(phase) - 0.5), 0.27, 0.23)
    stripe = noise.smoothstep(bend, neck + 0.88 * (tall - neck), neck + 0.9 * (tall - neck)) if kind == "plain" else 1 - stripe
    dark = paint * 0.9

    def part(albedo: np.ndarray, *parts: Points, lit: np.ndarray | float = round_lit, shine: bool = False) -> np.ndarray:
        return sprite(albedo if shine else light.haze(light.shade(albedo, lit), 0.05), polygon(n, w, *parts))

    def box(a: float, y0: float, y1: float, b: float | None = None, shift: float = 0.0) -> list[tuple[float, float]]:
        b = a if b is None else b
        return [(c + tall * (shift + x), y * tall) for x, y in ((-a, y0), (a, y0), (b, y1), (-b, y1))]

    arc = np.linspace(np.pi, 0, 13)
    dome = np.stack([c + 0.07 * tall * np.cos(arc), tall * (0.085 - 0.06 * np.sin(arc))], 1).tolist()
    parts = [
        part(mix(_WHITE, paint, stripe[..., None]), box(0.085, 0.2, 1.0, 0.135)),
        part(dark, box(0.1, 0.2, 0.235, 0.086)),
        part(mix(dark, rgb("#202020"), 0.5), box(0.125, 0.185, 0.205)),
        part(LAMP if lit else mix(rgb("#40586c"), light.horizon, 0.5), box(0.055, 0.095, 0.17), lit=0.6, shine=lit),
        part(dark, *[box(0.007, 0.095, 0.19, shift=k * 0.045) for k in (-1, 0, 1)]),
        part(dark, box(0.125, 0.152, 0.162), *[box(0.006, 0.152, 0.19, shift=k * 0.058) for k in (-2, -1, 1, 2)]),
        part(mix(dark, SNOW, 0.75 * white), [*box(0.07, 0.085, 0.1, 0.075)[::-1], *dome], box(0.009, 0.005, 0.04)),
        part(rgb("#4c3828"), box(0.036, 0.9, 1.0), lit=0.5),
    ]
    for y, shift in ((0.34, 0.02), (0.53, -0.02), (0.72, 0.02)):
        parts.append(part(_WHITE * 0.85, box(0.026, y - 0.008, y + 0.085, shift=shift)))
        parts.append(part(LAMP * 0.95 if lit else rgb("#2c3c4c"), box(0.018, y, y + 0.077, shift=shift), lit=0.5, shine=lit))
    return forms.stack(*parts)


def house(rng: Generator, light: Light, roof: np.ndarray, face: np.ndarray, size: float, lit: bool) -> np.ndarray:
    """Return a keeper's house (h, w, 4): plastered walls, a gable beside a long roof, a chimney, windows."""
    h, w, k = int(72 * size), int(96 * size), size
    tex = noise.fbm(rng, h, w, 18.0, 3) - 0.5
    mirror = rng.random() < 0.5

    def part(albedo: np.ndarray, *parts: Points, lit: float = 0.7, shine: bool = False) -> np.ndarray:
        turned = [[((96 - x if mirror else x) * k, y * k) for x, y in p] for p in parts]
        return sprite(albedo if shine else light.haze(light.shade(albedo, np.clip(lit + 0.4 * tex, 0.05, 1)), 0.06), polygon(h, w, *turned))

    side = 0.2 * light.dx * (-1 if mirror else 1)
    parts = [
        part(rgb("#a08070"), [(74, 4), (84, 4), (84, 30), (74, 30)], lit=0.5),
        part(face, [(30, 38), (92, 38), (92, 72), (30, 72)], lit=0.62 + side),
        part(roof, [(28, 40), (36, 14), (88, 14), (96, 40)], lit=0.6 + side),
        part(face, [(6, 40), (24, 18), (42, 40), (42, 72), (6, 72)], lit=0.72 - side),
        part(roof, [(0, 42), (24, 10), (48, 42), (42, 42), (24, 19), (6, 42)], lit=0.75),
    ]
    for x, y in ((17, 46), (52, 46), (74, 46)):
        parts.append(part(rgb("#ffc870") if lit else rgb("#34485a"), [(x, y), (x + 13, y), (x + 13, y + 14), (x, y + 14)], lit=0.5, shine=lit))
    return forms.stack(*parts)
