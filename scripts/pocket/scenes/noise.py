"""Band-limited noise, made by resizing small random grids (fast, smooth, seeded)."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator

Array = np.ndarray


def smoothstep(x: Array | float, lo: float, hi: float) -> Array:
    """Return the cubic step of `x` from 0 at `lo` to 1 at `hi` (lo > hi falls instead of rising)."""
    t = np.clip((np.asarray(x, np.float32) - lo) / (hi - lo), 0.0, 1.0)
    step: Array = t * t * (3.0 - 2.0 * t)
    return step


def fit(grid: Array, height: int, width: int) -> Array:
    """Resize with a cubic kernel to (height, width)."""
    return cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)


def value(rng: Generator, height: int, width: int, cell: float, stretch: float = 1.0) -> Array:
    """Return one octave of value noise (H, W), about [0, 1]; `cell` px high, `cell * stretch` px wide."""
    gh, gw = int(height / cell) + 2, int(width / (cell * stretch)) + 2
    return fit(rng.random((gh, gw), dtype=np.float32), height, width)


def fbm(rng: Generator, height: int, width: int, cell: float, octaves: int = 5, gain: float = 0.5, stretch: float = 1.0) -> Array:
    """Return fractal noise (H, W) in [0, 1], mean 0.5; largest forms `cell` px high, `stretch` times as wide.

    Octaves whose cells would be finer than 3 px are left out.
    """
    gh, gw = height / cell + 2.0, width / (cell * stretch) + 2.0
    out = rng.random((int(gh), int(gw)), dtype=np.float32) - 0.5
    amp = 1.0
    for _ in range(octaves - 1):
        gh, gw, amp = gh * 2, gw * 2, amp * gain
        gh, gw = min(gh, height / 3.0 + 2), min(gw, width / 3.0 + 2)
        size = (int(gh), int(gw))
        out = fit(out, *size) + (rng.random(size, dtype=np.float32) - 0.5) * amp
        if gh >= height / 3.0 and gw >= width / 3.0:
            break
    out -= out.mean()
    out *= 0.2 / (float(out.std()) + 1e-6)
    return np.clip(fit(out, height, width) + 0.5, 0.0, 1.0)


def ridged(rng: Generator, height: int, width: int, cell: float, octaves: int = 5, gain: float = 0.5) -> Array:
    """Return ridged multifractal noise (H, W) in [0, 1]: sharp crests, smooth valleys."""
    out = np.zeros((height, width), np.float32)
    amp, total = 1.0, 0.0
    weight: Array | float = 1.0
    for k in range(octaves):
        size = cell / 2**k
        if size < 2.5:
            break
        n = value(rng, height, width, size)
        n = np.square(1.0 - np.minimum(np.abs(n - 0.5) * 2.6, 1.0))
        out += amp * n * weight
        weight = np.clip(n * 1.6 + 0.15, 0.0, 1.0) if k == 0 else weight
        total += amp
        amp *= gain
    ridges: Array = np.clip(out / total * 1.25, 0.0, 1.0)
    return ridges


def warped(rng: Generator, height: int, width: int, cell: float, amount: float = 0.6, stretch: float = 1.0) -> Array:
    """Return domain-warped fbm (H, W) in [0, 1]: swirling, marbled; `amount` in cells."""
    return warp(rng, fbm(rng, height, width, cell, stretch=stretch), amount * cell, cell * 1.5)


def warp(rng: Generator, image: Array, amount: float, cell: float) -> Array:
    """Displace `image` (H, W[, C]) by smooth noise of up to `amount` px with cells of `cell` px."""
    h, w = image.shape[:2]
    yy, xx = np.mgrid[0:h, 0:w].astype(np.float32)
    xx += (value(rng, h, w, cell) - 0.5) * 2 * amount
    yy += (value(rng, h, w, cell) - 0.5) * 2 * amount
    return cv2.remap(image, xx, yy, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)


def profile(rng: Generator, width: int, cell: float, octaves: int = 5, gain: float = 0.5) -> Array:
    """Return a smooth 1-D fractal profile (W,), about [-1, 1]."""
    out, amp = np.zeros(width, np.float32), 1.0
    for k in range(octaves):
        size = max(cell / 2**k, 3.0)
        grid = rng.random((1, int(width / size) + 3), dtype=np.float32)
        out += amp * (fit(grid, 1, width)[0] - 0.5) * 2
        amp *= gain
        if size <= 3.0:
            break
    return out * (1 - gain) * 1.4


def peaks(rng: Generator, width: int, cell: float, octaves: int = 6, gain: float = 0.5) -> Array:
    """Return a 1-D ridge profile (W,) in [0, 1] with pointed summits (for mountain silhouettes)."""
    out, amp, total = np.zeros(width, np.float32), 1.0, 0.0
    for k in range(octaves):
        size = max(cell / 2**k, 4.0)
        knots = int(width / size) + 3
        at = (np.arange(knots) + rng.uniform(-0.3, 0.3, knots) - 0.5) * size
        level = rng.random(knots)
        level[k % 2 :: 2] *= 0.45
        out += (amp * np.interp(np.arange(width), at, level)).astype(np.float32)
        total += amp
        amp *= gain
    out = cv2.GaussianBlur(out[None], (0, 0), 1.0)[0]
    scaled: Array = (out - out.min()) / (np.ptp(out) + 1e-6)
    return scaled


def domes(rng: Generator, height: int, width: int, cell: float) -> Array:
    """Return a height map (H, W) in [0, 1] of packed domes of about `cell` px: foliage, boulders, crowds, foam."""
    gh, gw = int(height / cell) + 2, int(width / cell) + 2
    jy, jx = rng.random((gh, gw)), rng.random((gh, gw))
    ys = ((np.arange(gh)[:, None] + jy - 0.5) * cell).astype(int)
    xs = ((np.arange(gw)[None] + jx - 0.5) * cell).astype(int)
    ok = (ys >= 0) & (ys < height) & (xs >= 0) & (xs < width)
    seeds = np.full((height, width), 255, np.uint8)
    seeds[ys[ok], xs[ok]] = 0
    d = cv2.distanceTransform(seeds, cv2.DIST_L2, 3) / (cell * 0.75)
    heights: Array = np.sqrt(np.clip(1.0 - d * d, 0.0, 1.0))
    return heights


def balls(height: int, width: int, centres: Array, radii: Array) -> Array:
    """Return a height map (H, W) in px of the union of spheres (0 outside); `centres` (N, 2) as x, y."""
    out = np.zeros((height, width), np.float32)
    for (cx, cy), r in zip(centres, radii, strict=True):
        x0, x1 = max(int(cx - r), 0), min(int(cx + r) + 2, width)
        y0, y1 = max(int(cy - r), 0), min(int(cy + r) + 2, height)
        if x0 >= x1 or y0 >= y1:
            continue
        d = (np.arange(y0, y1, dtype=np.float32)[:, None] - cy) ** 2
        d = d + (np.arange(x0, x1, dtype=np.float32)[None] - cx) ** 2
        part = out[y0:y1, x0:x1]
        np.maximum(part, np.sqrt(np.clip(r * r - d, 0.0, None)), out=part)
    return out


def plane(rng: Generator, height: int, width: int, horizon: float, cell: float, stretch: float = 1.0) -> Array:
    """Return fbm (H, W) in [0, 1] lying on a ground plane seen in perspective, vanishing at row `horizon`.

    Rows are those of the strip itself: pass a negative `horizon` when the strip begins below the eye line.
    `cell` is the size in px of the largest forms at the bottom row. Contrast fades towards the horizon.
    """
    tex = fbm(rng, 384, 512, 64.0, octaves=5, gain=0.6)
    below = np.maximum(np.arange(height, dtype=np.float32) - horizon, 0.5)
    z = (height - horizon) / below
    scale = 64.0 / cell
    x = (np.arange(width, dtype=np.float32) - width * 0.5)[None] * z[:, None] * (scale / stretch) + 256
    y = np.broadcast_to((z * scale * (height - horizon) * 1.5)[:, None], x.shape).astype(np.float32)
    out = cv2.remap(tex, x.astype(np.float32), y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    fade = np.clip(cell / (1.5 * z * z) / 7.0 - 0.25, 0.0, 1.0)[:, None]  # forms too flat to be seen fade out
    faded: Array = 0.5 + (out - 0.5) * fade
    return faded
