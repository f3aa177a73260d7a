"""A village in deep snow: timbered and log houses, smoking chimneys, warm windows, a church, firs, a street or a frozen pond."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from .. import land, noise, plants, style, terrain, water, weather
from ..attributes import Allowed, Attributes
from ..canvas import Points, below, blur, hue, mix, over, paste, rgb, screen, sprite
from ..cottages import SNOW, Block, Village, church, house
from ..sky import paint_sky

NAME = "winter_village"
ALLOWED = Allowed(season=("winter",))
_WALLS = (
    "#b03c30 #dca83c #94603c #ece4d4 #c0583c",
    "#84563a #a0704a #6c4c38 #bc9060 #e0cca8",
    "#e8dcc4 #f0e8dc #dcb878 #cc7c5c #b09880",
    "#4c7c94 #b03c38 #e4b448 #e8e4dc #5c8c6c",
    "#cc6c4c #e8a860 #f0d8a8 #a85034 #7c5440",
)
_SPIRES = ("#4c5c74", "#5c8c7c", "#94483a", "#545060", "#84644c")
_WARM = ("#ffc05c", "#ffd078", "#ffa848", "#ffb868")
# parts of small things: colour ('' shines), how lit, thickness of a line or 0 for a polygon, points
_Part = tuple[str, float, float, *tuple[Points, ...]]
_LANTERN: tuple[_Part, ...] = (
    ("#3a3640", 0.35, 5, [(22, 30), (22, 99)]),
    ("", 0.6, 0, [(13, 12), (31, 12), (28, 32), (16, 32)]),
    ("#3a3640", 0.35, 3, [(15, 33), (29, 33)]),
    ("#f4f7fc", 0.8, 7, [(12, 10), (22, 5), (32, 10)]),
)
_BOARDS: tuple[Points, ...] = ([(4, 68), (146, 68)], [(4, 86), (146, 86)], *([(x, 54), (x + 1, 99)] for x in range(15, 150, 30)))
_FENCE: tuple[_Part, ...] = (
    ("#74503a", 0.4, 7, *_BOARDS),
    ("#f4f7fc", 0.8, 5, [(4, 64), (146, 64)], [(4, 82), (146, 82)]),
    ("#f4f7fc", 0.85, 10, *([(x - 2, 50), (x + 2, 50)] for x in range(15, 150, 30))),
)
_SNOWMAN: tuple[_Part, ...] = (
    ("#dce6f6", 0.3, 48, [(34, 76), (35, 76)]),
    ("#f8fafe", 0.85, 36, [(37, 72), (38, 72)]),
    ("#dce6f6", 0.3, 34, [(34, 47), (35, 47)]),
    ("#f8fafe", 0.85, 25, [(37, 44), (38, 44)]),
    ("#e8eefa", 0.7, 24, [(34, 27), (35, 27)]),
    ("#c83830", 0.6, 7, [(25, 37), (35, 40), (45, 37)], [(42, 39), (46, 56)]),
    ("#2c2a30", 0.4, 0, [(21, 18), (49, 18), (49, 13), (44, 13), (43, 0), (27, 0), (26, 13), (21, 13)]),
    ("#2c2a30", 0.4, 4, [(30, 24), (31, 24)], [(39, 24), (40, 24)], [(36, 50), (37, 50)], [(36, 62), (37, 62)]),
    ("#f08028", 0.7, 0, [(34, 26), (35, 32), (50, 30)]),
)


@dataclass
class Scene(Village):
    """The village and its wind; `aux` (H, W, 3) holds what shines, what turns dark in silhouettes, and what is open ground."""

    aux: np.ndarray
    wind: float


def draw(rng: Generator, attrs: Attributes, width: int, height: int = 512) -> np.ndarray:
    """Return one scene (H, W, 3) in [0, 1]."""
    horizon = float(rng.uniform(215, 265))
    canvas, light = paint_sky(rng, attrs, width, height, horizon)
    light.haze_density *= 0.55 if attrs.weather == "fog" else 0.8
    light.sun = light.sun * (1.0 if attrs.dark else 0.84)
    turn, lit = float(rng.uniform(-8, 8)), {"dawn": 0.6, "noon": 0.25, "sunset": 0.8, "twilight": 0.95, "night": 0.95}[attrs.time]
    walls = [hue(rgb(c), turn, float(rng.uniform(1.0, 1.3)), 1.05) for c in _WALLS[int(attrs.tint * 97) % len(_WALLS)].split()]
    spire, warm = hue(rgb(str(rng.choice(_SPIRES))), turn), rgb(str(rng.choice(_WARM)))
    v = Scene(light, walls, spire, warm, lit, np.zeros_like(canvas), float(rng.uniform(0.3, 0.9) * rng.choice([-1, 1])))
    background(rng, canvas, v, horizon)
    churches = np.arange(float(rng.uniform(90, 330)) - 380, width + 400, float(rng.uniform(320, 370)))
    swell, scale = float(rng.uniform(6, 22)), float(rng.uniform(0.9, 1.18))
    for k, (low, size, depth) in enumerate(((18, 46, 0.5), (72, 74, 0.24), (150, 112, 0.05))):
        line = horizon + low + swell * noise.profile(rng, width, 260.0, 2, 0.3)
        land.ground(rng, canvas, light, line.astype(np.float32), SNOW, horizon - 10, "snow", depth)
        over(v.aux, np.array([0, 0.42, 1], np.float32), below(height, line))
        row(rng, canvas, v, line, size * scale, depth, churches, k)
    (pond if rng.random() < 0.5 else road)(rng, canvas, v, horizon + 176)
    front(rng, canvas, v)
    shine = v.aux[..., 0]
    pool = blur(np.roll(shine, 34, axis=0), 26.0, 11.0) * v.aux[..., 2] * lit
    glow = np.clip(0.75 * blur(shine, 4.0) + (1.4 if light.night else 1.0) * blur(shine, 18.0), 0, 1) * (0.4 + 0.6 * lit)
    screen(canvas, np.clip(0.2 * shine + glow + pool * 3.2, 0, 1)[..., None] * warm)
    weather.lay(rng, canvas, attrs, light, horizon + 10, v.aux[..., 1], flakes=0.8, thick=0.75)
    return style.finish(canvas, attrs, light, v.aux[..., 1] * (1 - 0.95 * np.clip(1.4 * shine, 0, 1)))


def background(rng: Generator, canvas: np.ndarray, v: Scene, horizon: float) -> None:
    """Paint snowy mountains or far hills and a forest in the haze."""
    (height, width), light = canvas.shape[:2], v.light
    if rng.random() < 0.55:
        t = terrain.make(rng, width, height, light, horizon + 5, float(rng.uniform(80, 150)), 4.5, 3.8, bottom=horizon + 60)
        t.paint(canvas, terrain.rock_and_snow(rng, t, light, rgb("#6c7080"), 0.95))
        v.aux[..., 1] = 0.5 * t.mask
    else:
        land.hills(rng, canvas, light, horizon - 12, 70, 0.85, rgb("#c4d0dc"), 340.0, bottom=horizon + 60)
    line = land.hills(rng, canvas, light, horizon + 16, 54, 0.5, rgb("#8fa4ac"), 300.0, woods=9.0, bottom=horizon + 60)
    v.aux[..., 1] = np.maximum(v.aux[..., 1], 0.6 * below(height, line - 4))
    firs = [plants.conifer(rng, light, 70, 0.6, depth=0.42) for _ in range(3)]
    for k in range(2):
        plants.forest(rng, canvas, firs, line + 12 + 12 * k, width // 11, (24, 46))
    water.fog_bank(rng, canvas, light, horizon + 14, 26, 0.4)


def put(canvas: np.ndarray, v: Scene, image: np.ndarray, x: float, y: float, size: float | None, dark: float, shine: np.ndarray | None = None) -> None:
    """Paste a sprite with its foot at (x, y); it hides the lights behind it, may shine, and turns `dark` in silhouettes."""
    paste(canvas, image, x, y, size)
    hide = np.zeros_like(image)
    hide[..., 3] = image[..., 3]
    hide[..., 1] = image[..., 3] * dark
    if shine is not None:
        hide[..., 0] = shine * image[..., 3]
    paste(v.aux, hide, x, y, size)


def row(rng: Generator, canvas: np.ndarray, v: Scene, line: np.ndarray, size: float, depth: float, churches: np.ndarray, k: int) -> None:
    """Build the row `k` (0 far ... 2 near) of houses on the line (W,) with firs between them; the churches stand in row 1 and are left free."""
    width = canvas.shape[1]

    def at(x: float) -> float:
        return float(line[int(np.clip(x, 0, len(line) - 1))])

    firs = [plants.conifer(rng, v.light, 110, 0.7, depth=depth) for _ in range(3)]
    for x in np.arange(-20, width + 20, size * 0.5) + rng.uniform(-9, 9):
        if rng.random() < 0.6:
            put(canvas, v, firs[int(rng.integers(3))], float(x), at(x) + 6, size * float(rng.uniform(0.8, 1.5)), 1 - 0.7 * depth)
    kinds = [house(rng, v, size * float(rng.uniform(0.85, 1.12))) for _ in range(5)]
    if k == 2:  # one or two houses in every gap between churches
        pairs = [(-0.8, 0.75) if rng.random() < 0.3 else (float(rng.uniform(-0.3, 0.3)),) for _ in churches]
        xs = [c + 175 + size * u for c, pair in zip(churches, pairs, strict=True) for u in pair]
    else:
        xs = [x for x in np.cumsum(rng.uniform(1.4, 2.0, int(width / size) + 3) * size) - 2 * size if k == 0 or min(abs(churches - x)) > 1.35 * size]
        for c in churches if k == 1 else ():
            build(rng, canvas, v, church(rng, v, size * 1.08), float(c), at(c) + 12, depth)
    for x in xs:
        build(rng, canvas, v, kinds[int(rng.integers(5))], float(x), at(x) + float(rng.uniform(8, 20)), depth)


def build(rng: Generator, canvas: np.ndarray, v: Scene, b: Block, x: float, y: float, depth: float) -> None:
    """Set a building with its foot at (x, y): a drift and light at its foot, smoke above its chimney."""
    h, w = b.alpha.shape
    if not -w < x < canvas.shape[1] + w:
        return
    flip = int(rng.choice([-1, 1]))
    put(canvas, v, sprite(v.light.haze(b.color, depth), b.alpha)[:, ::flip], x, y, None, 1 - 0.7 * depth, b.shine[:, ::flip] * (1 - 0.5 * depth))
    n = int(h * 0.36)
    yy, xx = np.mgrid[0:n, 0:w].astype(np.float32)
    u, t = (xx - w / 2) / w, yy / n
    drift = np.clip(1.5 - np.abs((t - 0.36) / 0.2 + 0.5 * np.sin(u * 9)) * 1.5, 0, 1) * np.clip((0.46 - np.abs(u)) * 12, 0, 1)
    over(canvas, v.light.tint(SNOW, 0.72, depth), drift * 0.9, int(y - n * 0.36), int(x - w / 2))
    if b.smoke:
        plume(rng, canvas, v, x + flip * (b.smoke[0] - w / 2), y - h + b.smoke[1], 22 + h * float(rng.uniform(0.55, 0.85)), depth)


def plume(rng: Generator, canvas: np.ndarray, v: Scene, x: float, y: float, tall: float, depth: float) -> None:
    """Let smoke rise from (x, y), widening and drifting with the wind."""
    h, w = int(tall), int(tall * 2.2)
    yy, xx = np.mgrid[0:h, 0:w].astype(np.float32)
    t = 1 - yy / h
    middle = w / 2 + v.wind * tall * 0.7 * t**1.4 + 5 * np.sin(t * 9 + x) * t
    tex = noise.fbm(rng, h, w, max(tall * 0.25, 8.0), 3)
    d = (xx - middle) / (4.5 + tall * 0.17 * t**0.8)
    m = noise.smoothstep(1.2 - np.abs(d) + 1.5 * (tex - 0.5) * t, 0.0, 0.7) * np.clip(1 - t, 0, 1) ** 0.7 * 0.85
    color = v.light.shade(rgb("#e6e8ee"), np.clip(0.4 + 0.35 * d * v.light.dx + 1.2 * (tex - 0.5), 0, 1)) + 0.06
    over(canvas, v.light.haze(mix(color, v.warm, 0.25 * (1 - t) * (v.lit > 0.5)), depth * 0.6), m.astype(np.float32), int(y - h), int(x - w / 2))


def pond(rng: Generator, canvas: np.ndarray, v: Scene, y0: float) -> None:
    """Lay a frozen pond that mirrors the village, with banks of snow in front and behind."""
    (height, width), start = canvas.shape[:2], int(y0)
    y = np.arange(start, height, dtype=np.float32)[:, None]
    top = y0 + 8 + 7 * noise.profile(rng, width, 130.0, 2)
    low = y0 + 66 + 16 * noise.profile(rng, width, 220.0, 2)
    ice = np.clip((y - top) / 2, 0, 1) * np.clip((low - y) / 2, 0, 1)
    bank = np.exp(-np.abs(y - top) / 4.0) + 0.8 * np.exp(-np.maximum(y - low, 0) / 7.0) * (y > low)
    dust = noise.smoothstep(noise.plane(rng, len(y), width, -8.0, 120.0, 3.0), 0.5, 0.75)
    water.reflect(rng, canvas, y0, v.light, rgb("#9cc0dc"), 0.12, (ice * (0.9 - 0.45 * dust)).astype(np.float32))
    up = blur(v.aux[2 * start - height : start, :, 0][::-1].copy(), 3.0, 9.0)
    screen(canvas[start:], (up * ice * 0.8)[..., None] * v.warm)
    over(canvas, v.light.tint(SNOW, 0.85), np.clip(bank * 0.8, 0, 1) * (1 - ice), start)
    v.aux[start:, :, 1] *= 1 - 0.6 * ice


def road(rng: Generator, canvas: np.ndarray, v: Scene, y0: float) -> None:
    """Lay a trodden street along the houses, with grooves of sleighs and lamps at its side."""
    height, width = canvas.shape[:2]
    wave = y0 + 30 + 14 * noise.profile(rng, width, 330.0, 2, 0.3)
    y = np.arange(int(y0) - 10, height, dtype=np.float32)[:, None]
    tex = noise.plane(rng, len(y), width, -20.0, 50.0, 3.0) - 0.5
    d = np.abs((y - wave[None]) / 30.0 + 0.15 * tex)
    over(canvas, v.light.tint(rgb("#b4c0d4"), 0.42), noise.smoothstep(d + 0.4 * tex, 1.0, 0.8) * 0.75, int(y0) - 10)
    over(canvas, v.light.tint(rgb("#8898b8"), 0.25), np.exp(-(((d - 0.42) / 0.1) ** 2)) * 0.75, int(y0) - 10)
    for x in np.arange(float(rng.uniform(20, 120)), width, float(rng.uniform(150, 210))):
        thing(canvas, v, _LANTERN, float(x), float(wave[int(x)]) - 26, 92.0, 44)


def thing(canvas: np.ndarray, v: Scene, parts: tuple[_Part, ...], x: float, y: float, size: float, wide: int) -> None:
    """Stand a small thing, 100 by `wide` px in its own units, `size` px tall with its foot at (x, y)."""
    b = Block(100, wide)
    for code, lit, thick, *paths in parts:
        color = v.light.tint(rgb(code or "#d8e0e0"), lit)
        b.lay(v.warm if not code and v.lit > 0.5 else color, thick, *paths, shine=float(not code and v.lit > 0.5))
    put(canvas, v, sprite(b.color, b.alpha), x, y, size, 1.0, b.shine)


def front(rng: Generator, canvas: np.ndarray, v: Scene) -> None:
    """Frame the scene with fences, snowmen and large firs along the lower border."""
    height, width = canvas.shape[:2]
    firs = [plants.conifer(rng, v.light, 220, 0.75) for _ in range(3)]
    x = float(rng.uniform(-60, 60))
    while x < width + 60:
        kind = rng.random()
        if kind < 0.4:
            thing(canvas, v, _FENCE, x, height - float(rng.uniform(0, 12)), 108.0, 150)
        elif kind < 0.55:
            thing(canvas, v, _SNOWMAN, x, height - float(rng.uniform(6, 18)), float(rng.uniform(70, 90)), 70)
        else:
            for dx, size in ((0.0, 1.0), (46.0, 0.66)):
                put(canvas, v, firs[int(rng.integers(3))], x + dx, height + 14, float(rng.uniform(120, 215)) * size, 1.0)
        x += float(rng.uniform(150, 230))
