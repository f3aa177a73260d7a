"""Plants as premultiplied RGBA sprites, lit from the sun's side; bake a few, then `forest` pastes many."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator

from . import noise
from .attributes import Attributes
from .canvas import discs, hue, mix, paste, polygon, rgb, sprite, taper
from .light import Light

Array = np.ndarray
LEAVES = {
    "spring": ("#6f9a48", "#86a850", "#5c8c4c", "#f2b8cc", "#e89cbc"),
    "summer": ("#466f38", "#55783a", "#3a6340", "#62803c"),
    "autumn": ("#d8762a", "#c84a28", "#e0a030", "#a8582c", "#c8902c"),
    "winter": ("#c8d4dc", "#dfe8ee", "#b0c0c8"),
}
GRASS = {"spring": "#7fa64a", "summer": "#678941", "autumn": "#a08a4c", "winter": "#e8eef4"}
FLOWERS = ("#e84a5a", "#f2c230", "#f8f4ec", "#b070d8", "#f090b8", "#f08a38", "#5a8ae8")


def leaf_color(rng: Generator, attrs: Attributes) -> Array:
    """Draw an albedo (3,) for foliage in the season."""
    names = LEAVES[attrs.season]
    return hue(rgb(names[int(rng.integers(len(names)))]), float(rng.uniform(-8, 8)), 1.0, float(rng.uniform(0.9, 1.1)))


def grass_color(attrs: Attributes) -> Array:
    """Return the albedo (3,) of meadows in the season."""
    return rgb(GRASS[attrs.season])


def conifer(rng: Generator, light: Light, height: int = 200, snow: float = 0.0, color: Array | None = None, depth: float = 0.0) -> Array:
    """Return a fir (h, w, 4): drooping tiers, dark beneath, lit on the sun's side; `snow` 0..1 lies on the boughs."""
    w = int(height * float(rng.uniform(0.36, 0.5)))
    yy, xx = np.mgrid[0:height, 0:w].astype(np.float32)
    t = yy / height
    tiers = int(rng.integers(9, 14))
    u = (xx - w / 2) / (w / 2)
    wob = noise.fbm(rng, height, w, height / 12, 3, 0.7)
    needle = noise.fbm(rng, height, w, max(height / 30, 4.0), 2, 0.7, stretch=0.7) - 0.5
    phase = t**0.85 * tiers - 0.9 * np.abs(u) + (wob - 0.5) * 0.85
    saw = phase - np.floor(phase)
    reach = (0.04 + 0.96 * t**0.85) * (0.55 + 0.42 * saw) * (0.86 + 0.3 * wob) + needle * 0.16 * (0.3 + t)
    mask = np.clip((reach - np.abs(u)) * w / 2 / 1.5 + 0.5, 0, 1) * np.clip((0.95 - t) * height / 2, 0, 1)
    trunk = np.clip((0.05 - np.abs(u)) * w / 2 + 0.5, 0, 1) * (t > 0.85)
    lit = np.clip(0.42 + 0.42 * u * light.dx + 0.45 * (0.5 - saw) + 0.3 * (wob - 0.5) + 0.7 * needle + 0.12 * (0.5 - t), 0, 1)
    base = hue(rgb("#2f5a3c"), float(rng.uniform(-14, 14)), 1.0, float(rng.uniform(0.8, 1.15))) if color is None else color
    albedo = np.broadcast_to(base, (height, w, 3))
    if snow > 0:
        albedo = mix(albedo, np.array([0.95, 0.97, 1.0], np.float32), noise.smoothstep(lit + 0.25 * (wob - 0.5), 0.85 - 0.55 * snow, 0.95 - 0.45 * snow))
    albedo = mix(albedo, rgb("#4a3626"), trunk * (1 - mask))
    return sprite(light.haze(light.shade(albedo, lit), depth), np.maximum(mask, trunk))


def tree(rng: Generator, light: Light, height: int = 200, color: Array | None = None, depth: float = 0.0, bare: bool = False) -> Array:
    """Return a broadleaf tree (h, w, 4): trunk, boughs, and clustered foliage shaded as a whole and by clump."""
    w = int(height * float(rng.uniform(0.75, 1.0)))
    base = rgb("#4f9038") if color is None else color
    trunk_w = height * float(rng.uniform(0.05, 0.075))
    lean = float(rng.normal(0, 0.05)) * w
    ys = np.linspace(height, height * 0.35, 8)
    xs = w / 2 + lean * ((height - ys) / height) ** 2 * 3
    limbs = [taper(np.stack([xs, ys], 1), trunk_w, trunk_w * 0.4)]
    for k in range(9 if bare else 4):
        y = height * float(rng.uniform(0.45, 0.7))
        side = 1 if k % 2 else -1
        x0 = w / 2 + lean * ((height - y) / height) ** 2 * 3
        end = np.array([x0 + side * w * rng.uniform(0.15, 0.36), max(y - height * rng.uniform(0.15, 0.4), height * (0.06 if bare else 0.24))])
        mid = np.array([(x0 + end[0]) / 2, (y + end[1]) / 2 + height * 0.03])
        limbs.append(taper(np.array([[x0, y], mid, end]), trunk_w * 0.5, trunk_w * 0.15))
    wood = polygon(height, w, *limbs)
    across = np.linspace(-1, 1, w, dtype=np.float32)[None] * (w / trunk_w / 2)
    bark = light.shade(rgb("#5c4632"), np.broadcast_to(np.clip(0.4 + 0.35 * across * light.dx, 0.1, 0.9), wood.shape))
    out = sprite(light.haze(bark, depth), wood)
    if not bare:
        out = _cover(out, crown(rng, light, height, w, base, depth))
    return out


