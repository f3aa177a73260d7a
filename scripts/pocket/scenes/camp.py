"""Things at a lake by night, with people: a rowing boat, a jetty, a tent, a campfire."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from .canvas import Points, hue, lines, mix, over, polygon, rgb
from .light import Light

Point = tuple[float, float]


@dataclass
class Scene:
    """The canvas, the light, what turns dark in silhouettes (H, W, 1), what shines warmly (H, W, 1), and that colour."""

    canvas: np.ndarray
    light: Light
    front: np.ndarray
    shine: np.ndarray
    warm: np.ndarray

    def lay(self, color: np.ndarray, thick: float, *paths: Points, shine: float = 0.0, alpha: float = 1.0) -> None:
        """Lay polygons, or with `thick` > 0 round-ended lines, given in px of the canvas."""
        pts = [np.asarray(p, np.float64) for p in paths]
        ends, pad = np.concatenate(pts), int(thick / 2) + 2
        (x0, y0), (x1, y1) = (ends.min(0) - pad).astype(int), (ends.max(0) + pad).astype(int)
        size, pts = (y1 - y0, x1 - x0), [p - [x0, y0] for p in pts]
        m = (lines(*size, pts, max(round(thick), 2)) if thick else polygon(*size, *pts)) * alpha
        over(self.canvas, color, m, y0, x0)
        over(self.front, np.ones(1, np.float32), m, y0, x0)
        over(self.shine, np.full(1, shine, np.float32), m, y0, x0)


def figure(s: Scene, x: float, y: float, k: float, glow: float) -> None:
    """Seat a small person seen from behind at (x, y), `k` px per unit; `glow` is the side (-1, 0, 1) of a warm light."""
    rim = mix(s.light.glow * 0.5, s.warm * 0.9, abs(glow))
    for color, dx, dy in ((rim, 1.6 * (glow or s.light.dx), -1.2), (s.light.tint(rgb("#2c3040"), 0.2), 0.0, 0.0)):

        def at(*pts: Point, dx: float = dx, dy: float = dy) -> list[Point]:
            return [(x + k * px + dx, y + k * py + dy) for px, py in pts]

        s.lay(color, 0, at((-17, 0), (-15, -16), (-12, -26), (-5, -32), (5, -32), (12, -26), (15, -16), (17, 0)))
        s.lay(color, 17 * k, at((-0.5, -38), (0.5, -38)))
        s.lay(color, 9 * k, at((-14, -4), (16, -4)))


def boat(rng: Generator, s: Scene, x: float, y: float) -> None:
    """Float a rowing boat at (x, y), mirrored, sometimes with somebody and a lantern in it."""
    k = float(rng.uniform(0.95, 1.35)) * float(rng.choice([-1, 1]))

    def at(pts: Sequence[Point], up: float = 1.0) -> list[Point]:
        return [(x + k * px, y + abs(k) * py * up) for px, py in pts]

    hull = [(-64, -18), (-52, 2), (-34, 9), (34, 9), (56, 0), (72, -25), (40, -12), (-30, -10)]
    wood = hue(rgb(str(rng.choice(["#6c4428", "#7c3c30", "#34586c", "#88745c"]))), float(rng.uniform(-8, 8)))
    s.lay(s.light.zenith * 0.5, 0, at([(px, 16 - 0.8 * py) for px, py in hull]), alpha=0.7)
    rower = rng.random() < 0.6
    if rower:
        figure(s, x - 6, y - 6, abs(k) * 0.85, float(np.sign(k)))
        lamp = at([(48, -40), (48.5, -40)])
        s.lay(s.light.tint(wood * 0.6, 0.3), 4, at([(50, -12), (48, -40)]))
        s.lay(s.warm, 13, lamp, shine=1.0)
        s.lay(s.warm * 0.8, 9, [(p, 2 * y + 18 - q) for p, q in lamp], shine=0.4, alpha=0.6)
    s.lay(s.light.tint(wood, 0.35), 0, at(hull))
    s.lay(s.light.tint(wood, 1.0) + 0.08, 4, at([(-64, -18), (-30, -9), (40, -11), (72, -25)]))
    s.lay(s.light.tint(wood * 0.5, 0.2), 3, at([(-54, 0), (-30, 4), (36, 4), (60, -4)]))
    s.lay(s.light.tint(wood, 0.6), 4, at([(4, -12), (-36, 14)]))


def jetty(rng: Generator, s: Scene, x: float, _y: float) -> None:
    """Run a wooden jetty from the near bank into the lake; somebody may sit at its end."""
    height = s.canvas.shape[0]
    end, lean = height - float(rng.uniform(105, 140)), float(rng.uniform(-36, 36))

    def side(t: float, u: float) -> Point:
        return x + lean * t + u * (46 - 27 * t), height + 6 + (end - height - 6) * t

    wood = rgb("#8c7460")
    posts = [[(a, b - 6), (a, b + 16 - 5 * t)] for t in (0.35, 0.7, 1.0) for a, b in (side(t, -1.1), side(t, 1.1))]
    s.lay(s.light.zenith * 0.5, 0, [side(0, -1.3), side(1, -1.25), side(1, 1.25), side(0, 1.3)], alpha=0.55)
    s.lay(s.light.tint(wood * 0.45, 0.3), 7, *posts)
    s.lay(s.light.tint(wood * 0.4, 0.2), 0, [side(0, -1.05), side(1, -1.0), side(1, 1.0), side(0, 1.05)])
    s.lay(s.light.tint(wood, 0.8), 0, [(p, q - 7) for p, q in (side(0, -1.05), side(1, -1.0), side(1, 1.0), side(0, 1.05))])
    gaps = 1 - (1 - np.linspace(0.0, 0.92, 11)) ** 1.3
    s.lay(s.light.tint(wood * 0.72, 0.6), 3, *[[(p, q - 7) for p, q in (side(t, -0.97), side(t, 0.97))] for t in gaps])
    a, b = side(1.0, 0.0)
    kind = rng.random()
    if kind < 0.6:
        figure(s, a, b - 4, 0.95, 0.0)
    if kind > 0.4:
        s.lay(s.light.tint(wood * 0.5, 0.3), 4, [(a + 20, b + 4), (a + 20, b - 34)])
        s.lay(s.warm, 12, [(a + 20, b - 34), (a + 20.5, b - 34)], shine=1.0)


def tent(rng: Generator, s: Scene, x: float, y: float) -> None:
    """Pitch a tent that glows from within."""
    k = float(rng.uniform(1.0, 1.25)) * float(rng.choice([-1, 1]))

    def at(pts: Sequence[Point]) -> list[Point]:
        return [(x + k * px, y + abs(k) * py) for px, py in pts]

    cloth = mix(s.warm, rgb(str(rng.choice(["#ff7830", "#ffc040", "#f05040"]))), 0.5)
    s.lay(cloth * 0.55, 0, at([(0, -66), (46, -58), (92, 0), (54, 0)]), shine=0.22)
    s.lay(cloth * 0.85, 0, at([(-54, 0), (0, -66), (54, 0)]), shine=0.5)
    s.lay(np.minimum(s.warm * 1.05 + 0.06, 1), 0, at([(-26, 0), (0, -50), (26, 0)]), shine=0.95)
    s.lay(cloth * 0.3, 3, at([(-54, 0), (0, -66), (54, 0)]), at([(0, -66), (46, -58)]), at([(0, -50), (0, 0)]))
    if rng.random() < 0.5:
        figure(s, x - k * 84, y + 2, 0.9, float(np.sign(k)))


def campfire(rng: Generator, s: Scene, x: float, y: float) -> None:
    """Light a campfire with one or two people beside it."""
    for color, size, shine in ((rgb("#ff6a20"), 1.0, 1.0), (rgb("#ffb03c"), 0.72, 1.0), (rgb("#fff0b0"), 0.42, 1.0)):
        tongues = [[(-17, 0), (-19, -16), (-9, -34), (-4, -20), (2, -48), (9, -24), (14, -34), (19, -14), (15, 0)]]
        s.lay(color, 0, *[[(x + size * px, y + size * py - 2) for px, py in p] for p in tongues], shine=shine)
    s.lay(s.light.tint(rgb("#4c3020"), 0.3), 7, [(x - 24, y + 3), (x + 20, y - 3)], [(x - 20, y - 3), (x + 24, y + 3)])
    for side in (-1, 1) if rng.random() < 0.6 else (float(rng.choice([-1, 1])),):
        figure(s, x + side * 52, y + 2, float(rng.uniform(0.95, 1.1)), -float(side))
