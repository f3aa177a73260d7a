"""Things built of polygons in a box, such as houses and boats, and the place they stand in: its light, its windows, its snow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from .canvas import Points, blur, hue, mix, over, polygon, rgb, screen
from .light import Light

CREAM, SNOW, WARM = rgb("#f4efe2"), rgb("#eef3fa"), rgb("#ffbe60")
_GLASS = rgb("#2a4054")


@dataclass
class Place:
    """What the things of a scene share: `lights` (H, W, 3) collects what shines, `mask` (H, W) the dark of silhouettes, `grain` (320, 320) is noise."""

    light: Light
    lights: np.ndarray
    mask: np.ndarray
    grain: np.ndarray
    lit: float
    white: bool

    def put(self, canvas: np.ndarray, box: Box, x: float, y: float, depth: float) -> None:
        """Composite a box, hazed, its bottom centre at (x, y); it hides the lights behind it."""
        top, left, alpha, shine = int(y) - box.h, int(x - box.w / 2), box.rgba[..., 3], box.glow.max(axis=2)
        over(canvas, self.light.haze(box.rgba[..., :3] / np.maximum(alpha, 1e-3)[..., None], depth), alpha, top, left)
        over(self.lights, box.glow * (1 - 0.6 * depth), alpha, top, left)
        over(self.mask[..., None], (1 - 0.9 * shine)[..., None], alpha * (1 - 1.2 * depth), top, left)

    def shine(self, canvas: np.ndarray) -> None:
        """Screen the collected lights with their halos over the canvas and forget them."""
        screen(canvas, np.clip(self.lights * 0.6 + 0.6 * blur(self.lights, 5.0) + 0.8 * blur(self.lights, 20.0), 0, 1))
        self.lights[:] = 0


class Box:
    """A thing built of polygons on the lower border of (h, w) px; points count `unit` px from `left`, `side` -1 mirrors it."""

    def __init__(self, place: Place, h: float, w: float, left: float = 0.0, unit: float = 1.0, side: float = 1.0) -> None:
        self.place, self.h, self.w, self.left, self.unit, self.side = place, int(h), int(w), left, unit, side
        self.rgba, self.glow = np.zeros((self.h, self.w, 4), np.float32), np.zeros((self.h, self.w, 3), np.float32)

    def part(self, albedo: np.ndarray, *parts: Points, lit: float | np.ndarray = 0.65, shine: float = 0.0) -> None:
        """Paint polygons of (x, height) points; `shine` > 0 lets them glow instead of being lit."""
        turned = [np.asarray(p, np.float64) * (self.unit, -self.unit) + (self.left, self.h) for p in parts]
        turned = [p if self.side > 0 else p * (-1, 1) + (self.w, 0) for p in turned]
        ends = np.concatenate(turned)
        x0, y0 = np.maximum(ends.min(axis=0) - 2, 0).astype(int).tolist()
        x1, y1 = np.minimum(ends.max(axis=0) + 3, (self.w, self.h)).astype(int).tolist()
        box = (slice(y0, y1), slice(x0, x1))
        m = polygon(y1 - y0, x1 - x0, *[p - (x0, y0) for p in turned])[..., None]
        color = albedo * shine if shine else self.place.light.shade(albedo, lit[box] if isinstance(lit, np.ndarray) and lit.ndim else lit)
        self.rgba[box][..., :3] += (color - self.rgba[box][..., :3]) * m
        self.rgba[box][..., 3:] += (1 - self.rgba[box][..., 3:]) * m
        self.glow[box] += ((color if shine else 0.0) - self.glow[box]) * m

    def pane(self, x: float, y: float, half: float, tall: float, on: bool, trim: np.ndarray | None = None, frame: float = 2.0) -> None:
        """Set a window, framed in `trim`, shining or mirroring the sky."""
        if trim is not None:
            self.part(trim, rect(x - half - frame, y - frame, x + half + frame, y + tall + frame))
        self.part(WARM if on else mix(_GLASS, self.place.light.horizon, 0.2), rect(x - half, y, x + half, y + tall), lit=0.5, shine=0.9 * on)
        if trim is not None:
            self.part(trim, rect(x - 1, y, x + 1, y + tall), lit=0.45)

    def texture(self, rng: Generator) -> np.ndarray:
        """Return a random piece (h, w) of the grain, about 0."""
        y, x = rng.integers(0, 320 - self.h), rng.integers(0, 320 - self.w)
        return self.place.grain[y : y + self.h, x : x + self.w] - 0.5

    def across(self) -> np.ndarray:
        """Return how far each column (1, w) lies towards the sun, -0.5 ... 0.5."""
        return (np.arange(self.w, dtype=np.float32)[None] / self.w - 0.5) * self.place.light.dx


def rect(a: float, y0: float, b: float, y1: float) -> list[tuple[float, float]]:
    """Return the polygon of a rectangle."""
    return [(a, y0), (b, y0), (b, y1), (a, y1)]


def pick(rng: Generator, colors: tuple[str, ...]) -> np.ndarray:
    """Draw one of the colours, its hue a little turned."""
    return hue(rgb(colors[int(rng.integers(len(colors)))]), float(rng.uniform(-10, 10)), 1.05)
