"""A natural landscape as anime illustrations paint it: towering clouds, vivid meadows, a river, trees, a village."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator

from .. import noise, plants, style, weather
from ..attributes import Allowed, Attributes
from ..canvas import below, blur, discs, hue, mix, over, paste, polygon, rgb, screen, sprite
from ..light import Light
from ..sky import paint_sky, shroud

NAME = "anime_landscape"
ALLOWED = Allowed(style=("anime",))
_MEADOWS = {
    "spring": ("#90c458", "#a0c860", "#80b864"),
    "summer": ("#60a44c", "#74ac4c", "#509858"),
    "autumn": ("#ccaa58", "#bc9850", "#b0a85c"),
    "winter": ("#eef4fa", "#e4eef8", "#f2f2fa"),
}
_ROOFS = ("#d8503c", "#3c74b8", "#e08040", "#8c4a3c", "#c84858", "#4c8c8c")


def draw(rng: Generator, attrs: Attributes, width: int, height: int = 512) -> np.ndarray:
    """Return one scene (H, W, 3) in [0, 1]."""
    horizon = float(rng.uniform(285, 325))
    canvas, light = paint_sky(rng, attrs, width, height, horizon + 20, clouds=False)
    light.neutral(0.3)
    white = attrs.season == "winter" or attrs.weather == "snow"
    clouds(rng, canvas, light, attrs, horizon)
    mountains(rng, canvas, light, horizon, white)
    meadow = hue(rgb(_MEADOWS["winter" if white else attrs.season][int(rng.integers(3))]), float(rng.uniform(-10, 10)))
    wood = [hue(plants.leaf_color(rng, attrs), 0, 1.15, 1.1) if not white else rgb("#dde8f0") for _ in range(3)]
    trees = [plants.tree(rng, light, 170, c) for c in wood] + [plants.tree(rng, light, 170, wood[0])]
    if (attrs.season != "spring" and rng.random() < 0.4) or white:
        trees = [plants.conifer(rng, light, 190, 0.7 * white) for _ in range(3)] + trees[:1]
    line = np.full(width, horizon, np.float32)
    for k in range(3):
        base, depth = horizon + 14 + 34 * k, 0.42 - 0.16 * k
        line = hill(rng, canvas, light, base, 40.0 - 4 * k, depth, hue(meadow, 14 - 8 * k, 1.0, 0.9 + 0.04 * k), int(base) + 62)
        grove(rng, canvas, trees, line, k)
        if k == 1:
            village(rng, canvas, light, attrs, line, white)
    front = field(rng, canvas, light, horizon + 92, meadow, white)
    near_trees(rng, canvas, trees, front, width)
    weather.lay(rng, canvas, attrs, light, horizon, up=120, down=60, thick=0.7)
    image = style.finish(canvas, attrs, light, below(height, line))
    grey = image.mean(axis=2, keepdims=True)
    muted: np.ndarray = grey + (image - grey) * 0.88
    return muted


def clouds(rng: Generator, canvas: np.ndarray, light: Light, attrs: Attributes, horizon: float) -> None:
    """Pile large cumulus above the horizon, in place: white crowns in the light, blue or rosy hollows, thin streaks higher up."""
    h, w = canvas.shape[:2]
    veil = noise.warp(rng, noise.fbm(rng, h // 2, w // 2, 60.0, 4, 0.5, stretch=4.0), 12.0, 60.0)
    veil = cv2.resize(noise.smoothstep(veil, 0.52, 0.8), (w, h)) * np.clip(1.1 - np.arange(h)[:, None] / horizon, 0, 1)
    lit = np.clip(mix(light.glow, light.sun, 0.3) * 1.05 + 0.06, 0, 1)
    shade = mix(mix(light.ambient, light.zenith, 0.35), light.horizon, 0.5)
    if attrs.time == "twilight":
        lit = mix(lit, light.glow, 0.6)
    if light.night:
        lit, shade = mix(shade, light.glow, 0.42), mix(light.zenith, light.ambient, 0.5)
    over(canvas, lit, veil[: int(horizon)].astype(np.float32) * 0.55)
    baked = [[heap(rng, light, s, lit, shade) for _ in range(3)] for s in (85.0, 220.0)]
    step = {"clear": 300.0, "cloudy": 170.0, "fog": 420.0, "snow": 210.0}[attrs.weather] * float(rng.uniform(0.85, 1.15))
    spots = [(x + float(rng.uniform(0, step)), 1) for x in np.arange(-200, w + 100, step)]
    low = [(x + float(rng.uniform(0, 90)), 0) for x in np.arange(-120, w + 60, 120)]
    for x, large in spots + low:
        size = float(rng.uniform(170, 270)) if large else float(rng.uniform(55, 95))
        paste(canvas, baked[large][int(rng.integers(3))], x, horizon + (26 if large else 30), size, 0.97)
    if attrs.weather == "fog":
        shroud(canvas, light, horizon)


def heap(rng: Generator, light: Light, size: float, lit: np.ndarray, shade: np.ndarray) -> np.ndarray:
    """Return one heaped cloud (h, w, 4) `size` px high with crisp crowns and a base that melts into the haze."""
    h, w = int(size), int(size * float(rng.uniform(1.2, 1.9)))
    n = 90
    u = rng.uniform(-1, 1, n)
    form = np.clip(1 - np.abs(u - float(rng.uniform(-0.4, 0.4))) ** 1.5, 0.12, 1) * (0.7 + 0.3 * np.sin(u * 5 + float(rng.uniform(0, 6))))
    r = h * rng.uniform(0.05, 0.12, n) * (0.55 + 0.7 * form)
    y = h * (0.97 - 0.78 * form * np.sqrt(rng.random(n)))
    ball = noise.balls(h, w, np.stack([w * (0.5 + 0.37 * u), np.maximum(y, r + 2)], 1), r)
    rough = noise.fbm(rng, h, w, max(size * 0.09, 7.0), 3, 0.6)
    mask = noise.smoothstep(ball + (rough - 0.5) * 12 * (ball > 0.5), 2.5, 7.0)
    t = np.linspace(0, 1, h, dtype=np.float32)[:, None]
    bright = light.relief(cv2.GaussianBlur(ball, (0, 0), 2.6) + 5 * rough, 0.7) + 0.32 - 0.55 * t
    bright = 0.3 + 0.4 * noise.smoothstep(bright, 0.22, 0.5) + 0.3 * noise.smoothstep(bright, 0.5, 0.8)
    color = mix(mix(shade, lit, bright[..., None]), mix(light.horizon, light.haze_color, 0.5), noise.smoothstep(t, 0.45, 1.1)[..., None] * 0.9)
    mask = mask * noise.smoothstep(t, 1.0, 0.8)
    return sprite(color, cv2.GaussianBlur(mask, (0, 0), 0.8))


def mountains(rng: Generator, canvas: np.ndarray, light: Light, horizon: float, white: bool) -> None:
    """Paint two blue ranges far away with soft facets, in place."""
    w = canvas.shape[1]
    y0, y1 = int(horizon) - 78, int(horizon) + 36
    for k in range(2):
        form = noise.peaks(rng, w, 210.0 - 60 * k, 5, 0.42)
        line = (horizon + 22 - (95 - 45 * k) * form).astype(np.float32)
        v = np.clip((np.arange(y0, y1, dtype=np.float32)[:, None] - line[None]), 0, 120)
        face = np.tanh(np.gradient(cv2.GaussianBlur(form[None], (0, 0), 3.0)[0]) * light.dx * 70.0)
        rough = noise.fbm(rng, y1 - y0, w, 50.0, 3, 0.5)
        lit = noise.smoothstep(face[None] + 3.0 * (rough - 0.5), -0.4, 0.4)
        albedo = mix(rgb("#4a6aa0"), rgb("#3c7a6c"), 0.4 + 0.6 * k)
        cap = noise.smoothstep(v - (26 if white else 12) - 24 * (rough - 0.5), 4, -4) * (1 - k)
        color = mix(np.broadcast_to(albedo, (y1 - y0, w, 3)), rgb("#f2f6fc"), cap * (0.9 if white or k == 0 else 0.0))
        over(canvas, light.haze(light.shade(color, lit), 0.62 - 0.2 * k + v / 340), below(y1, line)[y0:], y0)


def hill(rng: Generator, canvas: np.ndarray, light: Light, base: float, rise: float, depth: float, albedo: np.ndarray, deep: int) -> np.ndarray:
    """Paint one smooth rolling meadow hill with broad cloud shadows down to row `deep`, in place; return its skyline (W,)."""
    h, w = min(deep, canvas.shape[0]), canvas.shape[1]
    line = (base - rise * (0.5 + 0.5 * noise.profile(rng, w, 260.0, 2, 0.4))).astype(np.float32)
    y0 = max(int(line.min()) - 2, 0)
    v = np.arange(h - y0, dtype=np.float32)[:, None] + y0 - line[None]
    tex = noise.fbm(rng, h - y0, w, 46.0, 3, 0.5, stretch=4.5)
    slope = np.tanh(np.gradient(cv2.GaussianBlur(line[None], (0, 0), 8)[0]) * -light.dx * -2.5)[None]
    lit = np.clip(0.6 + 0.3 * slope + 0.3 * noise.smoothstep(v, 26, 0) + 0.22 * (noise.smoothstep(tex, 0.42, 0.58) - 0.5), 0.05, 1)
    color = mix(hue(albedo, 18, 1.0, 0.78), hue(albedo, -8, 1.05, 1.1), lit)
    over(canvas, light.haze(light.shade(color, lit), depth), below(h, line)[y0:], y0)
    return line


def grove(rng: Generator, canvas: np.ndarray, trees: list[np.ndarray], line: np.ndarray, k: int) -> None:
    """Plant clumps of trees along a hill's line (W,), larger on nearer hills, in place."""
    w = canvas.shape[1]
    thick = noise.profile(rng, w, 150.0, 2)
    for x in rng.permutation(np.arange(-10, w + 10, 13 + 8 * k)):
        at = int(np.clip(x, 0, w - 1))
        if thick[at] > 0.0:
            s = (20 + 13 * k) * float(rng.uniform(0.7, 1.25)) * (0.8 + 0.4 * float(thick[at]))
            paste(canvas, trees[int(rng.integers(len(trees)))], float(x), float(line[at]) + s * 0.1 + 3 + float(rng.uniform(0, 8)), s)


