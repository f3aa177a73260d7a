"""Land: painted ridges, hills, cliffs with strata, ground textures, boulders, grass."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator

from . import noise
from .canvas import below, blur, hue, mix, over, polygon, sprite
from .light import Light

Array = np.ndarray


def ridge(rng: Generator, canvas: Array, light: Light, base: float, rise: float, depth: float, albedo: Array, snow: float = 0.0, cell: float = 220.0) -> Array:
    """Paint one range of mountains with lit and shaded faces; return its skyline (W,).

    Summits reach `rise` px above row `base`; `depth` 0 near ... 1 far hazes it; `snow` 0 ... 1 caps it.
    """
    h, w = canvas.shape[:2]
    pad = 160
    prof = noise.peaks(rng, w + 2 * pad, cell, 6, 0.46)
    line = base - rise * prof[pad : pad + w]
    y0 = max(int(line.min()) - 3, 0)
    n = h - y0
    v = np.arange(n, dtype=np.float32)[:, None] + y0 - line[None]
    slope = -np.gradient(cv2.GaussianBlur(prof[None], (0, 0), 3.0)[0]) * rise
    rough = noise.ridged(rng, n, w, 64.0, 4, 0.55)
    meander = (noise.fbm(rng, n, w, 90.0, 4) - 0.5) * np.clip(v, 0, 140) * 1.1
    at = np.clip(np.arange(w)[None] + pad + meander, 0, w + 2 * pad - 1).astype(np.float32)
    face = cv2.remap(slope[None].astype(np.float32), at, np.zeros_like(at), cv2.INTER_LINEAR)
    bump = light.relief(rough * 26.0, 0.8) - 0.5
    lit = np.clip(0.45 + 0.55 * np.tanh(face * -light.dx * -1.6) + 0.8 * bump, 0, 1)
    color = np.broadcast_to(albedo, (n, w, 3))
    if snow > 0:
        cap = rise * (0.15 + 0.95 * snow) * (0.6 + 0.8 * rough)
        color = mix(color, np.array([0.96, 0.98, 1.0], np.float32), noise.smoothstep(v - cap, 6, -8) * 0.95)
    low = np.clip(v / max(rise, 1.0), 0, 1)
    over(canvas, light.haze(light.shade(color, lit), np.clip(depth * (0.75 + 0.7 * low), 0, 1.5)), below(h, line)[y0:], y0)
    return line


def hills(
    rng: Generator,
    canvas: Array,
    light: Light,
    base: float,
    rise: float,
    depth: float,
    albedo: Array,
    cell: float = 300.0,
    woods: float = 0.0,
    bottom: float | None = None,
) -> Array:
    """Paint rolling hills; `woods` > 0 covers them with tree crowns of that size in px; `bottom` ends the painting; return the skyline (W,)."""
    h, w = canvas.shape[:2]
    h = h if bottom is None else int(min(bottom, h))
    line = base - rise * (0.5 + 0.5 * noise.profile(rng, w, cell, 3, 0.4))
    if woods > 0:
        line = line - woods * 0.35 * (0.5 + noise.profile(rng, w, woods * 0.9, 2, 0.6))
    y0 = max(int(line.min()) - 3, 0)
    n = h - y0
    v = np.arange(n, dtype=np.float32)[:, None] + y0 - line[None]
    soft = noise.fbm(rng, n, w, max(rise, 60.0), 4, 0.5, stretch=2.5)
    lit = 0.5 + 0.9 * (soft - 0.5) + 0.5 * np.tanh(np.gradient(cv2.GaussianBlur(line[None], (0, 0), 9)[0]) * -light.dx * -2.0)[None]
    if woods > 0:
        bump = noise.domes(rng, n, w, woods)
        lit = lit + 0.75 * (light.relief(bump * woods * 0.55, 1.0) - 0.5) + 0.3 * (bump - 0.6)
    lit = np.clip(lit + 0.2 * np.exp(-v / 25.0), 0.03, 1)
    color = np.broadcast_to(albedo, (n, w, 3)) * (0.85 + 0.3 * soft[..., None])
    over(canvas, light.haze(light.shade(color, lit), depth * np.clip(0.7 + v / 160.0, 0.6, 1.4)), below(h, line)[y0:], y0)
    return line


def cliff(
    rng: Generator, canvas: Array, light: Light, top: Array, bottom: float, albedo: Array, depth: float = 0.0, moss: Array | None = None, strata: float = 0.5
) -> None:
    """Paint a rock face from the line `top` (W,) down to row `bottom`: columns, ledges, cracks, moss.

    `strata` 0 columns only ... 1 strongly layered; `moss` (3,) covers ledges.
    """
    h, w = canvas.shape[:2]
    y0, y1 = max(int(top.min()) - 2, 0), min(int(bottom), h)
    n = y1 - y0
    columns = noise.ridged(rng, n, w // 3, 60.0, 4, 0.6)
    columns = cv2.resize(columns, (w, n), interpolation=cv2.INTER_CUBIC) if rng.random() < 0.3 else noise.fbm(rng, n, w, 170.0, 5, 0.6, stretch=0.25)
    blocks = noise.ridged(rng, n, w, 90.0, 5, 0.55)
    tilt = (np.arange(w, dtype=np.float32) * float(rng.normal(0, 0.05)))[None] + 26 * noise.profile(rng, w, 200.0, 3)[None]
    layer = noise.profile(rng, n + 400, 34.0, 4, 0.7)
    at = np.clip(np.arange(n, dtype=np.float32)[:, None] + tilt + 200 + 18 * (blocks - 0.5), 0, n + 399).astype(np.float32)
    bands = cv2.remap(layer[:, None].astype(np.float32), np.zeros_like(at), at, cv2.INTER_LINEAR)
    mass = noise.fbm(rng, n, w, 260.0, 3, 0.4, stretch=0.55)
    height = 34 * columns + 22 * blocks + 16 * strata * bands + 150 * mass
    lit = light.relief(height, 0.85) * 0.95 + 0.5 * (columns - 0.5) + 0.15 * strata * bands + 0.5 * (mass - 0.4)
    lit = np.clip(lit, 0.0, 1.1)
    v = np.arange(n, dtype=np.float32)[:, None] + y0 - top[None]
    lit = np.clip(lit * (1.25 - 0.4 * np.clip(v / max(bottom - float(top.min()), 1.0), 0, 1)), 0, 1)
    color = albedo * (0.78 + 0.3 * columns + 0.22 * strata * bands)[..., None]
    if moss is not None:
        n2 = noise.fbm(rng, n, w, 70.0, 5, 0.6)
        grow = noise.smoothstep(n2 + 0.35 * (lit - 0.5) + 0.2 * bands - np.clip(v / 900.0, 0, 0.12), 0.52, 0.66)
        color = mix(color, moss * (0.7 + 0.6 * n2[..., None]), grow * 0.9)
    over(canvas, light.haze(light.shade(color, lit), depth), below(h, top)[y0:y1], y0)


def ground(
    rng: Generator, canvas: Array, light: Light, top: Array, albedo: Array, horizon: float | None = None, kind: str = "grass", depth: float = 0.6
) -> None:
    """Paint the ground below the line `top` (W,): kind 'grass', 'sand', 'snow' or 'rock', hazed towards the horizon.

    `horizon` is the vanishing row of its texture (default a little above the line).
    """
    h, w = canvas.shape[:2]
    y0 = max(int(top.min()) - 2, 0)
    n = h - y0
    hor = (float(top.mean()) - 12 if horizon is None else horizon) - y0
    big = noise.plane(rng, n, w, min(hor, 0.0), 260.0, 1.8)
    fine = noise.plane(rng, n, w, min(hor, 0.0), 60.0, 1.3 if kind != "sand" else 4.0)
    t = np.clip((np.arange(n, dtype=np.float32)[:, None] - hor) / max(n - hor, 1.0), 0, 1)
    bump = {"grass": 16.0, "sand": 9.0, "snow": 14.0, "rock": 40.0}[kind]
    lit = light.relief(big * bump * 3 + fine * bump, 0.8) * 0.9 + 0.1 + 0.7 * (big - 0.5)
    if kind in ("snow", "sand"):
        lit = 0.62 + 0.55 * (lit - 0.55)
    color = albedo * (1 + 0.35 * (big - 0.5) + 0.25 * (fine - 0.5))[..., None]
    if kind == "grass":
        color = mix(color, hue(albedo, -22, 0.9, 1.05), noise.smoothstep(big, 0.5, 0.8) * 0.6)
        color = mix(color, hue(albedo, 14, 1.0, 0.65), noise.smoothstep(fine, 0.55, 0.3) * 0.5)
    far = np.clip(1 - t * 1.6, 0, 1) ** 1.5 * depth
    over(canvas, light.haze(light.shade(color, np.clip(lit, 0.02, 1)), np.broadcast_to(far, (n, w))), below(h, top)[y0:], y0)


def boulder(rng: Generator, light: Light, width: int, albedo: Array, depth: float = 0.0, wet: float = 0.0) -> Array:
    """Return a boulder sprite (h, w, 4) with facets; `wet` darkens its foot, snow can be had by a white albedo."""
    h = int(width * float(rng.uniform(0.5, 0.75)))
    a = np.sort(rng.uniform(0, np.pi, 9))
    r = rng.uniform(0.8, 1.0, 9)
    pts = np.stack([width / 2 - np.cos(a) * r * width * 0.48, h - 2 - np.sin(a) * r * (h - 4)], 1)
    pts = np.concatenate([[[width * 0.03, h]], pts, [[width * 0.97, h]]])
    mask = cv2.GaussianBlur(polygon(h, width, pts), (0, 0), 0.8)
    yy, xx = np.mgrid[0:h, 0:width].astype(np.float32)
    form = np.sqrt(np.clip(1 - ((xx - width / 2) / (width * 0.52)) ** 2 - ((h - yy) / (h * 1.05)) ** 2, 0.02, 1)) * h * 0.8
    form = form + h * 0.5 * noise.ridged(rng, h, width, max(width * 0.4, 8.0), 3)
    lit = np.clip(light.relief(form, 0.8) + 0.25 * (0.6 - yy / h), 0.02, 1)
    color = albedo * (1 - wet * 0.5 * noise.smoothstep(yy / h, 0.5, 1.0))[..., None]
    return sprite(light.haze(light.shade(color, lit), depth), mask)


def tufts(rng: Generator, canvas: Array, light: Light, top: float, albedo: Array, count: int, size: float = 34.0) -> None:
    """Draw tufts of grass blades from row `top` to the lower border, larger in front, in place."""
    h, w = canvas.shape[:2]
    for t in np.sort(rng.random(5)):
        y = top + (h - top) * (0.15 + 0.95 * t)
        blades = []
        for _ in range(count // 5):
            x, s = float(rng.uniform(-10, w + 10)), size * float(0.4 + 0.6 * t) * float(rng.uniform(0.6, 1.2))
            for b in rng.uniform(-0.5, 0.5, 4):
                tip = x + b * s * 1.2 + light.dx * 2
                blades.append([[x + b * 8 - 2, y], [x + b * s * 0.5, y - s * 0.6], [tip, y - s], [x + b * s * 0.5 + 3, y - s * 0.5], [x + b * 8 + 2, y]])
        m = blur(polygon(h, w, *blades), 0.7)
        over(canvas, light.shade(hue(albedo, float(rng.uniform(-10, 10)), 1.0, 0.6 + 0.45 * t), 0.3 + 0.5 * t), m)
