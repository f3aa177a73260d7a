"""Eruptions: the plume of ash, the glowing crater, streams and fountains of lava."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator

from . import noise
from .attributes import Attributes
from .canvas import blur, mix, over, polygon, screen, taper
from .light import Light


@dataclass
class Cone:
    """One volcano: the column of its axis, the rows of rim and foot, the radii in px there, its distance, how concave it is."""

    x: float
    top: float
    foot: float
    rim: float
    radius: float
    depth: float
    bend: float

    def half(self, y: np.ndarray | float) -> np.ndarray:
        """Return the half width of the cone at rows `y`: steep above, spreading below."""
        t = np.clip((np.asarray(y, np.float32) - self.top) / (self.foot - self.top), 0, 1.4)
        half: np.ndarray = self.rim + (self.radius - self.rim) * (0.35 * t + 0.65 * t**self.bend)
        return half


@dataclass
class Scene:
    """One picture being painted: the canvas, what glows (H, W, 3), the silhouettes' mask (H, W), and its choices."""

    canvas: np.ndarray
    light: Light
    attrs: Attributes
    lights: np.ndarray
    mask: np.ndarray
    heat: list[np.ndarray]  # the lava's colours from dark crust to white core
    power: float  # how much the lava outshines the daylight
    rock: np.ndarray
    white: bool

    def fire(self, mask: np.ndarray, top: int, left: int, keep: float = 1.0, least: float = 0.0) -> None:
        """Let `mask` (h, w), 0 cold ... 1 white hot, shine at (top, left); no colour is colder than `least`."""
        heat = np.maximum(mask, least)
        color = mix(mix(self.heat[0], self.heat[1], noise.smoothstep(heat, 0.1, 0.5)), self.heat[2], noise.smoothstep(heat, 0.5, 1.0))
        over(self.lights, color * keep, np.clip(mask * 2.2, 0, 1), top, left)

    def hide(self, cover: np.ndarray, top: int = 0, left: int = 0, dark: float = 1.0) -> None:
        """Take note of something solid in front: it hides lights and is `dark` in silhouettes."""
        over(self.lights, np.zeros(3, np.float32), cover, top, left)
        over(self.mask[..., None], np.ones(1, np.float32), cover * dark, top, left)

    def dark(self) -> np.ndarray:
        """Return the mask (H, W) of what turns dark in silhouettes: all that is solid, but for the lava."""
        dark: np.ndarray = self.mask * (1 - 0.95 * np.clip(self.lights.max(axis=2) * 1.3, 0, 1))
        return dark

    def shine(self, lights: np.ndarray) -> None:
        """Lay the lava's own colour and its glow over the canvas."""
        over(self.canvas, np.clip(lights, 0, 1), np.clip(lights.max(axis=2) * 1.6, 0, 1))
        halo = 0.5 * blur(lights, 6.0) + 0.8 * blur(lights, 22.0) + 0.7 * blur(lights, 60.0)
        screen(self.canvas, np.clip(halo * self.power**1.5, 0, 1))


