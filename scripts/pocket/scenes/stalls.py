"""Small things of a market seen from above: rectangles with soft edges, shrubs, passers-by, parasols."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator

from . import noise
from .canvas import blur, hue, mix, over, rgb
from .light import Light

_PEOPLE = ("#d84838", "#f0f0e8", "#3058a0", "#303844", "#e8b848", "#489078", "#b86890", "#806048")


def rect(canvas: np.ndarray, color: np.ndarray, x: float, y: float, w: float, h: float, alpha: float = 1.0, soft: float = 1.0) -> None:
    """Fill a rectangle whose edges are `soft` px wide."""
    pad = int(soft) + 1
    u = np.arange(int(w) + 2 * pad + 2, dtype=np.float32) + int(x) - pad
    v = np.arange(int(h) + 2 * pad + 2, dtype=np.float32) + int(y) - pad
    across = np.clip(np.minimum(u - x, x + w - u) / (2 * soft) + 0.5, 0, 1)
    down = np.clip(np.minimum(v - y, y + h - v) / (2 * soft) + 0.5, 0, 1)
    over(canvas, color, down[:, None] * across[None] * alpha, int(y) - pad, int(x) - pad)


def pot(rng: Generator, canvas: np.ndarray, light: Light, x: float, y: float, r: float) -> None:
    """Set a round shrub seen from above, with its shadow."""
    n = int(r * 2) + 8
    tex = noise.fbm(rng, n, n, 11.0, 2)
    yy, xx = np.mgrid[0:n, 0:n].astype(np.float32) - n / 2
    d = np.hypot(xx, yy) + 3 * (tex - 0.5) * 2
    mask = noise.smoothstep(d, r + 1, r - 1.5)
    over(canvas, np.zeros(3, np.float32), blur(mask, 2.0) * 0.4, int(y - n / 2 + 4), int(x - n / 2 - 5 * light.dx))
    lit = np.clip(0.5 + (xx * light.dx - yy * 0.7) / r * 0.35 + (tex - 0.5), 0.05, 1)
    over(canvas, light.shade(hue(rgb("#5c8c40"), float(rng.uniform(-20, 20))), lit), mask, int(y - n / 2), int(x - n / 2))


def person(rng: Generator, canvas: np.ndarray, light: Light, x: float, y: float) -> None:
    """Draw one passer-by seen from above: shoulders, head and a soft shadow."""
    m, head = np.zeros((36, 36), np.float32), np.zeros((36, 36), np.float32)
    turn = float(rng.uniform(-25, 25))
    cv2.ellipse(m, (18, 20), (10, 7), turn, 0, 360, 1.0, -1, cv2.LINE_AA)
    cv2.circle(head, (18, 16), 5, 1.0, -1, cv2.LINE_AA)
    top, left = int(y) - 18, int(x) - 18
    over(canvas, np.zeros(3, np.float32), blur(m, 2.5) * 0.55, top + 8, left - int(10 * light.dx))
    over(canvas, light.tint(rgb(_PEOPLE[int(rng.integers(len(_PEOPLE)))]), 0.8), blur(m, 0.7), top, left)
    hair = ("#2c221c", "#5c4030", "#c8a070", "#e8d8b0")[int(rng.integers(4))]
    over(canvas, light.tint(rgb(hair), 0.6), blur(head, 0.7), top, left)


def parasol(rng: Generator, canvas: np.ndarray, light: Light, c: np.ndarray, x: float, y: float, r: float) -> None:
    """Open one parasol of colour `c` over a stall: eight cloths in two colours, shaded as a shallow cone."""
    n = int(r * 2) + 10
    yy, xx = np.mgrid[0:n, 0:n].astype(np.float32) - n / 2
    yy = yy * 1.2
    a, d = np.arctan2(yy, xx) + 0.2, np.hypot(xx, yy)
    mask = np.clip(r * (0.95 + 0.05 * np.cos(8 * a)) - d, 0, 1)
    e = rgb("#f4ece0") if rng.random() < 0.6 else c * 0.85
    color = mix(c, e, np.clip(np.sin(a * 4) * d * 0.3 + 0.5, 0, 1))
    lit = np.clip(0.62 + 0.3 * (xx * light.dx - yy * 0.6) / np.maximum(d, 2) - 0.1 * d / r, 0.05, 1)
    over(canvas, np.zeros(3, np.float32), blur(mask, 3.0) * 0.5, int(y - n / 2) + 10, int(x - n / 2 - 9 * light.dx))
    over(canvas, light.shade(color, lit), mask, int(y - n / 2), int(x - n / 2))