def village(rng: Generator, canvas: np.ndarray, light: Light, attrs: Attributes, line: np.ndarray, white: bool) -> None:
    """Set clusters of gabled houses with bright roofs on the hill's line (W,), in place."""
    w = canvas.shape[1]
    roof = [rgb(str(c)) for c in rng.permutation(_ROOFS)[:2]]
    for x in np.arange(float(rng.uniform(40, 200)), w, float(rng.uniform(230, 380))):
        for j in range(int(rng.integers(2, 5))):
            px = x + (j - 1.5) * float(rng.uniform(34, 44))
            y = float(line[int(np.clip(px, 0, w - 1))]) + 16 + float(rng.uniform(-3, 9))
            paste(canvas, house(rng, light, rgb("#f0f4fa") if white else roof[j % 2], attrs.dark), px, y, float(rng.uniform(30, 42)))


def house(rng: Generator, light: Light, roof: np.ndarray, lamps: bool) -> np.ndarray:
    """Return a house (72, 96, 4): gable end and long roof, two windows, glowing after dark."""
    h, w = 72, 96
    left = light.dx < 0
    wall = rgb(str(rng.choice(["#f4e8d4", "#e8d8c0", "#f8f4ec", "#dcc8a8"])))
    eave, ridge = 34, 6
    parts = (
        ([[30, eave - 2], [90, eave - 2], [90, 70], [30, 70]], light.shade(wall, 0.35 if left else 0.9)),
        ([[6, eave], [20, 14], [34, eave], [34, 70], [6, 70]], light.shade(wall, 0.9 if left else 0.4)),
        ([[20, ridge], [80, ridge], [95, eave + 4], [34, eave + 4]], light.shade(roof, 0.6 if left else 0.95)),
        ([[20, ridge], [25, ridge], [38, eave + 4], [33, eave + 6]], light.shade(roof * 0.7, 0.5)),
        ([[20, ridge], [14, ridge + 2], [1, eave + 5], [6, eave + 8], [20, ridge + 9]], light.shade(roof * 0.8, 0.6)),
    )
    out = np.zeros((h, w, 4), np.float32)
    glass = rgb("#ffd878") if lamps else light.shade(rgb("#54708c"), 0.7)
    panes = [([[a, 44], [a + 11, 44], [a + 11, 58], [a, 58]], glass) for a in (14, 46, 68)]
    for pts, color in (*parts, *panes):
        s = sprite(color, polygon(h, w, pts))
        out = s + out * (1 - s[..., 3:])
    return out