def sky_glow(s: Scene, c: Cone) -> None:
    """Light the sky above a crater."""
    h, w = s.mask.shape
    yy, xx = np.mgrid[0 : h // 4, 0 : w // 4].astype(np.float32) * 4
    d = np.hypot(xx - c.x, (yy - c.top + 20) * 0.9)
    amount = s.power**2 * (0.5 * np.exp(-d / 60) + 0.28 * np.exp(-d / 170))
    screen(s.canvas, cv2.resize(amount, (w, h))[..., None] * s.heat[1])


def plume(rng: Generator, s: Scene, c: Cone, ash: np.ndarray, wind: float) -> None:
    """Let a billowing column of ash rise from the crater, drifting with the wind, lit by the sun and from below by the lava."""
    size, t = c.rim / 36, np.sort(rng.random(64)) ** 1.3
    rise = t * (c.top + 60)
    r = size * (24 + 58 * t**0.8) * rng.uniform(0.65, 1.1, 64)
    xs = wind * rise * (0.3 + 0.9 * t) + rng.normal(0, 0.55, 64) * r
    bw, bh = int(np.abs(xs).max() + r.max()) * 2 + 20, int(c.top) + 40
    pts = np.stack([bw / 2 + xs, c.top + 14 - rise - r * 0.35], 1)
    h2, w2 = bh // 2, bw // 2  # clouds are soft: half the size is enough
    heap = noise.warp(rng, noise.balls(h2, w2, pts / 2, r / 2), 5.0, 16.0)
    puff = noise.warp(rng, noise.domes(rng, h2, w2, 15.0 * size), 4.0, 12.0)
    rough = noise.fbm(rng, h2, w2, 22.0, 4, 0.6)
    mask = noise.smoothstep(heap + (rough - 0.5) * 16 * (heap > 0.5), 1.5, 8.0)
    up = np.clip((c.top + 10 - np.arange(h2, dtype=np.float32)[:, None] * 2) / (c.top + 60), 0, 1)
    mask = mask * (1 - 0.55 * up**1.5)
    lit = np.clip(s.light.relief(blur(heap, 2.0) + 9 * puff * (heap > 0.5) + 8 * rough, 0.8) + 0.25 * (puff - 0.6), 0.02, 1)
    color = s.light.haze(s.light.shade(ash, lit), c.depth * 0.8 + 0.25 * up)
    under = np.clip(1.15 - s.light.relief(blur(heap, 2.0) + 9 * puff, 0.8) + 0.2 * (rough - 0.5), 0, 1)
    warm = s.power * np.exp(-up * 2.6) * (0.25 + 1.05 * under)
    color = 1 - (1 - color) * (1 - np.clip(warm, 0, 0.95)[..., None] * mix(s.heat[1], s.heat[2], np.exp(-up * 9.0) * 0.6))
    color, mask = (cv2.resize(a, (bw, bh), interpolation=cv2.INTER_LINEAR) for a in (color, mask))
    over(s.canvas, color, mask * 0.97, 0, int(c.x - bw / 2))
    s.hide(mask, 0, int(c.x - bw / 2), 0.0)


def crater(rng: Generator, s: Scene, c: Cone) -> None:
    """Paint the crater's far wall, glowing from within."""
    bw, bh = int(c.rim * 2) + 8, int(c.rim * 0.75)
    yy, xx = np.mgrid[0:bh, 0:bw].astype(np.float32)
    u = (xx - bw / 2) / c.rim
    back = bh * 0.45 + c.rim * (0.12 * noise.profile(rng, bw, 14.0, 3)[None] - 0.2 * np.sqrt(np.clip(1 - u * u, 0, 1)))
    mask = np.clip((yy - back) / 1.5 + 0.5, 0, 1) * np.clip((1 - np.abs(u)) * c.rim, 0, 1)
    heat = np.clip(noise.smoothstep(yy - back, -1, c.rim * 0.34) * (1 - 0.5 * u * u), 0, 1)
    top, left = int(c.top - bh * 0.45), int(c.x - bw / 2)
    over(s.canvas, s.light.tint(s.rock * 0.5, 0.2, c.depth), mask, top, left)
    s.hide(mask, top, left)
    s.fire(heat * mask, top, left, 1 - 0.4 * c.depth)


def streams(rng: Generator, c: Cone, n: int, bw: int, top: int) -> np.ndarray:
    """Return the heat (n, bw) of lava that runs from the rim down the flanks, forking, cooling on its way."""
    hot, count, y0 = np.zeros((n, bw), np.float32), int(rng.integers(3, 6)), c.top - top
    t = np.linspace(0, 1, 36)
    for a in np.linspace(-0.75, 0.75, count) + rng.uniform(-0.2, 0.2, count):
        end, wide = float(rng.uniform(0.5, 1.1)) * (n - y0), c.rim / 36 * float(rng.uniform(10, 18))
        main = a * (1 + 0.25 * t) + 0.1 * noise.profile(rng, 36, 9.0, 3) * (0.3 + 0.7 * t)
        fork = float(rng.uniform(0.25, 0.5)) + 0.5 * t
        side = np.interp(fork, t, main) + float(rng.choice([-1, 1])) * 0.3 * t**0.8 + 0.1 * noise.profile(rng, 36, 9.0, 3) * t
        for down, angle, w in ((t, main, wide), (fork, side, wide * 0.65)):
            y = y0 + down * end
            xs = bw / 2 + c.half(y + top) * np.sin(np.clip(angle, -1.45, 1.45)) * 0.97
            edge, core = (polygon(n, bw, taper(np.stack([xs, y + 2], 1), w * 0.95 * k, w * 0.5 * k)) for k in (1.0, 0.5))
            hot = np.maximum(hot, 0.6 * edge + 0.5 * blur(core, 1.5))
    hot *= np.linspace(1.0, 0.45, n, dtype=np.float32)[:, None]
    crust = noise.smoothstep(noise.fbm(rng, n, bw, 20.0, 3), 0.34, 0.6)
    return np.clip(blur(hot, 1.5) * (0.55 + 0.6 * crust), 0, 1)


def fountain(rng: Generator, s: Scene, c: Cone) -> None:
    """Throw a fountain of lava out of the crater: a bright column and clots that fly in arcs."""
    size = c.rim / 36
    tall, h, w = float(rng.uniform(60, 105)) * size, int(150 * size), int(240 * size)
    t = np.linspace(0, 1, 14)
    clots = []
    for _ in range(int(rng.integers(36, 52))):
        vx, vy = float(rng.normal(0, 0.4)) * tall, tall * float(rng.uniform(1.8, 4.4))
        path = np.stack([w / 2 + vx * t, h - vy * t + vy * float(rng.uniform(0.95, 1.2)) * t * t], 1)
        a = int(rng.integers(0, 8))
        clots.append(taper(path[a : a + int(rng.integers(3, 7))], 3.5 * size, 6.0 * size))
    yy, xx = np.mgrid[0:h, 0:w].astype(np.float32)
    up = (h - yy) / tall
    column = np.exp(-(((xx - w / 2) / (size * (9 + 11 * up))) ** 2)) * noise.smoothstep(up, 1.1, 0.1)
    heat = blur(polygon(h, w, *clots), 1.2) * (0.95 - 0.3 * up) + column * (0.7 + 0.6 * noise.fbm(rng, h, w, 14.0, 3))
    s.fire(np.clip(heat, 0, 1), int(c.top - h + 6 * size), int(c.x - w / 2), 1 - 0.4 * c.depth, 0.4)