def crown(rng: Generator, light: Light, height: int, width: int, color: Array, depth: float = 0.0) -> Array:
    """Return the foliage (height, width, 4) of one broadleaf crown filling the upper two thirds."""
    n = 22
    a, r = rng.uniform(0, 2 * np.pi, n), np.sqrt(rng.random(n))
    cx, cy = width / 2 + np.cos(a) * r * width * 0.31, height * 0.37 + np.sin(a) * r * height * 0.22
    rad = height * rng.uniform(0.09, 0.16, n)
    lump = noise.balls(height, width, np.stack([cx, cy], 1), rad)
    return foliage(rng, light, lump, height * 0.045, color, depth, 0.37)


def foliage(rng: Generator, light: Light, lump: Array, leaf: float, color: Array, depth: float, middle: float) -> Array:
    """Return foliage (h, w, 4) over a height map of clumps (h, w) in px, with leaves of about `leaf` px."""
    height, width = lump.shape
    leaf = max(leaf, 4.0)
    ragged = noise.fbm(rng, height, width, leaf * 1.8, 3, 0.8) - 0.5
    lump = noise.warp(rng, lump, leaf * 0.9, leaf * 2.2)
    mask = noise.smoothstep(lump + ragged * leaf * 2.6 * (lump > 0.5), leaf * 0.3, leaf * 0.75)
    mask = cv2.GaussianBlur(mask, (0, 0), 0.7)
    clump = noise.warp(rng, noise.domes(rng, height, width, leaf * 1.7), leaf * 0.8, leaf * 1.6)
    bump = cv2.GaussianBlur(lump, (0, 0), leaf * 0.35) + clump * leaf * 0.5 + ragged * leaf * 1.5
    yy, xx = np.mgrid[0:height, 0:width].astype(np.float32)
    whole = ((xx - width / 2) / width * light.dx - (yy / height - middle) * 1.1) * 0.7
    lit = np.clip(light.relief(bump, 0.8) * 0.75 + whole + 0.1 + 0.5 * ragged, 0.02, 1)
    albedo = mix(hue(color, -8, 1.0, 0.72), hue(color, 10, 0.95, 1.15), lit)
    return sprite(light.haze(light.shade(albedo, lit), depth), mask)


def bush(rng: Generator, light: Light, height: int = 60, color: Array | None = None, depth: float = 0.0) -> Array:
    """Return a rounded bush (h, w, 4), about twice as wide as high."""
    w, n = int(height * float(rng.uniform(1.5, 2.3))), 14
    u = rng.uniform(-1, 1, n)
    rad = height * rng.uniform(0.2, 0.32, n)
    cy = height - rad * 0.7 - (1 - u * u) * height * 0.4 * rng.random(n)
    lump = noise.balls(height, w, np.stack([w / 2 + u * w * 0.36, np.maximum(cy, rad)], 1), rad)
    base = rgb("#55803c") if color is None else color
    return foliage(rng, light, lump, height * 0.09, base, depth, 0.5)


def palm(rng: Generator, light: Light, height: int = 300, color: Array | None = None, depth: float = 0.0, fronds: int = 13) -> Array:
    """Return a palm (h, w, 4): a curved ringed trunk and arching fronds, the upper ones lit, the lower in shade."""
    w = int(height * 1.05)
    lean = float(rng.uniform(-0.22, 0.22)) * w
    t = np.linspace(0, 1, 14)
    top = np.array([w / 2 + lean * 0.9, height * 0.34])
    path = np.stack([w / 2 + lean * (t**1.7 * 0.9), height - (height - top[1]) * t], 1)
    trunk = polygon(height, w, taper(path, height * 0.05, height * 0.026))
    yy, xx = np.mgrid[0:height, 0:w].astype(np.float32)
    rel = (xx - np.interp(np.arange(height), path[::-1, 1], path[::-1, 0])[:, None]) / (height * 0.02)
    ring = 0.5 + 0.5 * np.sin(yy * 2 * np.pi / max(height / 30, 6.0))
    lit = np.clip(0.42 + 0.38 * rel * light.dx + 0.18 * (ring - 0.5), 0.05, 1).astype(np.float32)
    out = sprite(light.haze(light.shade(rgb("#8a6a48"), lit), depth), trunk)
    base = rgb("#4f7f40") if color is None else color
    big = np.zeros((height * 2, w * 2, 4), np.uint8)
    for k in sorted(range(fronds), key=lambda i: (i * 7) % fronds):
        a = np.pi * (-0.12 + 1.24 * (k + 0.5 + float(rng.uniform(-0.35, 0.35))) / fronds)
        _frond(rng, big, light, top * 2, a, height * float(rng.uniform(0.66, 0.86)), base, depth)
    leaves = cv2.resize(big, (w, height), interpolation=cv2.INTER_AREA).astype(np.float32) / 255.0
    return _cover(out, cv2.GaussianBlur(leaves, (0, 0), 0.6))


