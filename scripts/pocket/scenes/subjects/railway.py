"""A single straight railway track seen from straight above, running across the middle of the picture."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator

from .. import noise, plants, style
from ..attributes import Allowed, Attributes
from ..canvas import blur, hue, mix, over, rgb
from ..light import Light
from ..sky import make_light

NAME = "railway"
ALLOWED = Allowed(style=("photo", "cartoon", "anime"))
_BED = 88.0  # half the height of the ballast in px
_SLEEPER = 62.0  # half the length of a sleeper
_GAUGE = 37.0  # a rail's distance from the axis
_PITCH = 40.0  # from sleeper to sleeper
_KINDS = {
    "spring": (("grass", 0.5), ("forest", 0.3), ("sand", 0.1), ("field", 0.1)),
    "summer": (("grass", 0.35), ("forest", 0.3), ("sand", 0.25), ("field", 0.1)),
    "autumn": (("leaves", 0.4), ("forest", 0.4), ("grass", 0.2)),
    "winter": (("snow", 0.65), ("forest", 0.35)),
}
_BALLAST = ("#8c8680", "#7a746e", "#94887a", "#6e7078", "#a09890", "#86705e")
_WOOD = ("#54392a", "#664430", "#3e2e28", "#5c4a40", "#c4beb4")
_SANDS = ("#d8b880", "#c8a070", "#e0c8a0", "#c08a5c")


def draw(rng: Generator, attrs: Attributes, width: int, height: int = 512) -> np.ndarray:
    """Return one scene (H, W, 3) in [0, 1]."""
    light = make_light(rng, attrs, width, 300)
    light.neutral(0.45)
    light.ambient = light.ambient * (1.45 if light.night else 1.1)
    white = attrs.season == "winter" or attrs.weather == "snow"
    names, weights = zip(*_KINDS[attrs.season], strict=True)
    kind = str(rng.choice(names, p=weights))
    kind = "snow" if attrs.weather == "snow" and kind != "forest" else kind
    canvas = ground(rng, attrs, light, kind, white, width, height)
    axis = height / 2
    edge = _BED + 7 * noise.profile(rng, width, 60.0, 4, 0.6)
    ballast(rng, canvas, light, axis, edge, white)
    track(rng, canvas, light, axis, white)
    if kind == "leaves":
        scatter(rng, canvas, light, autumn(rng), width * height // 5200, 7.0)
    if kind == "forest":
        woods(rng, canvas, attrs, light, axis, 9, white)
    elif rng.random() < 0.8:
        woods(rng, canvas, attrs, light, axis, int(rng.integers(3, 6)), white)
    weather(rng, canvas, attrs, light)
    return style.finish(canvas, attrs, light)


def autumn(rng: Generator) -> list[np.ndarray]:
    """Return albedos (3,) of fallen leaves."""
    codes = ("#d86a24", "#c03a20", "#e8a82c", "#a84c20", "#d88c30", "#f0c040")
    return [hue(rgb(c), float(rng.uniform(-8, 8))) for c in rng.permutation(codes)[:4]]


def ground(rng: Generator, attrs: Attributes, light: Light, kind: str, white: bool, width: int, height: int) -> np.ndarray:
    """Return the land on both sides as a canvas (H, W, 3)."""
    big = noise.fbm(rng, height, width, 150.0, 4, 0.55)
    fine = noise.fbm(rng, height, width, 20.0, 3, 0.7)
    albedo = plants.grass_color(attrs) if attrs.season != "winter" else rgb("#8a7c58")
    albedo = hue(albedo, float(rng.uniform(-14, 14)), 1.0, 0.95)
    if kind == "sand":
        albedo = rgb(_SANDS[int(rng.integers(len(_SANDS)))])
    elif kind in ("leaves", "forest") and attrs.season == "autumn":
        albedo = rgb("#8a5a30")
    elif kind == "forest":
        albedo = hue(albedo, 0, 0.9, 0.7)
    color = albedo * (0.72 + 0.36 * big + 0.2 * fine)[..., None]
    bump = 34 * big + 9 * fine
    if kind == "sand":
        bump = 50 * big + 3 * fine + 7 * noise.fbm(rng, height, width, 26.0, 2, 0.4, stretch=3.5)
    elif kind == "field":
        rows = np.sin(np.arange(height, dtype=np.float32) * 2 * np.pi / 22.0)[:, None]
        color = mix(color, rgb("#8a6a44"), np.broadcast_to(noise.smoothstep(rows, 0.0, 0.8) * 0.75, big.shape))
        bump = bump * 0.6 + 4 * rows
    elif kind != "leaves":
        color = mix(color, hue(albedo, -24, 1.0, 1.12), noise.smoothstep(big, 0.5, 0.72) * 0.7)
    if white:
        cover = noise.smoothstep(big * 0.7 + fine * 0.3, 0.22, 0.36) if attrs.weather != "snow" else np.float32(1.0)
        color = mix(color, rgb("#eaf0f6"), np.broadcast_to(cover, big.shape))
        bump = 60 * big + 3 * fine
    canvas = light.shade(color, np.clip(light.relief(bump, 0.9) * 0.75 + 0.15, 0, 1))
    if kind == "leaves":
        for size in (11.0, 9.0):
            scatter(rng, canvas, light, autumn(rng), width * height // 340, size)
    elif kind == "grass" and not white and rng.random() < 0.6:
        names = rng.permutation(plants.FLOWERS)[:2]
        scatter(rng, canvas, light, [rgb(c) for c in names], width * height // 2400, 4.5, 0.56)
    return canvas


def scatter(rng: Generator, canvas: np.ndarray, light: Light, colors: list[np.ndarray], count: int, size: float, drift: float = 0.0) -> None:
    """Scatter small leaves or flowers of `size` px in place, in drifts where noise exceeds `drift`."""
    h, w = canvas.shape[:2]
    xs, ys = rng.uniform(0, w, count), rng.uniform(0, h, count)
    lump = noise.fbm(rng, 64, 128, 14.0, 3)
    keep = lump[(ys / h * 63).astype(int), (xs / w * 127).astype(int)] > drift
    keep &= (np.abs(ys - h / 2) > _BED) | (drift == 0)
    turns, pick = rng.uniform(0, 180, count), rng.integers(len(colors), size=count)
    for k, c in enumerate(colors):
        m = np.zeros((h, w), np.uint8)
        for i in np.flatnonzero(keep & (pick == k)):
            at = (round(xs[i] * 16), round(ys[i] * 16))
            axes = (round(size * 8), round(size * 5))
            cv2.ellipse(m, at, axes, float(turns[i]), 0, 360, 255, -1, cv2.LINE_AA, 4)
        over(canvas, light.shade(c, 0.45 + 0.3 * k / len(colors)), m.astype(np.float32) / 255.0)


def ballast(rng: Generator, canvas: np.ndarray, light: Light, axis: float, edge: np.ndarray, white: bool) -> None:
    """Paint the bed of broken stone, `edge` (W,) px to each side of the axis, in place."""
    w = canvas.shape[1]
    top, n = int(axis - _BED - 16), int(2 * _BED + 32)
    stones = noise.domes(rng, n, w, 9.0)
    tone = noise.fbm(rng, n, w, 14.0, 3, 0.8)
    v = np.abs(np.arange(n, dtype=np.float32) + top - axis)[:, None]
    slope = np.clip((edge[None] - v) / 20.0, 0, 1)
    albedo = rgb(_BALLAST[int(rng.integers(len(_BALLAST)))]) * (0.75 + 0.5 * tone)[..., None]
    if white:
        albedo = mix(albedo, rgb("#e8eef4"), noise.smoothstep(tone, 0.25, 0.5))
        stones = stones * 0.5 + 0.4
    lit = light.relief(cv2.GaussianBlur(stones * 5.0, (0, 0), 1.0) + 16 * slope, 1.0)
    color = light.shade(albedo, np.clip(lit * 0.9 + 0.08, 0, 1)) * (0.8 + 0.2 * stones)[..., None]
    over(canvas, color, noise.smoothstep(edge[None] - v + 5 * (stones - 0.5), -2.0, 2.0), top)


def track(rng: Generator, canvas: np.ndarray, light: Light, axis: float, white: bool) -> None:
    """Lay sleepers, their shadows, fastenings and two shining rails across the canvas, in place."""
    w = canvas.shape[1]
    top, n = int(axis - _SLEEPER - 14), int(2 * _SLEEPER + 28)
    v = np.arange(n, dtype=np.float32)[:, None] + top - axis
    x = np.arange(w, dtype=np.float32)[None] + float(rng.uniform(0, _PITCH))
    index = np.floor(x / _PITCH).astype(int)
    u = (x - index * _PITCH - _PITCH / 2).astype(np.float32)
    dice = rng.normal(0, 1, (3, index.max() + 2)).astype(np.float32)
    reach = _SLEEPER + 2.5 * dice[0][index]
    beam = np.clip(10.5 - np.abs(u + 0.6 * dice[1][index]), 0, 1) * np.clip(reach - np.abs(v), 0, 1)
    drop = cv2.warpAffine(beam, np.array([[1, 0, -5 * light.dx], [0, 1, 5]], np.float32), (w, n))
    band = canvas[top : top + n]
    band *= 1 - 0.6 * light.strength * blur(drop, 1.6)[..., None]
    grain = noise.fbm(rng, n, w, 60.0, 3, 0.6, stretch=0.12)
    albedo = rgb(_WOOD[int(rng.integers(len(_WOOD)))]) * ((0.7 + 0.6 * grain) * (1 + 0.1 * dice[2][index]))[..., None]
    if white:
        albedo = mix(albedo * 0.8, rgb("#e4ebf2"), noise.smoothstep(grain, 0.55, 0.8) * 0.6)
    lit = light.relief(cv2.GaussianBlur(beam * 8.0, (0, 0), 1.6) + 3 * grain, 0.9)
    over(band, light.shade(albedo, lit), beam)
    for side in (-_GAUGE, _GAUGE):
        plate = np.clip(11 - np.abs(v - side), 0, 1) * np.clip(6 - np.abs(u), 0, 1)
        over(band, light.shade(rgb("#4a423e"), 0.4), plate * 0.9)
        fall = noise.smoothstep(np.abs(v - side - 7), 8, 2)
        band *= 1 - 0.5 * light.strength * np.broadcast_to(fall, (n, w))[..., None]
        rail(band, light, v - side)


def rail(band: np.ndarray, light: Light, v: np.ndarray) -> None:
    """Paint one rail in place: a rusty foot and a polished head that mirrors the sky; `v` (n, 1) px from its axis."""
    w = band.shape[1]
    foot = np.broadcast_to(np.clip(8.0 - np.abs(v), 0, 1), (len(v), w))
    over(band, light.shade(np.broadcast_to(rgb("#6a4a38"), (len(v), w, 3)), np.broadcast_to(np.clip(0.5 - 0.05 * v, 0, 1), foot.shape)), foot)
    head = np.broadcast_to(np.clip(4.6 - np.abs(v), 0, 1), (len(v), w))
    shine = np.clip(mix(light.horizon, light.glow, 0.55) * 0.95 + 0.06, 0, 1)
    across = np.exp(-((np.arange(w, dtype=np.float32) - light.sun_x) ** 2) / (2 * 420.0**2))[None]
    steel = mix(shine * 0.72, shine, np.broadcast_to(across * 0.8 + 0.2 * (v < 0), head.shape))
    over(band, steel, head)


def woods(rng: Generator, canvas: np.ndarray, attrs: Attributes, light: Light, axis: float, density: int, white: bool) -> None:
    """Cover the land beside the track with tree crowns seen from above and their shadows; `density` 1 ... 9."""
    h, w = canvas.shape[:2]
    cell = 54.0
    gy, gx = np.mgrid[0 : int(h / cell) + 2, 0 : int(w / cell) + 2]
    xs = ((gx + rng.uniform(-0.4, 0.4, gx.shape)) * cell).ravel()
    ys = ((gy + rng.uniform(-0.4, 0.4, gy.shape)) * cell).ravel()
    rad = rng.uniform(20, 42, xs.size)
    thick = noise.fbm(rng, 64, 128, 26.0, 3)[(np.clip(ys / h, 0, 1) * 63).astype(int), (np.clip(xs / w, 0, 1) * 127).astype(int)]
    keep = (np.abs(ys - axis) > _BED + 10 + rad * 0.85) & ((density >= 9) | (thick > 0.72 - 0.07 * density))
    xs, ys, rad = xs[keep], ys[keep], rad[keep]
    dome, which = np.zeros((h, w), np.float32), np.zeros((h, w), np.uint8)
    for k in rng.permutation(len(xs)):
        crown_map(dome, which, float(xs[k]), float(ys[k]), float(rad[k]), k % 4)
    clump = noise.domes(rng, h, w, 11.0)
    ragged = noise.fbm(rng, h, w, 16.0, 3, 0.7)
    dome = noise.warp(rng, dome, 7.0, 14.0)
    mask = cv2.GaussianBlur(noise.smoothstep(dome + 16 * (ragged - 0.5) * (dome > 1), 7.0, 12.0), (0, 0), 0.7)
    long = 1.0 if attrs.time == "noon" else 1.7
    m = np.array([[1, 0, -16 * light.dx * long], [0, 1, 12 * long]], np.float32)
    canvas *= 1 - 0.62 * light.strength * blur(cv2.warpAffine(mask, m, (w, h)), 2.5)[..., None]
    colors = np.stack([plants.leaf_color(rng, attrs) for _ in range(4)])
    if white:
        colors = np.stack([rgb("#dce6ee"), rgb("#c8d4dc"), rgb("#5c7468"), rgb("#e6edf2")])
    bump = cv2.GaussianBlur(dome, (0, 0), 2.0) + 5 * clump + 8 * ragged
    lit = np.clip(light.relief(bump, 0.8) * 1.1 - 0.02 + 0.25 * (ragged - 0.5), 0.02, 1)
    color = cv2.GaussianBlur(colors[which].astype(np.float32), (0, 0), 1.2) * (0.62 + 0.5 * lit)[..., None]
    over(canvas, light.shade(color, lit), mask)


def crown_map(dome: np.ndarray, which: np.ndarray, x: float, y: float, r: float, label: int) -> None:
    """Raise one ball of radius `r` at (x, y) in the height map `dome` (H, W) and mark it in `which`, in place."""
    h, w = dome.shape
    x0, x1, y0, y1 = max(int(x - r), 0), min(int(x + r) + 2, w), max(int(y - r), 0), min(int(y + r) + 2, h)
    if x0 >= x1 or y0 >= y1:
        return
    d = (np.arange(y0, y1, dtype=np.float32)[:, None] - y) ** 2 + (np.arange(x0, x1, dtype=np.float32)[None] - x) ** 2
    ball = np.sqrt(np.clip(r * r - d, 0, None))
    on = ball > dome[y0:y1, x0:x1]
    dome[y0:y1, x0:x1][on] = ball[on]
    which[y0:y1, x0:x1][on] = label


def weather(rng: Generator, canvas: np.ndarray, attrs: Attributes, light: Light) -> None:
    """Lay drifting fog over the land, or the soft moving shadows of clouds, in place."""
    h, w = canvas.shape[:2]
    tex = blur(noise.fbm(rng, h, w, 190.0, 3, 0.45, stretch=1.6), 4.0)
    if attrs.weather == "fog":
        veil = np.clip(mix(light.haze_color, light.ambient + 0.5 * light.sun, 0.6), 0, 0.92)
        over(canvas, veil, 0.22 + 0.4 * noise.smoothstep(tex, 0.3, 0.75))
    elif attrs.time in ("dawn", "sunset"):
        beam = noise.smoothstep(tex, 0.35, 0.7) * 0.16
        canvas += beam[..., None] * light.glow * (1 - canvas)
