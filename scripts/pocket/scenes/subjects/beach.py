"""A beach: sand, a foam line, turquoise sea, islands and palms that lean over it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator

from .. import land, noise, plants, style, water
from ..attributes import Allowed, Attributes
from ..canvas import below, hue, mix, over, paste, polygon, rgb, sprite, taper
from ..light import Light
from ..sky import paint_sky

NAME = "beach"
ALLOWED = Allowed(weather=("clear", "cloudy"), season=("spring", "summer"))
_SEAS = ("#1fa0a8", "#2fb0b8", "#1c88b0", "#28b49c", "#3a98c0")
_SANDS = ("#ecd9ac", "#f2e6c8", "#e2c592", "#f0dcc0", "#d8bc94")


def draw(rng: Generator, attrs: Attributes, width: int, height: int = 512) -> np.ndarray:
    """Return one scene (H, W, 3) in [0, 1]."""
    horizon = float(rng.uniform(215, 275))
    canvas, light = paint_sky(rng, attrs, width, height, horizon)
    sky = canvas.copy() if attrs.style == "silhouette" else canvas
    green = hue(rgb("#4f8a3c"), float(rng.uniform(-15, 12)), 1.0, float(rng.uniform(0.85, 1.1)))
    islands(rng, canvas, light, horizon, green)
    far = style.changed(sky, canvas) if attrs.style == "silhouette" else None
    shore = horizon + float(rng.uniform(95, 135)) + 26 * noise.profile(rng, width, 300.0, 2)
    shore = (shore + 5 * np.sin(np.arange(width) / float(rng.uniform(26, 40)))).astype(np.float32)
    shallows(rng, canvas, light, horizon, shore)
    sand(rng, canvas, light, horizon, shore)
    before = canvas.copy() if attrs.style == "silhouette" else canvas
    palms(rng, canvas, light, horizon, shore, green, attrs.style != "silhouette")
    mask = None
    if far is not None:
        mask = np.maximum(np.maximum(np.clip(np.abs(canvas - before).sum(axis=2) * 2.5, 0, 1), 0.8 * far), 0.8 * below(height, shore, 8.0))
    return style.finish(canvas, attrs, light, mask)


def islands(rng: Generator, canvas: np.ndarray, light: Light, horizon: float, green: np.ndarray) -> None:
    """Set wooded islands or a far coast on the horizon."""
    height, width = canvas.shape[:2]
    line = horizon + 12 - 70 * np.clip(noise.profile(rng, width, 240.0, 4) - 0.02, 0, 1) ** 0.8
    y0, y1 = int(line.min()) - 2, int(horizon) + 4
    if y1 - y0 < 8:
        return
    bump = noise.domes(rng, y1 - y0, width, 8.0) * 5 + 30 * noise.fbm(rng, y1 - y0, width, 60.0, 3)
    color = light.haze(light.shade(hue(green, 8, 0.9, 0.8), light.relief(bump, 1.0)), 0.55)
    over(canvas, color, below(height, line.astype(np.float32), 2.0)[y0:y1], y0)


def shallows(rng: Generator, canvas: np.ndarray, light: Light, horizon: float, shore: np.ndarray) -> None:
    """Paint the sea, deep blue far out and clear over the sand near the shore line (W,)."""
    color = hue(rgb(_SEAS[int(rng.integers(len(_SEAS)))]), float(rng.uniform(-8, 8)))
    end = int(shore.max()) + 14
    water.sea(rng, canvas, horizon, light, hue(color, 12, 1.05, 0.8), end, float(rng.uniform(0.3, 0.6)))
    y0 = int(horizon)
    yy = np.arange(y0, end, dtype=np.float32)[:, None]
    d = (shore[None] - yy) / (shore[None] - horizon)
    n = noise.plane(rng, end - y0, canvas.shape[1], -6.0, 90.0, 4.0) - 0.5
    near = noise.smoothstep(d + 0.45 * n, 0.85, 0.1)
    clear = light.shade(mix(color, rgb("#d8f4e0"), noise.smoothstep(d + 0.3 * n, 0.5, 0.0)[..., None] * 0.75), 0.8)
    glint = np.clip(n, 0, 1)[..., None] * 0.5 * light.horizon
    over(canvas, np.clip(clear + glint, 0, 1), (near * 0.72).astype(np.float32), y0)
    swell(rng, canvas, light, horizon, shore, end)


def swell(rng: Generator, canvas: np.ndarray, light: Light, horizon: float, shore: np.ndarray, end: int) -> None:
    """Roll two lines of breaking waves towards the shore line (W,)."""
    width, y0 = canvas.shape[1], int(horizon)
    yy = np.arange(y0, end, dtype=np.float32)[:, None]
    white = light.shade(np.array([0.97, 0.99, 1.0], np.float32), 0.85)
    for k, part in enumerate((0.42, 0.72)):
        size = 5 + 7 * part
        line = horizon + (shore - horizon) * part + 5 * noise.profile(rng, width, 120.0, 3)
        strong = np.clip(noise.profile(rng, width, 150.0, 2) * 1.5 + 0.5, 0, 1)
        d = (yy - line[None]) / (size * (0.25 + strong[None]))
        face = np.exp(-((d - 1.1) ** 2) * 1.5)
        band = canvas[y0:end]
        band *= 1 - (0.22 * face * strong[None])[..., None]
        foam = noise.smoothstep(d, -1.0, 0.1) * noise.smoothstep(d, 0.9, 0.3) * strong[None]
        over(canvas, white, (foam * (0.85 - 0.15 * k)).astype(np.float32), y0)


def sand(rng: Generator, canvas: np.ndarray, light: Light, horizon: float, shore: np.ndarray) -> None:
    """Paint the beach below the shore line (W,): foam lace, a wet mirror strip and soft dry sand."""
    height, width = canvas.shape[:2]
    y0 = int(shore.min()) - 16
    sky = canvas[int(horizon * 0.35) : int(horizon * 0.9)].mean(axis=(0, 1))
    albedo = hue(rgb(_SANDS[int(rng.integers(len(_SANDS)))]), float(rng.uniform(-6, 6)))
    land.ground(rng, canvas, light, shore, albedo, horizon=horizon - 10, kind="sand", depth=0.1)
    yy = np.arange(y0, height, dtype=np.float32)[:, None]
    d = yy - shore[None]
    wander = 12 * noise.profile(rng, width, 90.0, 3)[None]
    wet = noise.smoothstep(d + wander, 46, 20)
    over(canvas, mix(light.shade(albedo * 0.62, 0.5), sky, 0.45), wet * noise.smoothstep(d, -2, 3) * 0.85, y0)
    white = light.shade(np.array([0.98, 0.99, 1.0], np.float32), 0.92)
    tex = noise.fbm(rng, height - y0, width, 18.0, 3, stretch=2.0)
    lace = 9 * noise.profile(rng, width, 70.0, 3)[None]
    edge = noise.smoothstep(d + lace, -12, -3) * noise.smoothstep(d + lace, 15, 9)
    inner = noise.smoothstep(d + lace, -26, -6) * noise.smoothstep(d + lace, 12, 0) * noise.smoothstep(tex, 0.45, 0.6)
    rim = np.exp(-(((d + lace - 10) / 4.5) ** 2))
    foam = np.clip(np.maximum(edge * noise.smoothstep(tex, 0.3, 0.5), np.maximum(inner * 0.7, rim)), 0, 1)
    shadow = np.exp(-(((d + lace - 17) / 4.0) ** 2))
    canvas[y0:] *= 1 - 0.2 * shadow[..., None].astype(np.float32)
    over(canvas, white, foam.astype(np.float32) * 0.95, y0)


def palms(rng: Generator, canvas: np.ndarray, light: Light, horizon: float, shore: np.ndarray, green: np.ndarray, shadows: bool) -> None:
    """Plant palms on the beach in groups of differing height, each with its shadow and some scrub at its foot."""
    height, width = canvas.shape[:2]
    kinds = [coconut(rng, light, 330, hue(green, float(rng.uniform(-14, 14))), lean) for lean in (-0.3, 0.08, 0.27)]
    bushes = [plants.bush(rng, light, 40, hue(green, 8, 1, 0.85)) for _ in range(2)]
    stones = [land.boulder(rng, light, 70, rgb("#7c7064"), 0.02, 0.6) for _ in range(2)]
    rhythm = float(rng.uniform(170, 250))
    x = float(rng.uniform(20, rhythm * 0.7))
    spots = []
    while x < width + 60:
        for _ in range(int(rng.choice([1, 2, 3], p=[0.55, 0.4, 0.05]))):
            at = x + float(rng.normal(0, 34))
            y = float(shore[int(np.clip(at, 0, width - 1))]) + float(rng.uniform(50, 130))
            spots.append((min(y, height + 14.0), at))
        x += rhythm * float(rng.uniform(0.75, 1.25))
    for y, x in sorted(spots):
        near = np.clip((y - horizon) / (height - horizon), 0.3, 1.1)
        size = (170 + 270 * near) * float(rng.uniform(0.7, 1.25))
        if shadows:
            lay_shadow(canvas, light, x, y, size)
        image = kinds[int(rng.integers(3))]
        paste(canvas, image, x, y, min(size, y - 4))
        if rng.random() < 0.75:
            paste(canvas, bushes[int(rng.integers(2))], x + float(rng.normal(0, 18)), y + 5, size * float(rng.uniform(0.08, 0.13)))
        if rng.random() < 0.35:
            paste(canvas, stones[int(rng.integers(2))], x + float(rng.uniform(-60, 60)), y + 4, size * float(rng.uniform(0.06, 0.1)))


def coconut(rng: Generator, light: Light, height: int, color: np.ndarray, lean: float) -> np.ndarray:
    """Return a coconut palm (h, w, 4): a slender ringed trunk curving to the side `lean`, airy arching fronds, nuts."""
    w = int(height * 1.5)
    t = np.linspace(0, 1, 16)
    lean = lean + float(rng.uniform(-0.06, 0.06))
    top = np.array([w / 2 + lean * height, height * 0.3])
    path = np.stack([w / 2 + lean * height * t**1.7, height - (height - top[1]) * t], 1)
    foot = np.array([[w / 2 - height * 0.032, height], [w / 2, height * 0.88], [w / 2 + height * 0.032, height]])
    trunk = polygon(height, w, taper(path, height * 0.042, height * 0.023), foot)
    yy, xx = np.mgrid[0:height, 0:w].astype(np.float32)
    middle = np.interp(np.arange(height), path[::-1, 1], path[::-1, 0])[:, None]
    lit = np.clip(0.45 + 0.4 * (xx - middle) / (height * 0.018) * light.dx + 0.12 * np.sin(yy * 2 * np.pi / 12), 0.05, 1)
    out = sprite(light.shade(rgb("#96785a"), lit.astype(np.float32)), trunk)
    big = np.zeros((height * 2, w * 2, 4), np.uint8)
    n = int(rng.integers(9, 12))
    angles = np.deg2rad(np.linspace(-28, 208, n) + rng.uniform(-7, 7, n))
    for k in rng.permutation(n):
        frond(rng, big, light, top * 2, float(angles[k]), height * 2 * float(rng.uniform(0.36, 0.46)), color)
    for dx in (-9, 2, 10):
        at = (int(top[0] * 2 + dx * 1.4), int(top[1] * 2 + 10 + abs(dx) * 0.3))
        cv2.circle(big, at, 13, (*(light.tint(rgb("#8a6234"), 0.5) * 255).tolist(), 255), -1, cv2.LINE_AA)
    leaves: np.ndarray = cv2.resize(big, (w, height), interpolation=cv2.INTER_AREA).astype(np.float32) / 255.0
    leaves = cv2.GaussianBlur(leaves, (0, 0), 0.6)
    both: np.ndarray = leaves + out * (1 - leaves[..., 3:])
    return both


def frond(rng: Generator, big: np.ndarray, light: Light, root: np.ndarray, angle: float, length: float, color: np.ndarray) -> None:
    """Draw one frond into the RGBA bytes `big`: a rib that arches and droops, leaflets hanging from both its sides."""
    n = 20
    t = np.linspace(0.0, 1.0, n)
    up = max(float(np.sin(angle)), 0.0)
    rib = np.stack([root[0] + np.cos(angle) * length * (t - 0.12 * t * t), root[1] - np.sin(angle) * length * 0.72 * t], 1)
    rib[:, 1] += length * (0.34 + 0.34 * up) * t**2.0
    d = np.gradient(rib, axis=0)
    d /= np.linalg.norm(d, axis=1, keepdims=True) + 1e-6
    reach = length * 0.21 * np.sin(np.pi * np.clip(t * 0.8 + 0.14, 0, 1)) ** 0.8
    side = float(np.clip(0.45 + 0.3 * up + 0.3 * np.cos(angle) * light.dx, 0.1, 1.0)) + float(rng.uniform(-0.1, 0.1))
    for half, bright in ((1.0, 0.62), (-1.0, 1.15)):
        half = half if np.cos(angle) > 0 else -half
        tone = (*(light.tint(hue(color, 8 * bright - 8, 1.0, 1.0), float(np.clip(side * bright, 0.05, 1))) * 255).tolist(), 255)
        for k in range(1, n):
            normal = half * np.array([-d[k, 1], d[k, 0]])
            tip = rib[k] + (normal * 0.6 + d[k] * 0.65) * reach[k] + [0, reach[k] * 0.4]
            wide = d[k] * max(length / n * 0.34, 4.0)
            quad = np.array([rib[k] - wide, (rib[k] + tip) / 2 - wide * 0.8, tip, (rib[k] + tip) / 2 + wide * 0.8, rib[k] + wide])
            cv2.fillPoly(big, [np.round(quad).astype(np.int32)], tone)
    rib_tone = (*(light.tint(hue(color, -12, 0.9, 1.2), 0.7) * 255).tolist(), 255)
    cv2.polylines(big, [np.round(rib).astype(np.int32)], False, rib_tone, 5, cv2.LINE_AA)


def lay_shadow(canvas: np.ndarray, light: Light, x: float, y: float, size: float) -> None:
    """Lay a palm's shadow on the sand, away from the sun."""
    w, h = int(size * 1.1), int(size * 0.2) + 8
    side = -1.0 if light.dx > 0 else 1.0
    far = np.array([w / 2 + side * w * 0.3, h * 0.55])
    arms = [np.array([far, far + [np.cos(a) * w * 0.17, np.sin(a) * h * 0.34]]) for a in np.linspace(0.2, 6.1, 9)]
    parts = [np.array([[w / 2, h * 0.42], [w / 2, h * 0.54], far])]
    for a in arms:
        mid, along = a.mean(axis=0), a[1] - a[0]
        side_way = np.array([-along[1], along[0]]) * 0.3
        parts.append(np.array([a[0], mid + side_way, a[1], mid - side_way]))
    m = cv2.GaussianBlur(polygon(h, w, *parts), (0, 0), 3.0) * 0.42 * min(light.strength, 1.0)
    over(canvas, light.shade(rgb("#4a4438"), 0.05), m.astype(np.float32), int(y - h * 0.48), int(x - w / 2))