def _frond(rng: Generator, big: Array, light: Light, root: Array, angle: float, length: float, color: Array, depth: float) -> None:
    """Draw one frond leaving `root` at `angle` (0 left ... pi right) into the RGBA bytes `big`: a rib with leaflets."""
    n = 17
    t = np.linspace(0.0, 1.0, n)
    up = float(np.sin(angle))
    rib = np.stack([root[0] - np.cos(angle) * length * (t - 0.15 * t * t), root[1] - up * length * 0.7 * t], 1)
    rib[:, 1] += length * (0.5 + 0.25 * up) * t**2.0
    d = np.gradient(rib, axis=0)
    d /= np.linalg.norm(d, axis=1, keepdims=True) + 1e-6
    reach = length * 0.24 * np.sin(np.pi * np.clip(t * 0.85 + 0.13, 0, 1)) ** 0.8
    side = float(np.clip(0.5 + 0.35 * up - 0.3 * np.cos(angle) * light.dx, 0.1, 1.0))
    shade = float(rng.uniform(-0.12, 0.12))
    for half, bright in ((1.0, 0.7), (-1.0, 1.1)):
        tone = light.tint(hue(color, 10 * shade / 0.12, 1.0, 0.95), float(np.clip(side * bright + shade, 0.05, 1)), depth)
        for k in range(1, n):
            normal = half * np.array([-d[k, 1], d[k, 0]])
            tip = rib[k] + (normal * 0.75 + d[k] * 0.7) * reach[k] + [0, reach[k] * 0.45]
            wide = d[k] * max(length / n * 0.42, 3.0)
            quad = np.array([rib[k] - wide, (rib[k] + tip) / 2 - wide * 0.6, tip, (rib[k] + tip) / 2 + wide * 0.7, rib[k] + wide])
            cv2.fillPoly(big, [np.round(quad).astype(np.int32)], (*(tone * 255).tolist(), 255))


def _cover(below: Array, above: Array) -> Array:
    """Composite two premultiplied sprites of one size."""
    both: Array = above + below * (1 - above[..., 3:])
    return both


def forest(rng: Generator, canvas: Array, sprites: list[Array], line: Array, count: int, size: tuple[float, float], sink: float = 0.06) -> None:
    """Paste `count` random sprites with their feet on the line (W,) of y values, of heights within `size`, far ones first."""
    w = canvas.shape[1]
    xs = (np.arange(count) + rng.random(count)) * (w + 40) / count - 20
    for k in rng.permutation(count):
        y = float(line[int(np.clip(xs[k], 0, w - 1))])
        s = float(rng.uniform(*size))
        paste(canvas, sprites[int(rng.integers(len(sprites)))], float(xs[k]), y + s * sink + 1, s)


def flowers(rng: Generator, canvas: Array, light: Light, top: float, count: int, colors: list[Array], size: float = 6.0) -> None:
    """Scatter flower heads in drifts between row `top` and the lower border, smaller with distance."""
    h, w = canvas.shape[:2]
    t = rng.random(count) ** 0.8
    ys = top + (h - top) * t
    xs = rng.uniform(0, w, count)
    drift = noise.fbm(rng, 64, 128, 20.0, 3)
    keep = drift[(t * 63).astype(int), (xs / w * 127).astype(int)] > 0.47
    pick = rng.integers(len(colors), size=count)
    r = np.maximum(size * (0.25 + 0.75 * t) * rng.uniform(0.7, 1.2, count), 1.3)
    for k, c in enumerate(colors):
        on = keep & (pick == k)
        y0 = int(top) - 10
        m = discs(h - y0, w, xs[on], ys[on] - y0, r[on])
        hi = discs(h - y0, w, xs[on] + light.dx * r[on] * 0.3, ys[on] - y0 - r[on] * 0.3, r[on] * 0.55)
        part = canvas[y0:]
        part += (light.shade(c, 0.45) - part) * m[..., None]
        part += (light.shade(hue(c, 0, 0.9, 1.1), 0.95) - part) * hi[..., None]
