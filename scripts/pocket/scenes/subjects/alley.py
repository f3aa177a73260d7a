"""Alleys with shops seen from above: lanes between rows of roofs, coloured awnings and parasols, people, goods, lanterns."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator

from .. import noise, style, weather
from ..attributes import Allowed, Attributes
from ..canvas import blur, hue, mix, over, rgb, screen
from ..light import Light
from ..sky import make_light
from ..stalls import parasol, person, pot, rect

NAME = "alley"
ALLOWED = Allowed(style=("photo", "cartoon", "anime"))  # seen from above there is no sky to stand against
_ROOFS = (
    ("#b8623c", "#a8503a", "#c87c50", "#944838"),
    ("#5c6c7c", "#4c5868", "#74808c", "#6c6470"),
    ("#8c7458", "#a88c68", "#74604c", "#b89c78"),
    ("#b8623c", "#5c7c84", "#c8a468", "#7c5468"),
    ("#3c5c64", "#4c7470", "#5c5c68", "#34484c"),
)
_WALLS = ("#e8d8b8", "#d8b890", "#e4c4ac", "#c8d0cc", "#f0e8d8", "#d89c7c", "#b8c4d0")
_PAVES = ("#b8a894", "#a09c9c", "#c4ac8c", "#948c88", "#b09484")
_CLOTHS = ("#d8402c", "#e8a020", "#2c8c7c", "#2c64b4", "#f0e8d8", "#c83c74", "#5c9c3c", "#e87030", "#7c4ca0")
_GOODS = ("#e87828", "#d83828", "#f0c838", "#78a838", "#f0e4d0", "#a84878", "#c89058")
_PAD = 56


@dataclass
class Town:
    """What a town shares: light, colours, the measures of a row (px: roof, facade, lane), what shines, the lit share."""

    light: Light
    roofs: list[np.ndarray]
    cloths: list[np.ndarray]
    roof: float
    face: float
    lane: float
    shine: np.ndarray
    lit: float
    white: bool
    grain: np.ndarray

    def texture(self, rng: Generator, h: int, w: int) -> np.ndarray:
        """Return a random piece (h, w) of the scene's noise in [0, 1]."""
        y, x = rng.integers(0, self.grain.shape[0] - h), rng.integers(0, self.grain.shape[1] - w)
        return self.grain[y : y + h, x : x + w]


