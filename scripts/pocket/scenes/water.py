"""Water: reflections with ripples, the sea with waves and foam, falling water and mist."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator

from . import noise
from .canvas import blur, mix, over, screen
from .light import Light

Array = np.ndarray


def ripples(rng: Generator, height: int, width: int, cell: float = 46.0) -> Array:
    """Return horizontal ripples (H, W) in about [-1, 1] on a plane whose far edge is row 0."""
    return 2.0 * noise.plane(rng, height, width, -6.0, cell * 1.4, 3.5) - 1.0


def reflect(
    rng: Generator,
    canvas: Array,
    y0: float,
    light: Light,
    color: Array | None = None,
    rough: float = 0.5,
    mask: Array | None = None,
    squash: float = 1.0,
    foreground: Array | None = None,
) -> None:
    """Fill the canvas below row `y0` with water mirroring what is above it, in place.

    `color` (3,) is the water's own, `rough` 0 mirror ... 1 choppy, `mask` (H - y0, W) limits it, `squash` > 1
    shows more of the sky than a plain mirror. `foreground` (H, W), which would turn dark in a silhouette, is
    mirrored too, in place: dark towers have dark images.
    """
    h, w = canvas.shape[:2]
    top = int(y0)
    n = h - top
    rip = ripples(rng, n, w)
    t = np.arange(n, dtype=np.float32)[:, None] / max(n - 1, 1)
    yy = top - 1 - np.arange(n, dtype=np.float32)[:, None] * squash
    yy = yy + rip * rough * (4 + 34 * t)
    xx = np.arange(w, dtype=np.float32)[None] + rip * rough * (1 + 5 * t)
    yy = np.abs(np.minimum(yy, top - 1.0)).astype(np.float32)
    image = cv2.remap(canvas, xx.astype(np.float32), yy, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    image = cv2.GaussianBlur(image, (0, 0), 0.8 + rough, sigmaY=1.5 + 3.0 * rough)
    own = light.shade(np.array([0.1, 0.26, 0.32], np.float32) if color is None else color, 0.6)
    fresnel = np.clip(0.88 - 0.5 * t * (0.5 + rough) + 0.3 * rip * rough, 0.15, 0.95)
    image = mix(own, image, np.broadcast_to(fresnel, (n, w)))
    glint = noise.smoothstep(rip, 0.3, 0.75) * rough * 0.28 * (1 - 0.5 * t)
    screen(image, glint[..., None] * mix(light.horizon, light.glow, 0.4))
    edge = np.clip(np.arange(n, dtype=np.float32)[:, None] / 2.0 + 0.3, 0, 1)
    if foreground is not None:
        dark = cv2.remap(foreground, xx.astype(np.float32), yy, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        foreground[top:] = cv2.GaussianBlur(dark, (0, 0), 0.8 + rough, sigmaY=1.5 + 3.0 * rough) * fresnel
    over(canvas, image, np.broadcast_to(edge, (n, w)) if mask is None else mask * edge, top, 0)


def sea(rng: Generator, canvas: Array, horizon: float, light: Light, color: Array, bottom: float | None = None, chop: float = 0.6) -> None:
    """Paint the open sea from `horizon` down to `bottom` (default the lower border) with waves and the sun's road."""
    h, w = canvas.shape[:2]
    top, end = int(horizon), int(h if bottom is None else bottom)
    n = end - top
    wave = 2 * noise.plane(rng, n, w, -3.0, 70.0, 4.0) - 1
    fine = 2 * noise.plane(rng, n, w, -3.0, 30.0, 3.0) - 1
    t = np.arange(n, dtype=np.float32)[:, None] / max(n - 1, 1)
    body = light.shade(color, 0.75)
    deep = mix(body, light.shade(hue_deep(color), 0.5), 0.5)
    sky = mix(light.horizon, light.zenith, 0.45)
    base = mix(mix(sky, deep, 0.3), body, np.broadcast_to(t**0.7, (n, w)))
    slope = wave * 0.7 + fine * 0.5
    image = mix(base, sky, np.clip(slope * 0.6, 0, 0.6) * chop) * (1 + 0.28 * chop * np.minimum(slope, 0))[..., None]
    road = np.exp(-(((np.arange(w)[None] - light.sun_x) / (26 + 120 * t)) ** 2))
    sparkle = road * noise.smoothstep(slope, -0.15, 0.6) * (0.9 if light.strength > 0.5 else 0.3)
    screen(image, sparkle[..., None].astype(np.float32) * light.glow)
    crest = noise.smoothstep(wave * 0.75 + fine * 0.45, 0.5, 0.8) * t * chop * 0.6
    image = mix(image, light.shade(np.array([0.96, 0.98, 1.0], np.float32), 0.8), crest.astype(np.float32))
    edge = np.clip(np.arange(n, dtype=np.float32)[:, None] / 1.5 + 0.2, 0, 1)
    over(canvas, image, np.broadcast_to(edge, (n, w)), top, 0)


def hue_deep(color: Array) -> Array:
    """Return the darker, bluer colour of deep water."""
    deep: Array = np.clip(np.asarray(color) * np.array([0.4, 0.6, 0.8], np.float32), 0, 1)
    return deep


