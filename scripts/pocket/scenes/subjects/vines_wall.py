"""Vines climbing a brick wall: coursed bricks, stems, lit leaves in layers, their shadows on the wall."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator

from .. import noise, style, weather
from ..attributes import Allowed, Attributes
from ..canvas import blur, hue, mix, over, polygon, rgb, screen, taper
from ..light import Light
from ..sky import make_light

NAME = "vines_wall"
ALLOWED = Allowed(style=("photo", "cartoon", "anime"))
_WALLS = (
    "#a4523c #8c4434 #b8644a #7c3c30",
    "#b06a48 #c07c54 #945438 #a86444",
    "#8a5a48 #76493a #9c6a54 #6a4438",
    "#c8a070 #b88c5c #d8b484 #a87c50",
    "#9c8c84 #8a7a74 #aa9c94 #7c7070",
    "#d8cabc #cabcae #e4d8cc #c0b0a0",
    "#6a4444 #7c4a44 #5a3c3e #885450",
)
_LEAVES = {
    "spring": ("#8cbc48", "#a4cc58", "#6ca444", "#b8d070"),
    "summer": ("#3f8038", "#57963e", "#2f6c38", "#74a848"),
    "autumn": ("#c83424", "#e0682a", "#a82430", "#e8a030", "#8c3028"),
    "winter": ("#4a7450", "#5c8458", "#8c6448", "#3f6c54"),
}
_N = 72  # px of a baked leaf


def draw(rng: Generator, attrs: Attributes, width: int, height: int = 512) -> np.ndarray:
    """Return one scene (H, W, 3) in [0, 1]."""
    light = make_light(rng, attrs, width, 300)
    light.neutral(0.45)
    light.ambient = light.ambient * (1.3 if light.night else 1.15)
    white = attrs.weather == "snow"
    canvas = wall(rng, light, width, height, white)
    paths = climb(rng, width, height)
    stems(rng, canvas, light, paths)
    flat = attrs.style == "cartoon"
    baked = [leaf(rng, light, hue(rgb(c), float(rng.uniform(-7, 7))), white, flat) for c in palette(rng, attrs) for _ in range(3)]
    size = float(rng.uniform(30, 40)) * (1.55 if flat else 1.0)
    leaves = [turned(s, size * float(rng.uniform(0.65, 1.15)), float(rng.normal(0, 38))) for s in baked for _ in range(8)]
    cover = noise.smoothstep(noise.fbm(rng, 64, 128, 22.0, 3, 0.5), 0.3, 0.62)
    hang(rng, canvas, light, paths, leaves, cover, attrs)
    shine(rng, canvas, attrs, light)
    return style.finish(canvas, attrs, light)


def palette(rng: Generator, attrs: Attributes) -> list[str]:
    """Draw three leaf colours of the season."""
    names = list(_LEAVES[attrs.season])
    return [str(c) for c in rng.permutation(names)[:3]]


def wall(rng: Generator, light: Light, width: int, height: int, white: bool) -> np.ndarray:
    """Return the bare wall (H, W, 3): bricks in running bond, each of its own colour, with recessed mortar."""
    bw, bh = float(rng.uniform(62, 84)), float(rng.uniform(24, 30))
    codes = _WALLS[int(rng.integers(len(_WALLS)))].split()
    y = np.arange(height, dtype=np.float32)[:, None] + float(rng.uniform(0, bh))
    row = np.floor(y / bh).astype(int)
    x = np.arange(width, dtype=np.float32)[None] + (row % 2) * bw / 2 + rng.normal(0, 2.0, row.max() + 1).astype(np.float32)[row] + 10
    col = np.floor(x / bw).astype(int) + 1
    u, v = x - np.floor(x / bw) * bw, np.broadcast_to(y - row * bh, x.shape)
    gap = 3.2
    edge = np.minimum(np.minimum(u, bw - u), np.minimum(v, bh - v)) - gap
    rough = noise.fbm(rng, height, width, 26.0, 4, 0.65)
    brick = noise.smoothstep(edge + 2.2 * (rough - 0.5), -0.8, 1.6)
    pick = rng.integers(len(codes), size=(row.max() + 1, col.max() + 2))
    tone = rng.uniform(0.8, 1.15, pick.shape).astype(np.float32)
    colors = np.stack([rgb(c) for c in codes])
    r = np.broadcast_to(row, col.shape)
    each = colors[pick] * tone[..., None]
    albedo = cv2.remap(each, col.astype(np.float32), r.astype(np.float32), cv2.INTER_NEAREST)
    mortar = rgb(str(rng.choice(["#b4a898", "#8c8478", "#cfc6b8", "#6e665e"])))
    stain = noise.fbm(rng, height, width, 170.0, 4, 0.55)
    albedo = mix(mortar, albedo, brick) * ((0.72 + 0.56 * stain) * (0.78 + 0.44 * rough))[..., None]
    if white:
        albedo = mix(albedo, rgb("#eef3f8"), noise.smoothstep(v + 8 * (rough - 0.5), bh - 1, bh - 6) * noise.smoothstep(v, bh - 12, bh - 8) * 0.85)
    bump = 6.0 * cv2.GaussianBlur(brick, (0, 0), 1.2) + 5 * rough
    lit = np.clip(light.relief(bump, 1.1) * 0.85 + 0.08, 0, 1)
    return light.shade(albedo, lit) * (0.72 + 0.28 * brick)[..., None]


def climb(rng: Generator, width: int, height: int) -> list[np.ndarray]:
    """Return the stems as paths (N, 2) that climb from below or hang from above, with side shoots."""
    out = []
    step = float(rng.uniform(85, 130))
    hanging = bool(rng.random() < 0.35)
    for x in np.arange(-40, width + 40, step):
        n = 26
        reach = height * float(rng.uniform(0.75, 1.25))
        t = np.linspace(0, 1, n)
        xs = x + float(rng.uniform(0, step)) + 60 * noise.profile(rng, n, 12.0, 3) * (0.2 + t) + 50 * float(rng.normal()) * t
        ys = height + 12 - reach * t if not hanging else reach * t - 12
        main = np.stack([xs, ys], 1).astype(np.float32)
        out.append(main)
        for k in rng.integers(4, n - 4, 6):
            side = float(rng.choice([-1, 1]))
            s = np.linspace(0, 1, 12)
            length = float(rng.uniform(70, 170))
            droop = 0.25 if not hanging else -0.3
            shoot = np.stack([main[k, 0] + side * length * s, main[k, 1] - length * (0.75 * s - droop * s * s) * (1 if not hanging else -1)], 1)
            shoot[:, 0] += 14 * noise.profile(rng, 12, 6.0, 2)
            out.append(shoot.astype(np.float32))
    return out


def stems(rng: Generator, canvas: np.ndarray, light: Light, paths: list[np.ndarray]) -> None:
    """Paint the woody stems and their shadows in place."""
    h, w = canvas.shape[:2]
    outlines = [taper(p, 9.0 if len(p) > 20 else 5.0, 3.5) for p in paths]
    m = polygon(h, w, *outlines)
    drop = cv2.warpAffine(m, np.array([[1, 0, -6 * light.dx], [0, 1, 6]], np.float32), (w, h))
    canvas *= 1 - 0.55 * light.strength * blur(drop, 2.0)[..., None]
    lit = np.clip(light.relief(cv2.GaussianBlur(m * 9, (0, 0), 1.8), 1.0), 0, 1)
    over(canvas, light.shade(hue(rgb("#6a5040"), float(rng.uniform(-10, 10))), lit), m)


def leaf(rng: Generator, light: Light, color: np.ndarray, white: bool, flat: bool) -> np.ndarray:
    """Bake one lobed leaf (N, N, 4), tip down, with a pale midrib, lit on the sun's side; `flat` gives it a dark rim."""
    a = np.linspace(0, 2 * np.pi, 61)[:-1]
    lobes = float(rng.choice([3, 5])) if rng.random() < 0.75 else 1.0
    r = 0.72 + 0.2 * np.cos(lobes * a) + 0.2 * np.cos(a) if lobes > 1 else 0.6 + 0.38 * np.abs(np.cos(a / 2)) ** 3
    r = r * (1 - 0.3 * np.exp(-(((a - np.pi) / 0.35) ** 2)))
    pts = np.stack([_N / 2 + np.sin(a) * r * _N * 0.43, _N * 0.46 + np.cos(a) * r * _N * 0.43], 1)
    mask = cv2.GaussianBlur(polygon(_N, _N, pts), (0, 0), 0.9)
    yy, xx = np.mgrid[0:_N, 0:_N].astype(np.float32) / _N - 0.5
    fold = np.abs(xx)
    lit = 0.55 + 0.55 * xx * light.dx * 1.6 - 0.3 * yy - 0.25 * fold + 0.25 * (noise.fbm(rng, _N, _N, 24.0, 2) - 0.5)
    rib = np.exp(-((xx / 0.035) ** 2)) + 0.6 * np.exp(-(((np.abs(xx) * 0.8 + yy + 0.02) / 0.035) ** 2)) * (fold < 0.3)
    albedo = mix(hue(color, 8, 1.0, 0.8), hue(color, -10, 1.0, 1.15), np.clip(0.5 - yy + 0.3 * xx, 0, 1))
    albedo = mix(albedo, hue(color, -14, 0.8, 1.45), np.clip(rib, 0, 1) * 0.45)
    if flat:
        rim = cv2.GaussianBlur(mask, (0, 0), 4.0)
        albedo = albedo * (0.3 + 0.7 * noise.smoothstep(rim, 0.5, 0.8))[..., None]
    if white:
        albedo = mix(albedo, rgb("#f0f5fa"), noise.smoothstep(-yy + 0.1 * (np.sin(xx * 20)), 0.02, 0.16) * 0.9)
    out = np.empty((_N, _N, 4), np.float32)
    out[..., :3], out[..., 3] = light.shade(albedo * 1.12, np.clip(lit + 0.08, 0.05, 1)) * mask[..., None], mask
    return out


