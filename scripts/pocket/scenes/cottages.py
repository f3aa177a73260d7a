"""Houses and churches under deep snow, each built as a block of colour, coverage and shine."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from . import noise
from .canvas import Points, lines, mix, over, polygon, rgb
from .light import Light

SNOW = rgb("#eef2fa")
_WOOD = rgb("#4c3224")


@dataclass
class Village:
    """What the buildings share: the light, their paints, the colour of lit windows and how many are lit."""

    light: Light
    walls: list[np.ndarray]
    spire: np.ndarray
    warm: np.ndarray
    lit: float


class Block:
    """A thing under construction: colour (h, w, 3), coverage and shine (h, w), and the mouth of its chimney."""

    def __init__(self, h: float, w: float) -> None:
        self.color, self.alpha, self.shine = (np.zeros((int(h), int(w), *k), np.float32) for k in ((3,), (), ()))
        self.smoke: tuple[float, float] | None = None

    def lay(self, color: np.ndarray, thick: float, *paths: Points, shine: float = 0.0) -> None:
        """Lay polygons, or with `thick` > 0 round-ended lines, over what is there."""
        pts = [np.asarray(p, np.float64) for p in paths]
        ends, pad = np.concatenate(pts), thick / 2 + 2
        (x0, y0), (x1, y1) = np.maximum(ends.min(0) - pad, 0).astype(int), (ends.max(0) + pad).astype(int)
        box = (slice(y0, y1), slice(x0, x1))
        (h, w), pts = self.alpha[box].shape, [p - [x0, y0] for p in pts]
        m = lines(h, w, pts, max(round(thick), 2)) if thick else polygon(h, w, *pts)
        over(self.color[box], color[box] if color.ndim == 3 else color, m)
        self.alpha[box] += (1 - self.alpha[box]) * m
        self.shine[box] += (shine - self.shine[box]) * m


def house(rng: Generator, v: Village, s: float) -> Block:
    """Build a house with a gable `s` px broad and one long side: logs, planks or timbered plaster under deep snow."""
    side, o, pad, dx = s * float(rng.uniform(0.55, 1.15)), s * 0.13, s * 0.28, v.light.dx
    wall, rise = s * float(rng.choice([0.5, 0.62, 0.85])), s * float(rng.uniform(0.62, 0.85))
    b = Block(wall + rise + pad, s + side + 2 * pad)
    h, w = b.alpha.shape
    x0, x1, x2, base, eave, top, mid = pad, pad + s, pad + s + side, float(h), h - wall, h - wall - rise, pad + s / 2
    snow, paint, kind = v.light.tint(SNOW, 0.8), v.walls[int(rng.integers(5))], int(rng.integers(3))
    cx, cw = mid + side * float(rng.uniform(0.3, 0.75)), s * 0.08
    b.lay(v.light.tint(rgb("#9a6c58"), 0.45), 0, [(cx - cw, top - 2 * cw), (cx + cw, top - 2 * cw), (cx + cw, top + s * 0.2), (cx - cw, top + s * 0.2)])
    b.lay(snow, cw, [(cx - cw, top - 2 * cw), (cx + cw, top - 2 * cw)])
    b.smoke = (cx, top - s * 0.18) if rng.random() < 0.75 else None
    yy, xx = np.mgrid[0:h, 0:w].astype(np.float32)
    wave = (yy, xx, 0 * yy)[kind] * 2 * np.pi / max(s * 0.095, 6.0)
    rough = 0.45 * (noise.fbm(rng, h, w, max(s * 0.3, 8.0), 3) - 0.5) + 0.15 * np.sin(wave) + 0.48
    faces = ([(x1 - 1, base), (x1 - 1, eave), (x2, eave), (x2, base - side * 0.05)], [(x0, base), (x0, eave), (mid, top), (x1, eave), (x1, base)])
    for k, face in enumerate(faces):
        lit = rough + 0.2 * dx * (1 - 2 * k) - 0.4 * np.exp(-np.abs(yy - eave) / (s * 0.09)) * (1 - k)
        b.lay(v.light.shade(mix(rgb("#f0e6d4"), paint, 0.25) if kind == 2 else paint, np.clip(lit, 0.02, 1)), 0, face)
    if kind == 2:
        beams = [[(x, eave), (x, base)] for x in (x0 + 2, mid, x1 - 2, x1 + side / 2, x2 - 2)]
        beams += [[(a, y), (z, y)] for a, z, y in ((x0, x2, eave), (x0, x2, (eave + base) / 2), (x0 + s * 0.26, x1 - s * 0.26, eave - rise * 0.5))]
        b.lay(v.light.tint(mix(paint, _WOOD, 0.75), 0.35), s * 0.05, *beams)
    count = max(int(side / s / 0.42), 1)
    for f in (0.5,) if wall < s * 0.8 else (0.3, 0.74):
        for x in (x0 + s * 0.25, x0 + s * 0.75, *(x1 + side * (np.arange(count) + 0.5) / count)):
            window(rng, v, b, float(x), eave + wall * f, s * 0.21, s * 0.25)
    window(rng, v, b, mid, eave - rise * 0.28, s * 0.19, s * 0.24)
    dw, dh = s * 0.1, s * 0.36
    b.lay(v.light.tint(_WOOD, 0.5), 0, [(mid - dw, base), (mid - dw, base - dh), (mid + dw, base - dh), (mid + dw, base)])
    b.lay(snow, s * 0.08, [(mid - dw * 1.5, base - dh), (mid, base - dh - s * 0.06), (mid + dw * 1.5, base - dh)])
    roof(rng, v, b, [(mid, top), (mid + side, top), (x2 + o * 0.7, eave + o), (x1 + o * 0.7, eave + o)], s)
    slopes = [(x0 - o, eave + o * 1.5), (mid, top), (x1 + o * 0.7, eave + o)]
    b.lay(v.light.tint(_WOOD, 0.4), s * 0.08, [(x, y + s * 0.08) for x, y in slopes])
    b.lay(v.light.tint(SNOW, 0.62 - 0.15 * dx), s * 0.13, slopes[:2])
    b.lay(snow, s * 0.11, slopes[1:])
    return b


def roof(rng: Generator, v: Village, b: Block, plane: list[tuple[float, float]], s: float) -> None:
    """Lay a roof plane, given from the near ridge clockwise, under a quilt of snow with a rounded lower edge."""
    h, w = b.alpha.shape
    t = np.clip((np.arange(h, dtype=np.float32)[:, None] - plane[0][1]) / (plane[2][1] - plane[0][1]), 0, 1)
    lit = 0.6 + 0.18 * v.light.dx + 0.6 * (noise.fbm(rng, h, w, max(s * 0.4, 10.0), 3) - 0.5) - 0.28 * t**3
    b.lay(v.light.tint(_WOOD, 0.2), s * 0.08, [(x, y + s * 0.06) for x, y in plane[2:]])
    b.lay(v.light.shade(SNOW, np.clip(lit, 0.1, 1)), 0, plane)
    b.lay(v.light.tint(SNOW, 0.5), s * 0.1, plane[2:])
    b.lay(v.light.tint(SNOW, 0.9), s * 0.07, plane[:2])


def window(rng: Generator, v: Village, b: Block, x: float, y: float, wide: float, tall: float, arch: bool = False) -> None:
    """Set a window centred at (x, y): a frame, a warm or dark pane with a cross bar, snow on the sill."""
    on, p, q = bool(rng.random() < v.lit), wide / 2, tall / 2
    frame, pane = v.light.tint(_WOOD if arch else rgb("#f0e8dc"), 0.4), v.warm * float(rng.uniform(0.85, 1.1)) if on else v.light.tint(rgb("#344454"), 0.5)
    u = np.linspace(np.pi, 0, 9)
    head = np.stack([np.cos(u), -1 + 0.7 * (1 - np.sin(u)) * p / q], 1) if arch else np.array([[-1, -1], [1, -1]])
    shape = np.concatenate([[[-1, 1]], head, [[1, 1]]])
    for k, color in ((0.0, frame), (max(wide * 0.16, 1.6), np.minimum(pane, 1))):
        b.lay(color, 0, shape * [p - k, q - k] + [x, y], shine=float(on and k > 0))
    if wide > 11 and not arch:
        b.lay(frame * 0.9, wide * 0.1, [(x, y - q), (x, y + q)], [(x - p, y), (x + p, y)])
    b.lay(v.light.tint(SNOW, 0.75), wide * 0.22, [(x - p * 1.1, y + q + 1), (x + p * 1.1, y + q + 1)])


def church(rng: Generator, v: Village, s: float) -> Block:
    """Build a church: a tower with a pointed spire and a cross, a nave with arched windows."""
    tw, nave, wall, pad, dx = s * 0.54, s * 1.15, s * 0.72, s * 0.3, v.light.dx
    body, peak = s * float(rng.uniform(1.35, 1.6)), s * float(rng.uniform(1.15, 1.45))
    b = Block(body + peak + pad, tw + nave + 2 * pad)
    h, w = b.alpha.shape
    x0, x1, x2, base, eave, tip = pad, pad + tw, pad + tw + nave, float(h), h - body, h - body - peak
    c, split, low, o = x0 + tw * 0.55, x0 + tw * 0.62, h - wall, s * 0.08
    paint, rough = mix(rgb("#f0e8dc"), v.walls[2], 0.3), 0.45 * (noise.fbm(rng, h, w, s * 0.3, 3) - 0.5) + 0.46
    b.lay(v.light.shade(paint, np.clip(rough + 0.2 * dx, 0, 1)), 0, [(x1 - 2, base), (x1 - 2, low), (x2, low), (x2, base)])
    for k in range(3):
        window(rng, v, b, x1 + nave * (k + 0.6) / 3.1, base - wall * 0.48, s * 0.19, wall * 0.55, True)
    roof(rng, v, b, [(x1 - tw * 0.3, low - s * 0.62), (x2 - s * 0.28, low - s * 0.62), (x2 + o, low + 4), (x1 - 4, low + 4)], s)
    ramp = (np.arange(h, dtype=np.float32)[:, None] - tip) / peak
    slate = mix(v.spire, SNOW, noise.smoothstep(noise.fbm(rng, h, w, s * 0.45, 2) + 0.35 * ramp, 0.68, 0.86) * 0.9)
    for a, z, lean in ((x0, split, -1), (split, x1, 1)):
        b.lay(v.light.shade(paint, np.clip(rough + 0.2 * lean * dx, 0, 1)), 0, [(a, base), (a, eave), (z, eave), (z, base)])
        b.lay(v.light.shade(slate, 0.5 + 0.28 * lean * dx), 0, [(a - o * (lean < 0), eave), (c, tip), (z + o * (lean > 0), eave)])
    for y in (eave + s * 0.3, eave + s * 0.8):
        window(rng, v, b, (x0 + split) / 2, y, s * 0.19, s * 0.32, True)
    b.lay(v.light.tint(SNOW, 0.75), s * 0.11, [(x0 - o, eave), (x1 + o, eave)])
    b.lay(v.light.tint(rgb("#d8a848"), 0.7), 3, [(c, tip - s * 0.2), (c, tip + 2)], [(c - s * 0.07, tip - s * 0.13), (c + s * 0.07, tip - s * 0.13)])
    return b