def draw(rng: Generator, attrs: Attributes, width: int, height: int = 512) -> np.ndarray:
    """Return one scene (H, W, 3) in [0, 1]."""
    light = make_light(rng, attrs, width, 200.0)
    light.haze_density *= 0.16 if attrs.weather != "fog" else 0.12
    light.dy, light.ambient = -0.6, light.ambient * 1.08
    full = height + 2 * _PAD
    town = make_town(rng, attrs, light, full, width)
    canvas = paving(rng, town, full, width)
    y = -float(rng.uniform(0.25, 1.0)) * (town.roof + town.face)
    while y < full:
        terrace(rng, canvas, town, y)
        y += town.roof + town.face
        market(rng, canvas, town, y)
        y += town.lane
    glow = town.shine + 0.5 * blur(town.shine, 6.0) + 0.85 * blur(town.shine, 20.0)
    screen(canvas, np.clip(glow, 0, 0.95))
    yy, xx = np.mgrid[0:height, 0:width].astype(np.float32)
    wind = float(rng.uniform(8, 26)) * np.clip(noise.profile(rng, width, 400.0, 2, 0.3), -1.25, 1.25)
    out = cv2.remap(canvas, xx, yy + _PAD + wind[None].astype(np.float32), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    out = light.haze(out, 0.5 * (1 - yy / height) + 0.15)
    weather.lay(rng, out, attrs, light, 0.0, thick=0.55, near=1.0)
    return style.finish(out, attrs, light, dim(out, attrs))


def dim(image: np.ndarray, attrs: Attributes) -> np.ndarray | None:
    """Return the mask (H, W) of what goes dark in the silhouette style: all but what is bright."""
    if attrs.style != "silhouette":
        return None
    grey = cv2.GaussianBlur(image, (0, 0), 1.5) @ np.array([0.3, 0.59, 0.11], np.float32)
    cut = float(np.quantile(grey, 0.62))
    return noise.smoothstep(grey, cut + 0.06, cut - 0.06) * 0.85


def make_town(rng: Generator, attrs: Attributes, light: Light, height: int, width: int) -> Town:
    """Choose the colours and measures of one town."""
    turn = float(rng.uniform(-12, 12))
    roofs = [hue(rgb(c), turn, float(rng.uniform(0.85, 1.2))) for c in _ROOFS[int(attrs.tint * 83) % len(_ROOFS)]]
    pick = rng.permutation(len(_CLOTHS))[: int(rng.integers(3, 7))]
    cloths = [hue(rgb(_CLOTHS[k]), turn, 1.0, 0.95) for k in pick]
    lit = {"dawn": 0.35, "noon": 0.0, "sunset": 0.55, "twilight": 0.9, "night": 1.0}[attrs.time]
    white = attrs.weather == "snow" or attrs.season == "winter"
    grain = noise.fbm(rng, 420, 420, 46.0, 4)
    face = float(rng.uniform(58, 92))
    return Town(light, roofs, cloths, 212 - face, face, float(rng.uniform(92, 112)), np.zeros((height, width, 3), np.float32), lit, white, grain)


def paving(rng: Generator, town: Town, height: int, width: int) -> np.ndarray:
    """Return the ground (H, W, 3): paving stones, worn and uneven."""
    color = hue(rgb(_PAVES[int(rng.integers(len(_PAVES)))]), float(rng.uniform(-8, 8)))
    stones = cv2.resize(rng.random((height // 11 + 1, width // 16 + 1), dtype=np.float32), (width, height), interpolation=cv2.INTER_NEAREST)
    tone = 0.9 + 0.14 * blur(stones, 1.5) + 0.22 * (noise.fbm(rng, height, width, 90.0, 4) - 0.5)
    if town.white:
        color = mix(color, np.array([0.9, 0.93, 0.98], np.float32), 0.6)
    return town.light.shade(color * tone[..., None], 0.7)


def terrace(rng: Generator, canvas: np.ndarray, town: Town, y: float) -> None:
    """Build one row of houses, side by side, its roofs from row `y` and its shop fronts under them, with side alleys."""
    width, ground = canvas.shape[1], y + town.roof + town.face
    x, gap = float(rng.uniform(-60, 0)), 0
    while x < width:
        w = float(rng.uniform(84, 142))
        lift = float(rng.uniform(-9, 12))
        front(rng, canvas, town, x, w, y + town.roof - lift, ground)
        roof(rng, canvas, town, x, w, y - lift + float(rng.uniform(-4, 4)), y + town.roof - lift)
        x, gap = x + w, gap + 1
        if gap > 2 and rng.random() < 0.45:
            x, gap = x + float(rng.uniform(18, 30)), 0


def roof(rng: Generator, canvas: np.ndarray, town: Town, x: float, w: float, top: float, bottom: float) -> None:
    """Cover one house: a gable along or across the lane with rows of tiles, or a flat terrace with its clutter."""
    light, n, bw = town.light, int(bottom - top) + 8, int(w) + 5
    kind = str(rng.choice(["along", "across", "flat"], p=[0.45, 0.3, 0.25]))
    color = town.roofs[int(rng.integers(len(town.roofs)))] * float(rng.uniform(0.85, 1.12))
    yy, xx = np.mgrid[0:n, 0:bw].astype(np.float32)
    tex = town.texture(rng, n, bw)
    if kind == "along":
        ridge = n * 0.42
        lit = np.where(yy < ridge, 0.32 - 0.15 * light.dy, 0.78) + 0.12 * light.dx * (xx / bw - 0.5)
        tile, seam = np.sin(xx * 2 * np.pi / 8.0), np.exp(-(((yy - ridge) / 2.4) ** 2))
    elif kind == "across":
        lit = np.where(xx < bw / 2, 0.5 - 0.38 * light.dx, 0.5 + 0.38 * light.dx)
        tile, seam = np.sin(yy * 2 * np.pi / 8.0), np.exp(-(((xx - bw / 2) / 2.4) ** 2))
    else:
        color = mix(color, rgb("#b8b0a4"), 0.6)
        lit, tile, seam = np.full((n, bw), 0.68, np.float32), np.zeros((n, bw), np.float32), np.zeros((n, bw), np.float32)
    edge = np.minimum(np.minimum(xx - 1, bw - 2 - xx), np.minimum(yy - 1, n - 2 - yy))
    lit = np.clip(lit + 0.17 * tile + 0.45 * (tex - 0.5) + 0.25 * seam, 0.03, 1)
    if town.white:
        color = mix(color, np.array([0.92, 0.95, 1.0], np.float32), noise.smoothstep(tex, 0.02, 0.3) * 0.84)
    image = light.shade(np.broadcast_to(color, (n, bw, 3)), lit) * (0.72 + 0.28 * np.clip(edge / 4.0, 0, 1))[..., None]
    rect(canvas, np.zeros(3, np.float32), x - 3 - 7 * light.dx, bottom, w, 13, 0.4, 3.0)
    over(canvas, image, np.clip(edge + 1, 0, 1), int(top), int(x) - 2)
    if kind == "flat":
        clutter(rng, canvas, town, x, w, top, n)
    elif rng.random() < 0.6:
        cx, cy = x + w * float(rng.uniform(0.2, 0.75)), top + n * float(rng.uniform(0.2, 0.6))
        rect(canvas, np.zeros(3, np.float32), cx - 12 * light.dx, cy + 4, 13, 12, 0.35, 2.0)
        rect(canvas, light.tint(rgb("#a86850"), 0.4), cx, cy, 13, 17)
        rect(canvas, light.tint(rgb("#c8b8a8"), 0.9), cx - 1, cy - 3, 15, 6)


def clutter(rng: Generator, canvas: np.ndarray, town: Town, x: float, w: float, top: float, n: int) -> None:
    """Set a flat roof with a parapet's shade, plants, a tank or washing on a line."""
    light = town.light
    rect(canvas, np.zeros(3, np.float32), x + 5, top + 7, w - 12, 8, 0.22, 2.0)
    for _ in range(int(rng.integers(2, 5))):
        cx, cy = x + w * float(rng.uniform(0.15, 0.7)), top + n * float(rng.uniform(0.2, 0.7))
        what = rng.random()
        if what < 0.5:
            pot(rng, canvas, town.light, cx, cy, float(rng.uniform(7, 11)))
        elif what < 0.75:
            rect(canvas, np.zeros(3, np.float32), cx - 8 * light.dx, cy + 5, 18, 15, 0.3, 2.0)
            rect(canvas, light.tint(rgb("#8ca4b0"), 0.55), cx, cy, 19, 18)
            rect(canvas, light.tint(rgb("#c4d0d4"), 0.95), cx + 2, cy, 15, 6)
        else:
            for k in range(3):
                rect(canvas, light.tint(town.cloths[int(rng.integers(len(town.cloths)))], 0.8), cx - 16 + 13 * k, cy, 10, 13)


def front(rng: Generator, canvas: np.ndarray, town: Town, x: float, w: float, top: float, ground: float) -> None:
    """Paint one shop front: wall, upper windows, the open shop with its goods, the awning over it."""
    light, h = town.light, ground - top
    wall = hue(rgb(_WALLS[int(rng.integers(len(_WALLS)))]), float(rng.uniform(-10, 10)))
    rect(canvas, light.tint(wall, 0.55 + 0.1 * float(rng.uniform(-1, 1))), x, top, w, h)
    rect(canvas, np.zeros(3, np.float32), x, top, w, 8, 0.3, 2.0)
    warm = rgb("#ffc468") if rng.random() < 0.8 else rgb("#d8ecff")
    if h > 50:
        for k in range(int(w // 30)):
            wx = x + 11 + 30 * k
            rect(canvas, light.tint(rgb("#3c4450"), 0.4), wx, top + 9, 13, 16)
            if rng.random() < town.lit * 0.5:
                rect(canvas, warm * 0.9, wx, top + 9, 13, 16)
                rect(town.shine, warm * 0.5, wx, top + 9, 13, 16)
    shop = min(h * 0.5, 38.0)
    rect(canvas, mix(light.tint(rgb("#3c2c24"), 0.4), warm, 0.12 + 0.6 * town.lit), x + 6, ground - shop, w - 12, shop)
    if town.lit:
        rect(town.shine, warm * 0.42 * town.lit, x + 8, ground - shop * 0.55, w - 16, shop * 0.75)
    crates(rng, canvas, town, x + 8, ground + 1, w - 16)
    awning(rng, canvas, town, x + 2, w - 5, ground - shop - 12, float(rng.uniform(36, 46)))


def crates(rng: Generator, canvas: np.ndarray, town: Town, x: float, y: float, w: float) -> None:
    """Lay out goods before a shop: boxes heaped with round fruit or wares."""
    light, n = town.light, int(max(w // 23, 1))
    rect(canvas, np.zeros(3, np.float32), x - 4 * light.dx, y + 3, 23 * n, 20, 0.4, 3.0)
    for k in range(n):
        color = rgb(_GOODS[int(rng.integers(len(_GOODS)))])
        rect(canvas, light.tint(rgb("#8c6440"), 0.5), x + 23 * k, y, 20, 20)
        lump = noise.domes(rng, 15, 16, 7.0)
        over(canvas, light.shade(color, np.clip(0.25 + 0.75 * lump, 0, 1)), np.ones((15, 16), np.float32), int(y) + 2, int(x + 23 * k) + 2)


def awning(rng: Generator, canvas: np.ndarray, town: Town, x: float, w: float, y: float, h: float) -> None:
    """Stretch a striped or plain awning over a shop, sloping towards the lane, with a scalloped edge and its shadow."""
    light, n, bw = town.light, int(h) + 8, int(w) + 6
    a = town.cloths[int(rng.integers(len(town.cloths)))]
    b = a if rng.random() < 0.3 else rgb("#f4ece0")
    yy, xx = np.mgrid[0:n, 0:bw].astype(np.float32)
    stripe = float(rng.uniform(10, 15))
    wave = np.clip(np.sin(xx * np.pi / stripe) * stripe * 0.6 + 0.5, 0, 1)
    edge = h - 3 + 3.5 * np.abs(np.sin(xx * np.pi / stripe))
    mask = np.clip(edge - yy, 0, 1) * np.clip(xx - 1, 0, 1) * np.clip(bw - 2 - xx, 0, 1) * np.clip(yy, 0, 1)
    lit = np.clip(0.92 - 0.2 * yy / h - 0.5 * noise.smoothstep(yy, h - 9, h - 6) + 0.3 * (town.texture(rng, n, bw) - 0.5), 0, 1)
    over(canvas, np.zeros(3, np.float32), blur(mask, 2.5) * 0.42, int(y) + 9, int(x - 3 - 6 * light.dx))
    over(canvas, light.shade(mix(a, b, wave), lit), mask, int(y), int(x) - 3)
    if town.lit > 0.3:
        over(canvas, mix(a, b, wave) * rgb("#ffc880"), mask * (0.2 * town.lit * noise.smoothstep(yy, 2, h)), int(y), int(x) - 3)


def market(rng: Generator, canvas: np.ndarray, town: Town, y: float) -> None:
    """Fill the lane that begins at row `y`: people, parasols over stalls on its near side, and lanterns across it."""
    width = canvas.shape[1]
    shade = 0.45 * town.light.strength * (0.5 if town.lit > 0.8 else 1.0)
    rect(canvas, mix(town.light.ambient * 0.25, np.zeros(3), 0.4), -20, y - 20, width + 40, 20 + town.lane * 0.36, shade, 5.0)
    for x in np.arange(float(rng.uniform(-10, 10)), width + 20, float(rng.uniform(34, 46))):
        if rng.random() < 0.8:
            person(rng, canvas, town.light, float(x + rng.uniform(-9, 9)), y + town.lane * float(rng.uniform(0.38, 0.6)))
    x = float(rng.uniform(-20, 60))
    while x < width + 40:
        if rng.random() < 0.68:
            parasol(
                rng,
                canvas,
                town.light,
                town.cloths[int(rng.integers(len(town.cloths)))],
                x,
                y + town.lane * float(rng.uniform(0.78, 0.9)),
                float(rng.uniform(25, 34)),
            )
        else:
            pot(rng, canvas, town.light, x, y + town.lane * 0.86, float(rng.uniform(14, 20)))
        x += float(rng.uniform(62, 110))
    if town.lit > 0.3:
        lanterns(rng, town, width, y + town.lane * 0.45)


def lanterns(rng: Generator, town: Town, width: int, y: float) -> None:
    """Hang chains of lanterns to and fro across the lane."""
    color = [rgb("#ffb850"), rgb("#ff7840"), rgb("#ffe0a0")][int(rng.integers(3))]
    step, swing = float(rng.uniform(38, 54)), town.lane * 0.34
    for k, x in enumerate(np.arange(float(rng.uniform(0, 20)), width, step)):
        m = np.zeros((16, 16), np.float32)
        cv2.circle(m, (8, 8), 5, 1.0, -1, cv2.LINE_AA)
        over(town.shine, color, m * min(town.lit + 0.1, 1.0), int(y + swing * np.sin(k * 0.9)) - 8, int(x) - 8)