def hang(rng: Generator, canvas: np.ndarray, light: Light, paths: list[np.ndarray], leaves: list[np.ndarray], cover: np.ndarray, attrs: Attributes) -> None:
    """Grow leaves along the stems, in three layers with shadows between them, in place; `cover` (64, 128) thins them."""
    h, w = canvas.shape[:2]
    bare = 0.45 if attrs.season == "winter" else 1.0
    density = float(rng.uniform(0.8, 1.25)) * bare * (0.6 if attrs.style == "cartoon" else 1.0)
    for layer in range(2):
        sheet = np.zeros((h, w, 4), np.float32)
        for p in paths:
            for _ in range(int(len(p) * 1.25 * density)):
                at = p[int(rng.integers(len(p)))] + rng.normal(0, 16, 2)
                x, y = float(at[0]), float(at[1])
                c = cover[int(min(max(y / h, 0), 0.99) * 64), int(min(max(x / w, 0), 0.99) * 128)]
                if rng.random() < c:
                    put(sheet, leaves[int(rng.integers(len(leaves)))], x, y)
        drop = cv2.warpAffine(sheet[..., 3], np.array([[1, 0, -9 * light.dx], [0, 1, 10]], np.float32), (w, h))
        canvas *= 1 - (0.35 + 0.3 * light.strength) * blur(drop, 3.0)[..., None]
        gain = 0.68 + 0.34 * layer
        canvas *= 1 - sheet[..., 3:]
        canvas += sheet[..., :3] * gain


