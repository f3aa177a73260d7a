"""Fish: one sprite, and schools of them."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator

from . import noise
from .canvas import hue, mix, paste, polygon, rgb, sprite
from .light import Light

_FISH = (("#f8c820", "#2a2e48"), ("#f47a1e", "#fff4e8"), ("#2a6ef0", "#f8d83c"), ("#f4f0e8", "#3a3440"), ("#e83a5a", "#ffd0a0"), ("#30c8d8", "#f48a30"))


def shoal(rng: Generator, canvas: np.ndarray, light: Light, count: int, size: float, depth: float, band: tuple[float, float]) -> None:
    """Let schools of `count` fish of about `size` px swim between the rows of `band`, two schools to each 512 px."""
    width = canvas.shape[1]
    for k in range(max(round(width / 256), 2)):
        body_color, stripe = (hue(rgb(c), float(rng.uniform(-8, 8))) for c in _FISH[int(rng.integers(len(_FISH)))])
        flip = bool(rng.random() < 0.5)
        kind = fish(rng, light, int(size), body_color, stripe, flip, depth)
        cx, cy = (k + float(rng.uniform(0.2, 0.8))) * 256.0, float(rng.uniform(*band))
        n = max(int(count * float(rng.uniform(0.6, 1.2))), min(count, 3))
        for _ in range(n):
            x, y = cx + float(rng.normal(0, size * 2.0)), cy + float(rng.normal(0, size * 0.9))
            s = float(rng.uniform(0.75, 1.15)) * kind.shape[0]
            paste(canvas, kind, x, float(np.clip(y, band[0], band[1] + 20)) + s / 2, s)


def fish(rng: Generator, light: Light, length: int, color: np.ndarray, stripe: np.ndarray, flip: bool, depth: float) -> np.ndarray:
    """Return a fish (h, w, 4) `length` px long: oval body, fins and bands."""
    big = max(length, 44)
    h, w = int(big * 0.72), int(big * 1.1)
    cx, cy = w * 0.56, h * 0.5
    deepness = float(rng.uniform(0.24, 0.36)) * big * 0.8
    yy, xx = np.mgrid[0:h, 0:w].astype(np.float32)
    u, v = (xx - cx) / (big * 0.4), (yy - cy) / deepness
    d = u * u + (v / np.clip(1.02 - 0.2 * u * u, 0.4, 1.1)) ** 2
    mask = np.clip((1 - d) * deepness * 0.6, 0, 1)
    tail = polygon(h, w, np.array([[cx - big * 0.34, cy], [w * 0.03, h * 0.16], [w * 0.1, cy], [w * 0.03, h * 0.84]]))
    fins = polygon(h, w, np.array([[cx + big * 0.1, cy - deepness * 0.85], [cx - big * 0.22, h * 0.03], [cx - big * 0.3, cy - deepness * 0.4]]),
                   np.array([[cx, cy + deepness * 0.85], [cx - big * 0.2, h * 0.96], [cx - big * 0.28, cy + deepness * 0.4]]))  # fmt: skip
    bands = noise.smoothstep(np.cos(u * 2 * np.pi * 0.9 + 0.6), 0.45, 0.75)
    albedo = mix(np.broadcast_to(color, (h, w, 3)), stripe, bands * mask * 0.92)
    albedo = mix(albedo, np.clip(color * 1.1 + 0.15, 0, 1), noise.smoothstep(v, 0.15, 0.9) * 0.4 * (1 - bands))
    lit = np.clip(0.62 - 0.4 * v + 0.1 * np.sqrt(np.clip(1 - d, 0, 1)), 0.1, 1)
    whole = np.maximum(mask, np.maximum(tail, fins) * 0.95)
    albedo = mix(color * 0.85, albedo, mask)
    eye = np.hypot(xx - cx - big * 0.26, yy - cy + deepness * 0.2)
    albedo = mix(albedo, np.array([0.97, 0.97, 0.92], np.float32), np.clip(big * 0.055 - eye + 0.5, 0, 1))
    albedo = mix(albedo, np.array([0.06, 0.06, 0.1], np.float32), np.clip(big * 0.034 - eye + 0.5, 0, 1))
    out = sprite(light.haze(light.shade(albedo, lit), depth), whole.astype(np.float32))
    out = np.ascontiguousarray(out[:, ::-1]) if flip else out
    return cv2.resize(out, (max(int(w * length / big), 4), max(int(h * length / big), 3)), interpolation=cv2.INTER_AREA)
