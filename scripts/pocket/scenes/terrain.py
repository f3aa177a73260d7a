"""Perspective terrain: a fractal height field rendered front to back, with cast shadows; the mountains' engine."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator

from . import noise
from .canvas import mix, over
from .light import Light, cast

Array = np.ndarray
_NEAR, _FAR, _TEXEL = 1.0, 12.0, 40.0  # world units; texels per unit
_STEP = 0.5  # texels from slice to slice at most


@dataclass
class Terrain:
    """Maps over (slice, column): z, elevation, how lit, steepness; and where each pixel of the screen looks."""

    z: Array  # (D, 1) distance
    elevation: Array  # (D, W) in px at the distance of the peaks
    lit: Array  # (D, W) in [0, 1], shadows included
    steep: Array  # (D, W) slope, 0 flat
    rows: Array  # (2N, W) float slice index seen by each half pixel row of the band that begins at row `top`
    top: int
    mask: Array  # (H, W) coverage
    skyline: Array  # (W,) y of the ridge
    grain: Array  # (H, W) relief of gullies and rocks on the screen, about 1, multiplied with the colour

    def depth(self) -> Array:
        """Return the depth (D, 1) of the slices for haze: 0 near ... 1 far."""
        return (self.z - _NEAR) / (_FAR - _NEAR)

    def paint(self, canvas: Array, color: Array) -> None:
        """Paint `color` (D, W, 3), given per slice, on the canvas in place."""
        w = canvas.shape[1]
        h = self.rows.shape[0] // 2
        xx = np.broadcast_to(np.arange(w, dtype=np.float32)[None], self.rows.shape)
        color = color.astype(np.float32)
        seen = cv2.remap(color, xx, self.rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        seen = cv2.GaussianBlur(cv2.resize(seen, (w, h), interpolation=cv2.INTER_AREA), (3, 1), 0.8)
        band = slice(self.top, self.top + h)
        over(canvas, np.clip(seen * self.grain[band][..., None], 0, 1), self.mask[band], self.top)


def make(
    rng: Generator,
    width: int,
    height: int,
    light: Light,
    horizon: float = 330.0,
    peak: float = 200.0,
    near: float = 3.0,
    cell: float = 4.0,
    eye: float = 0.35,
    sharp: float = 1.0,
    bottom: float | None = None,
) -> Terrain:
    """Build a terrain whose summits rise about `peak` px above row `horizon`.

    `near` is the distance (1 ... 12) where mountains begin, `cell` their size in world units (1 near, 12 far; the
    frame is 12 units wide per 512 px at the far end), `eye` the height of the eye above the plain, `sharp` > 1
    for needles and wide valleys. Nothing is painted below row `bottom` (saves time where it would be hidden).
    """
    f = 512.0
    rows, cols = int(_FAR * _TEXEL), int((width / f * _FAR + 1) * _TEXEL)
    field = _massif(rng, rows, cols, cell * _TEXEL, sharp)
    zs = _distances()[:, None]
    grow = noise.smoothstep(np.arange(rows, dtype=np.float32)[:, None] / _TEXEL, near * 0.6, near + 3.5)
    scale = peak / f * 8.0 / max(float(np.quantile(field[rows // 2 :], 0.985)), 0.1)
    elevation = field * grow * scale
    lit, steep = _light(elevation, light)
    xx = ((np.arange(width, dtype=np.float32)[None] - width / 2) / f * zs * _TEXEL) + cols / 2
    zz = np.broadcast_to(zs * _TEXEL - 1, xx.shape).astype(np.float32)
    maps: Array = cv2.remap(np.dstack([elevation, lit, steep]), xx.astype(np.float32), zz, cv2.INTER_CUBIC)
    rise = float((f * (maps[..., 0] - eye) / zs).max())
    maps[..., 0] *= min(1.0, peak * 1.2 / max(rise, 1.0))
    ys = horizon + f * (eye - maps[..., 0]) / zs
    top = int(np.clip(ys.min() - 2, 0, height - 2))
    end = height if bottom is None else int(np.clip(bottom, top + 2, height))
    index, skyline = project(ys - top, end - top)
    skyline = skyline + top
    mask = np.clip(np.arange(height, dtype=np.float32)[:, None] + 1.0 - skyline[None], 0, 1)
    mask = cv2.GaussianBlur(mask, (5, 3), 0.9)  # steep flanks without stairs
    lit_seen = np.clip(maps[..., 1], 0, 1)
    return Terrain(zs, maps[..., 0] * f / 8.0, lit_seen, maps[..., 2], index, top, mask, skyline, _grain(rng, light, height, width))


def _distances() -> Array:
    """Return the distances (D,) of the slices, 1.4 % apart or half a texel, whichever is less.

    A crest that runs across the view would stand there as a comb in slices further apart than it is sharp.
    """
    steps, z = [], _NEAR
    while z < _FAR:
        steps.append(z)
        z += min(0.0142 * z, _STEP / _TEXEL)
    return np.array([*steps, _FAR], np.float32)


def _grain(rng: Generator, light: Light, height: int, width: int) -> Array:
    """Return the relief (H, W), about 1, of gullies and rocks too fine for the height field."""
    h, w = height // 2, width // 2
    rough = noise.ridged(rng, h, w, 58.0, 4, 0.55) + noise.fbm(rng, h, w, 30.0, 4, 0.6, stretch=0.6)
    lit = light.relief(rough * 13.0, 0.9) - 0.5
    strength = (0.5 if light.strength > 0.8 else 0.36) * np.exp(-0.35 * max(light.haze_density - 1, 0))
    grain: Array = cv2.resize(1.0 + strength * lit, (width, height), interpolation=cv2.INTER_CUBIC)
    return grain


def _massif(rng: Generator, rows: int, cols: int, cell: float, sharp: float) -> Array:
    """Return elevations (rows, cols), about [0, 1]: warped pyramids of uneven height with ridged arms."""
    big = noise.fbm(rng, rows, cols, cell * 1.5, 3)
    cones = sum((_cones(rng, rows, cols, cell * k) * a for k, a in ((1.0, 0.6), (0.5, 0.26), (0.27, 0.14))), np.zeros((), np.float32))
    arms = noise.ridged(rng, rows, cols, cell * 0.5, 5, 0.55)
    field = noise.warp(rng, cones**sharp, cell * 0.1, cell * 0.45) * (0.5 + 0.8 * big)
    field = field * (0.4 + 0.95 * arms) + 0.22 * arms * big
    return cv2.GaussianBlur(noise.warp(rng, field, cell * 0.03, cell * 0.12), (0, 0), 1.3)


def _cones(rng: Generator, rows: int, cols: int, cell: float) -> Array:
    """Return packed cones (rows, cols) in [0, 1]."""
    d = np.clip(1.0 - np.square(noise.domes(rng, rows, cols, cell)), 0, 1)
    cones: Array = (1.0 - np.sqrt(d)).astype(np.float32)
    return cones


def _light(elevation: Array, light: Light) -> tuple[Array, Array]:
    """Return how lit, with cast shadows, and how steep each texel is; the sun stands a little behind the eye."""
    gx = cv2.Sobel(elevation, cv2.CV_32F, 1, 0, ksize=3, scale=_TEXEL / 8)
    gz = cv2.Sobel(elevation, cv2.CV_32F, 0, 1, ksize=3, scale=_TEXEL / 8)
    norm = np.sqrt(1 + gx * gx + gz * gz)
    sx, sz, sy = light.dx * 0.8, -0.25, 0.5
    lambert = np.clip((sy - gx * sx - gz * sz) / norm, 0, 1)
    dark = cv2.GaussianBlur(cast(elevation * _TEXEL, light.dx, 0.55), (0, 0), 1.2)
    return lambert * (1 - 0.75 * dark), np.sqrt(gx * gx + gz * gz)


def project(ys: Array, height: int) -> tuple[Array, Array]:
    """Return the slice index (2H, W) seen by each half row and the skyline (W,), for slices at rows `ys` (D, W) of a band `height` px high."""
    d, w = ys.shape
    seen = np.minimum.accumulate(ys, axis=0)
    h2 = height * 2
    first = np.clip(np.ceil(seen * 2 - 0.5), 0, h2).astype(np.int32)  # rows above `first` look past the slice
    flat = (first * w + np.arange(w, dtype=np.int32)).ravel()
    hist = np.bincount(flat, minlength=(h2 + 1) * w).reshape(h2 + 1, w)[:h2]
    past = d - np.cumsum(hist, axis=0, dtype=np.int16)  # slices lying wholly below each row
    k = np.clip(past, 1, d - 1).astype(np.int32)
    flat_k = k * w + np.arange(w, dtype=np.int32)
    upper, lower = seen.ravel().take(flat_k), seen.ravel().take(flat_k - w)
    row = (np.arange(h2, dtype=np.float32)[:, None] + 0.5) / 2
    t = np.clip((lower - row) / np.maximum(lower - upper, 1e-3), 0, 1)
    return (k - 1 + t).astype(np.float32), seen[-1]


def rock_and_snow(rng: Generator, terrain: Terrain, light: Light, rock: Array, snow: float, green: Array | None = None) -> Array:
    """Return slice colours (D, W, 3), shaded and hazed: meadow or forest below, rock, and snow above.

    `snow` 0 none ... 1 down to the valley; `green` is the colour of the lower slopes.
    """
    d, w = terrain.elevation.shape
    top = max(float(terrain.elevation.max()), 1.0)
    n = _patches(rng, terrain)
    level = terrain.elevation / top + 0.25 * n
    albedo = np.broadcast_to(rock, (d, w, 3)) * (1.0 + 0.5 * n)[..., None]
    flat = noise.smoothstep(terrain.steep + 2.0 * n, 4.5, 2.4)  # enough for soil and snow to stay
    if green is not None:
        t = noise.smoothstep(level, 0.34, 0.12) * flat
        albedo = mix(albedo, green * (0.95 + 0.7 * n[..., None]), t)
    if snow > 0:
        line = 0.95 - 1.05 * snow
        t = noise.smoothstep(level - 0.05 * terrain.steep, line - 0.06, line + 0.08) * flat
        albedo = mix(albedo, np.array([0.97, 0.98, 1.0], np.float32), t * 0.96)
    color = light.shade(albedo, np.clip(terrain.lit * 1.25, 0, 1.2))
    low = np.exp(-terrain.elevation / (0.3 * top))  # haze lies in the valleys
    return light.haze(color, np.clip(terrain.depth() * (0.35 + 0.75 * low), 0, 1))


def _patches(rng: Generator, terrain: Terrain) -> Array:
    """Return noise (D, W) in [-0.5, 0.5] that advances with the distance and with the elevation.

    By the distance alone it would be streaks down every steep flank.
    """
    d, w = terrain.elevation.shape
    deep = 176.0  # px of noise from the nearest slice to the farthest
    along = np.linspace(0, deep, d, dtype=np.float32)[:, None] + terrain.elevation - terrain.elevation.min()
    field = noise.fbm(rng, int(along.max()) + 2, w, 40.0, 4, 0.6) - 0.5
    xx = np.broadcast_to(np.arange(w, dtype=np.float32)[None], along.shape)
    return cv2.remap(field, xx, along, cv2.INTER_LINEAR)