def field(rng: Generator, canvas: np.ndarray, light: Light, top: float, albedo: np.ndarray, white: bool) -> np.ndarray:
    """Paint the near meadow with a winding river or a path and drifts of flowers, in place; return its line (W,)."""
    h, w = canvas.shape[:2]
    mirror = blur(canvas[int(top) - 130 : int(top)][::-1].copy(), 3.0, 5.0)
    line = hill(rng, canvas, light, top + 8, 26.0, 0.06, albedo, h)
    y0 = int(top)
    n = 130
    yy = np.arange(n, dtype=np.float32)[:, None]
    middle = 46 + 16 * noise.profile(rng, w, 280.0, 2) + float(rng.uniform(-8, 14))
    half = 10 + 6 * noise.profile(rng, w, 170.0, 2) + float(rng.uniform(2, 9))
    band = np.abs(yy - middle[None])
    if rng.random() < 0.65:
        over(canvas, light.shade(hue(albedo, 10, 0.9, 0.6), 0.3), noise.smoothstep(half[None] + 4 - band, -1, 1), y0)
        wave = noise.plane(rng, n, w, -30.0, 46.0, 5.0)
        water = mix(light.shade(rgb("#2c8cc0"), 0.7), mirror, 0.45)
        water = mix(water, np.clip(mix(light.horizon, light.glow, 0.6), 0, 1), noise.smoothstep(wave, 0.56, 0.72) * 0.6)
        over(canvas, water, noise.smoothstep(half[None] - band, -1, 1), y0)
    else:
        path = rgb("#d8b888") if not white else rgb("#c8c4c8")
        over(canvas, light.shade(hue(albedo, 10, 0.9, 0.7), 0.4), noise.smoothstep(half[None] * 0.6 + 3 - band, -1, 1), y0)
        over(canvas, light.shade(path, 0.8), noise.smoothstep(half[None] * 0.6 - band, -1, 1), y0)
    blades(rng, canvas, light, top + 72, albedo)
    if not white:
        blossom(rng, canvas, light, top + 70)
    return line