def turned(baked: np.ndarray, size: float, turn: float) -> np.ndarray:
    """Return a leaf (n, n, 4) of `size` px turned by `turn` degrees."""
    n = int(size * 1.3) + 2
    m: np.ndarray = cv2.getRotationMatrix2D((_N / 2, _N / 2), turn, size / _N)
    m[:, 2] += n / 2 - _N / 2
    return cv2.warpAffine(cv2.GaussianBlur(baked, (0, 0), 0.35 * _N / size), m, (n, n), flags=cv2.INTER_LINEAR)


def put(sheet: np.ndarray, s: np.ndarray, x: float, y: float) -> None:
    """Composite a leaf sprite, centred at (x, y), onto the RGBA sheet in place."""
    n = len(s)
    top, left = int(y - n / 2), int(x - n / 2)
    y0, x0, y1, x1 = max(top, 0), max(left, 0), min(top + n, sheet.shape[0]), min(left + n, sheet.shape[1])
    if y0 >= y1 or x0 >= x1:
        return
    s = s[y0 - top : y1 - top, x0 - left : x1 - left]
    part = sheet[y0:y1, x0:x1]
    part *= 1 - s[..., 3:]
    part += s


def shine(rng: Generator, canvas: np.ndarray, attrs: Attributes, light: Light) -> None:
    """Let large soft light and shade lie on the wall: sun through trees, lamps at night, fog, in place."""
    h, w = canvas.shape[:2]
    yy, xx = np.mgrid[0 : h // 4, 0 : w // 4].astype(np.float32) * 4
    if attrs.dark:
        warm = hue(rgb("#ffb860"), float(rng.uniform(-14, 14)))
        pool = np.zeros_like(xx)
        for x in np.arange(float(rng.uniform(40, 220)), w + 150, float(rng.uniform(300, 420))):
            pool += np.exp(-(np.hypot((xx - x) / 150, (yy + 10) / 260) ** 2))
        pool = cv2.resize(pool, (w, h))[..., None]
        canvas *= 1 + 1.5 * pool * warm
        screen(canvas, np.clip(pool * 0.10, 0, 1) * warm)
    elif attrs.weather in ("clear", "snow"):
        shade = noise.smoothstep(blur(noise.fbm(rng, h // 4, w // 4, 30.0, 4, 0.6), 0.9), 0.40, 0.52)
        slant = noise.smoothstep(xx * light.dx * 0.35 + yy * 0.4 + 60 * (noise.value(rng, h // 4, w // 4, 40.0) - 0.5), -60, 160)
        both = cv2.resize(np.clip(0.35 + 0.65 * shade * (0.7 + 0.3 * slant), 0, 1), (w, h))
        dark = mix(light.ambient * 0.9, np.array([0.5, 0.5, 0.62], np.float32), 0.5)
        canvas *= mix(dark, np.ones(3, np.float32) * 1.08, both)
    weather.lay(rng, canvas, attrs, light, 0.0, thick=0.5, near=1.0)