def surf(rng: Generator, canvas: Array, line: Array, light: Light, width: float = 26.0) -> None:
    """Paint a breaking foam edge along the shore line (W,) of y values, and two fainter ones behind it."""
    h, w = canvas.shape[:2]
    yy = np.arange(h, dtype=np.float32)[:, None]
    tex = noise.fbm(rng, h, w, 22.0, 4, stretch=2.2)
    white = light.shade(np.array([0.97, 0.98, 1.0], np.float32), 0.9)
    for k, (lift, soft, alpha) in enumerate(((0.0, 1.0, 0.95), (30.0, 0.8, 0.6), (62.0, 0.6, 0.45))):
        y = line - lift + 7 * noise.profile(rng, w, 110.0, 3)
        d = (yy - y[None]) / (width * soft)
        band = noise.smoothstep(d, -1.0, -0.2) * noise.smoothstep(d, 0.16, 0.0)
        over(canvas, white, band * noise.smoothstep(tex + 0.35 * (1 + d) - 0.1 * k, 0.4, 0.62) * alpha)


def fall(rng: Generator, canvas: Array, light: Light, x: float, top: float, bottom: float, width: float, spread: float = 1.25) -> None:
    """Paint one waterfall, its lip centred at (x, top), `width` px wide, falling to row `bottom`, in place."""
    h = int(bottom - top)
    if h < 8:
        return
    w = int(width * max(spread, 1.0) * 1.5) + 24
    t = (np.arange(h, dtype=np.float32) / h)[:, None]
    xs = (np.arange(w, dtype=np.float32) - w / 2)[None]
    half = width / 2 * (1 + (spread - 1) * np.sqrt(t)) * (1 + 0.12 * noise.profile(rng, h, 60.0, 3)[:, None])
    u = xs / half
    fine = noise.fbm(rng, h, w, 80.0, 4, 0.7, stretch=0.16)
    coarse = noise.fbm(rng, h, w, 150.0, 3, 0.6, stretch=0.2)
    shift = np.clip(u * 0.5 + 0.5, 0, 1) * (w - 1)  # streaks fan out with the stream
    yy = np.broadcast_to(np.arange(h, dtype=np.float32)[:, None], shift.shape)
    fine = cv2.remap(fine, shift.astype(np.float32), yy.astype(np.float32), cv2.INTER_LINEAR)
    ragged = np.abs(u) + (coarse - 0.5) * 0.9 * (0.25 + t)
    alpha = noise.smoothstep(ragged, 1.0, 0.66) * (0.8 + 0.2 * noise.smoothstep(fine, 0.3, 0.55))
    alpha *= np.clip((t * h - 5.0 * np.clip(u * u, 0, 1)) / 3.0, 0, 1)
    lit = np.clip(0.5 + 1.5 * (fine - 0.5) + 0.22 * u * light.dx + 0.25 * (coarse - 0.4) + 0.2 * t, 0.05, 1.0)
    lip = noise.smoothstep(t * h, 22.0, 2.0)
    white = np.array([0.96, 0.985, 1.0], np.float32)
    bright = np.clip(light.ambient * 0.95 + light.sun * light.strength * 0.5 + 0.06, 0, 1) * white
    dim = np.clip(light.ambient * 0.72 + light.sun * light.strength * 0.1, 0, 1) * np.array([0.75, 0.92, 1.0], np.float32)
    color = mix(mix(dim, np.clip(bright * 1.08, 0, 1), lit), dim * 1.1, lip * 0.4)
    over(canvas, color, alpha.astype(np.float32), int(top), int(x - w / 2))


def mist(rng: Generator, canvas: Array, light: Light, x: float, y: float, width: float, height: float, alpha: float = 0.8) -> None:
    """Let spray rise around (x, y), `width` by `height` px, in place: soft, billowing, lit."""
    w, h = int(width * 2), int(height * 2)
    yy, xx = np.mgrid[0:h, 0:w].astype(np.float32)
    d = ((xx - w / 2) / (w / 2)) ** 2 + ((yy - h / 2) / (h / 2)) ** 2
    puff = np.clip(1 - d, 0, 1) ** 1.3
    puff = puff * (0.45 + 1.1 * noise.fbm(rng, h, w, max(height * 0.6, 12.0), 3))
    color = np.clip(light.ambient * 0.9 + light.sun * light.strength * 0.42 + 0.04, 0, 1) * np.array([0.97, 0.99, 1.0], np.float32)
    over(canvas, mix(color, light.haze_color, 0.25), np.clip(puff, 0, 1) * alpha, int(y - h / 2), int(x - w / 2))


def fog_bank(rng: Generator, canvas: Array, light: Light, y: float, height: float, alpha: float = 0.6) -> None:
    """Lay a bank of drifting fog centred on row `y`, about `height` px thick, across the whole canvas."""
    h, w = canvas.shape[:2]
    y0, y1 = int(max(y - height, 0)), int(min(y + height, h))
    if y1 - y0 < 4:
        return
    t = (np.arange(y0, y1, dtype=np.float32)[:, None] - y) / height
    tex = blur(noise.fbm(rng, y1 - y0, w, height * 0.7, 4, stretch=3.5), 2.0)
    m = np.clip(1 - t * t, 0, 1) * noise.smoothstep(tex, 0.2, 0.75) * alpha
    over(canvas, np.clip(mix(light.haze_color, light.sun, 0.15), 0, 1), m.astype(np.float32), y0, 0)