def blades(rng: Generator, canvas: np.ndarray, light: Light, top: float, albedo: np.ndarray) -> None:
    """Paint broad tongues of grass in the foreground, in place."""
    h, w = canvas.shape[:2]
    for k in range(3):
        y = top + 26 * k + 6
        y0 = int(y) - 52
        y1 = h if k == 2 else min(int(y) + 44, h)
        n = w // 13
        xs, tall = rng.uniform(-10, w + 10, n), rng.uniform(14, 30, n) * (0.8 + 0.25 * k)
        lean = rng.normal(4 * light.dx, 6, n)
        tips = [[[x - 6, y + 30], [x - 4, y], [x + d, y - s], [x + 4, y], [x + 6, y + 30]] for x, s, d in zip(xs, tall, lean, strict=True)]
        line = y + 4 * noise.profile(rng, w, 60.0, 2)
        m = np.maximum(polygon(y1, w, *tips)[y0:], below(y1, line.astype(np.float32), 4.0)[y0:])
        lit = np.clip(1.05 - (np.arange(y0, y1, dtype=np.float32)[:, None] - y + 30) / 70, 0.1, 1)
        over(canvas, light.shade(np.broadcast_to(hue(albedo, 8 * k, 1.0, 0.96 - 0.14 * k), (y1 - y0, 1, 3)), lit), m, y0)


def blossom(rng: Generator, canvas: np.ndarray, light: Light, top: float) -> None:
    """Scatter bright round flower heads over the foreground, in place."""
    h, w = canvas.shape[:2]
    y0 = int(top) - 60
    for c in rng.permutation(plants.FLOWERS)[:2]:
        n = w // 26
        ys = top + (h - top) * rng.random(n)
        r = 2.4 + 4.2 * (ys - top) / (h - top)
        m = discs(h - y0, w, rng.uniform(0, w, n), ys - y0, r)
        color = light.shade(rgb(str(c)), 0.95)
        over(canvas, np.clip(color * 1.1 + 0.05, 0, 1), m, y0)
    if light.night:
        n = w // 30
        m = discs(h - y0, w, rng.uniform(0, w, n), rng.uniform(0, h - y0, n), rng.uniform(1.6, 2.6, n))
        screen(canvas[y0:], np.clip(m + 3 * blur(m, 5.0), 0, 1)[..., None] * rgb("#e8ff90"))


def near_trees(rng: Generator, canvas: np.ndarray, trees: list[np.ndarray], line: np.ndarray, width: int) -> None:
    """Frame the view with a few tall trees, in place."""
    for x in np.arange(float(rng.uniform(-60, 160)), width + 60, float(rng.uniform(300, 460))):
        s = float(rng.uniform(150, 215))
        paste(canvas, trees[int(rng.integers(len(trees)))], x, float(line[int(np.clip(x, 0, width - 1))]) + float(rng.uniform(35, 75)), s)
