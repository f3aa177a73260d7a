"""Wide cliffs with several falls of different widths, vegetation on top and at the foot, mist and a pool."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from .. import land, noise, plants, style, terrain, water, weather
from ..attributes import Attributes
from ..canvas import below, blur, hue, over, paste, rgb
from ..light import Light
from ..sky import paint_sky

NAME = "waterfall"
_ROCKS = ("#6e6a66", "#7c6654", "#5c5c62", "#8a6a50", "#5a6058", "#84503c")
_POOLS = ("#1d6a70", "#2a7a6a", "#2a5a80", "#30808a", "#3c6a58")


@dataclass
class Fall:
    """One fall: centre, lip, foot and width in px; `ledge` is the row of a step in between, or 0."""

    x: float
    top: float
    foot: float
    width: float
    ledge: float


def draw(rng: Generator, attrs: Attributes, width: int, height: int = 512) -> np.ndarray:
    """Return one scene (H, W, 3) in [0, 1]."""
    brow = float(rng.uniform(120, 205))
    foot = float(rng.uniform(375, 425))
    canvas, light = paint_sky(rng, attrs, width, height, brow + 40)
    white = attrs.season == "winter" or attrs.weather == "snow"
    sky = canvas.copy() if attrs.style == "silhouette" else None
    background(rng, canvas, attrs, light, brow, white)
    top = brow + 22 * noise.profile(rng, width, 230.0, 4, 0.5) + 14 * np.sign(noise.profile(rng, width, 150.0, 2))
    top = blur(top[None].astype(np.float32), 2.5, 0.8)[0]
    falls = place_falls(rng, width, top, foot)
    for f in falls:
        xs = np.arange(width)
        top = top + 9 * np.exp(-(((xs - f.x) / (f.width * 0.6 + 5)) ** 4))
    top = top.astype(np.float32)
    rock = hue(rgb(_ROCKS[int(rng.integers(len(_ROCKS)))]), float(rng.uniform(-8, 8)), 1.0, float(rng.uniform(0.85, 1.1)))
    green = hue(plants.leaf_color(rng, attrs), 0, 0.95, 0.8)
    moss = rgb("#e4ecf4") if white else hue(rgb("#4c6a34"), float(rng.uniform(-12, 12)))
    land.cliff(rng, canvas, light, top, foot + 6, rock, 0.16, moss, float(rng.uniform(0.2, 0.9)))
    growth = Growth(rng, attrs, light, green, white)
    crest(rng, canvas, growth, top, falls)
    solid = None if sky is None else style.changed(sky, canvas) * below(height, np.full(width, brow - 170.0))
    for f in sorted(falls, key=lambda f: f.width):
        pour(rng, canvas, light, f, rock, growth)
    banks(rng, canvas, light, growth, falls, foot, rock, white)
    mask = None if solid is None else np.maximum(solid, below(height, top)) * fall_gap(height, width, falls, foot)
    pool(rng, canvas, light, falls, foot, mask)
    before = None if mask is None else canvas.copy()
    foreground(rng, canvas, light, growth, rock, white)
    if mask is not None and before is not None:
        mask = np.maximum(mask, style.changed(before, canvas))
    weather.lay(rng, canvas, attrs, light, foot - 40, mask, up=150, down=70)
    return style.finish(canvas, attrs, light, mask)


class Growth:
    """The sprites of the vegetation of one scene: jungle, conifers or broadleaf woods, in the season's colours."""

    def __init__(self, rng: Generator, attrs: Attributes, light: Light, green: np.ndarray, white: bool) -> None:
        kind = str(rng.choice(["jungle", "conifer", "broadleaf"], p=[0.35, 0.35, 0.3]))
        kind = "conifer" if white else ("broadleaf" if attrs.season == "autumn" and kind == "jungle" else kind)
        snow = 0.8 if white else 0.0
        leaves = [green] + [hue(plants.leaf_color(rng, attrs), 0, 0.95, 0.85) for _ in range(2)]
        far, near = 0.16, 0.02
        self.kind = kind
        self.bushes = [plants.bush(rng, light, 44, c, far) for c in leaves]
        self.near_bushes = [plants.bush(rng, light, 80, hue(c, 0, 1, 0.85), near) for c in leaves]
        if kind == "conifer":
            self.trees = [plants.conifer(rng, light, 120, snow, depth=far) for _ in range(4)]
            self.near_trees = [plants.conifer(rng, light, 260, snow, depth=near) for _ in range(2)]
        elif kind == "jungle":
            self.trees = [plants.palm(rng, light, 110, hue(leaves[0], 6), far, 11)] + [plants.tree(rng, light, 110, c, far) for c in leaves]
            self.near_trees = [plants.palm(rng, light, 260, hue(leaves[0], 6), near), plants.tree(rng, light, 220, leaves[1], near)]
        else:
            self.trees = [plants.tree(rng, light, 110, c, far) for c in leaves]
            self.near_trees = [plants.tree(rng, light, 240, c, near) for c in leaves[:2]]
        if white:
            snowy = rgb("#dfe8f0")
            self.bushes = [plants.bush(rng, light, 44, snowy, far) for _ in range(2)]
            self.near_bushes = [plants.bush(rng, light, 80, snowy, near) for _ in range(2)]


def background(rng: Generator, canvas: np.ndarray, attrs: Attributes, light: Light, brow: float, white: bool) -> None:
    """Paint what lies behind the cliffs, mountains or wooded hills in the haze."""
    height, width = canvas.shape[:2]
    if rng.random() < 0.6:
        t = terrain.make(rng, width, height, light, brow + 20, float(rng.uniform(60, 120)), 5.0, 3.6, bottom=brow + 70)
        t.paint(canvas, terrain.rock_and_snow(rng, t, light, rgb("#70727c"), 0.9 if white else 0.35, rgb("#4a6440")))
    color = rgb("#b8c4cc") if white else hue(plants.leaf_color(rng, attrs), 0, 0.8, 0.7)
    land.hills(rng, canvas, light, brow + 26, 60, 0.55, color, 240.0, woods=8.0, bottom=brow + 80)
    water.fog_bank(rng, canvas, light, brow + 10, 36, 0.5)


def place_falls(rng: Generator, width: int, top: np.ndarray, foot: float) -> list[Fall]:
    """Draw falls across the whole width, so that each 512 px crop holds two or more."""
    out, x = [], float(rng.uniform(20, 110))
    rhythm = float(rng.uniform(105, 190))
    while x < width - 10:
        w = float(np.exp(rng.uniform(np.log(16), np.log(105))))
        ledge = float(rng.uniform(0.3, 0.65)) if rng.random() < 0.4 else 0.0
        y = float(top[int(min(x, width - 1))])
        out.append(Fall(x, y + 7, foot, w, y + (foot - y) * ledge if ledge else 0.0))
        x += w * 0.9 + rhythm * float(rng.uniform(0.5, 1.25))
    return out


def crest(rng: Generator, canvas: np.ndarray, growth: Growth, top: np.ndarray, falls: list[Fall]) -> None:
    """Plant the cliffs' brow, leaving gaps where the water leaves it."""
    width = canvas.shape[1]
    thick = noise.profile(rng, width, 120.0, 3)
    for x in rng.permutation(np.arange(-10, width + 10, 13)):
        k = int(np.clip(x, 0, width - 1))
        gap = min(abs(f.x - x) - f.width * 0.55 for f in falls)
        if gap < 6 or thick[k] < -0.45:
            continue
        y = float(top[k])
        if gap > 14 and rng.random() < 0.6:
            s = float(rng.uniform(34, 78)) * (0.8 + 0.4 * max(float(thick[k]), 0))
            paste(canvas, growth.trees[int(rng.integers(len(growth.trees)))], float(x), y + 5, s)
        s = float(rng.uniform(10, 24))
        paste(canvas, growth.bushes[int(rng.integers(len(growth.bushes)))], float(x), y + s * 0.55, s)


def pour(rng: Generator, canvas: np.ndarray, light: Light, f: Fall, rock: np.ndarray, growth: Growth) -> None:
    """Paint one fall: wet dark rock behind it, one or two drops, spray at each foot, bushes beside it."""
    h, w = int(f.foot - f.top), int(f.width * 2 + 30)
    u = np.abs(np.arange(w, dtype=np.float32) - w / 2)[None] / (w / 2)
    edge = noise.fbm(rng, h, w, 40.0, 3)
    wet = np.clip(1.35 - u * 1.5 + (edge - 0.5), 0, 1) * np.clip(np.arange(h)[:, None] / 14.0, 0, 1)
    over(canvas, light.haze(light.shade(rock * 0.4, 0.3), 0.12), (wet * 0.72).astype(np.float32), int(f.top), int(f.x - w / 2))
    if f.ledge:
        water.fall(rng, canvas, light, f.x, f.top, f.ledge + 4, f.width, 1.15)
        wide, shift = f.width * float(rng.uniform(1.15, 1.5)), float(rng.uniform(-0.2, 0.2)) * f.width
        stone = land.boulder(rng, light, int(wide * 1.25) + 16, rock * 0.75, 0.14)
        paste(canvas, stone, f.x + shift, f.ledge + 13, 20)
        water.fall(rng, canvas, light, f.x + shift, f.ledge, f.foot + 3, wide, 1.12)
        water.mist(rng, canvas, light, f.x, f.ledge, f.width * 1.7 + 16, 26, 0.6)
    else:
        water.fall(rng, canvas, light, f.x, f.top, f.foot + 3, f.width, float(rng.uniform(1.1, 1.45)))
    for side in (-1, 1):
        for _ in range(int(rng.integers(0, 4))):
            y = f.top + (f.foot - f.top) * float(rng.random()) ** 1.2
            s = float(rng.uniform(9, 22))
            paste(canvas, growth.bushes[int(rng.integers(len(growth.bushes)))], f.x + side * (f.width * 0.75 + s * 0.9 + 4), y + s, s)


def banks(rng: Generator, canvas: np.ndarray, light: Light, growth: Growth, falls: list[Fall], foot: float, rock: np.ndarray, white: bool) -> None:
    """Heap scree, boulders, bushes and trees along the cliffs' foot between the falls."""
    width = canvas.shape[1]
    albedo = rgb("#dce6ee") if white else rock * 0.8
    stones = [land.boulder(rng, light, 70, albedo, 0.1, 0.8) for _ in range(4)]
    for x in rng.permutation(np.arange(-10, width + 20, 17)):
        gap = min(abs(f.x - x) - f.width * 0.7 for f in falls)
        if gap < 4:
            if rng.random() < 0.5:
                paste(canvas, stones[int(rng.integers(4))], float(x), foot + 6, float(rng.uniform(7, 14)))
            continue
        if gap > 22 and rng.random() < 0.4:
            tree = growth.trees[int(rng.integers(len(growth.trees)))]
            paste(canvas, tree, float(x), foot + 2, float(rng.uniform(40, 95)))
        s = float(rng.uniform(14, 38))
        paste(canvas, growth.bushes[int(rng.integers(len(growth.bushes)))], float(x), foot + 4, s)
        if rng.random() < 0.6:
            paste(canvas, stones[int(rng.integers(4))], float(x) + 8, foot + 7, float(rng.uniform(9, 24)))


def pool(rng: Generator, canvas: np.ndarray, light: Light, falls: list[Fall], foot: float, dark: np.ndarray | None) -> None:
    """Paint the pool with the cliffs' reflection (and that of `dark`), foam where the falls strike it, and the spray above."""
    height, width = canvas.shape[:2]
    color = rgb(_POOLS[int(rng.integers(len(_POOLS)))])
    water.reflect(rng, canvas, foot + 4, light, color, float(rng.uniform(0.35, 0.7)), foreground=dark)
    y0 = int(foot) + 2
    n = height - y0
    yy = np.arange(n, dtype=np.float32)[:, None]
    foam = np.zeros((n, width), np.float32)
    for f in falls:
        u = (np.arange(width)[None] - f.x) / (f.width * (0.8 + yy / 45.0) + 10)
        foam = np.maximum(foam, np.exp(-(u**2) - yy / (8 + f.width * 0.22)))
    streak = noise.plane(rng, n, width, -8.0, 60.0, 3.0)
    white = np.clip(light.ambient * 0.95 + light.sun * light.strength * 0.5 + 0.05, 0, 1)
    over(canvas, white, noise.smoothstep(foam + 0.9 * (streak - 0.5), 0.3, 0.8) * 0.9, y0)
    for f in falls:
        water.mist(rng, canvas, light, f.x, f.foot - 4, f.width * 1.5 + 26, 26 + f.width * 0.42, 0.85)


def foreground(rng: Generator, canvas: np.ndarray, light: Light, growth: Growth, rock: np.ndarray, white: bool) -> None:
    """Frame the pool with boulders, bushes and a few tall trees close to the eye."""
    height, width = canvas.shape[:2]
    stones = [land.boulder(rng, light, 120, rgb("#d8e2ec") if white else rock * 0.7, 0.0, 0.9) for _ in range(3)]
    heap = noise.profile(rng, width, 150.0, 2)
    for x in np.arange(-20, width + 40, 34):
        level = float(heap[int(np.clip(x, 0, width - 1))])
        if level < 0.08:
            continue
        if level > 0.45 and rng.random() < 0.22:
            tree = growth.near_trees[int(rng.integers(len(growth.near_trees)))]
            paste(canvas, tree, float(x), height + 14, float(rng.uniform(120, 230) if growth.kind == "conifer" else rng.uniform(100, 165)))
        paste(canvas, stones[int(rng.integers(3))], float(x), height + 8, float(rng.uniform(20, 30 + 40 * level)))
        if rng.random() < 0.75:
            near = growth.near_bushes[int(rng.integers(len(growth.near_bushes)))]
            paste(canvas, near, float(x) + 12, height + 12, float(rng.uniform(28, 40 + 50 * level)))


def fall_gap(height: int, width: int, falls: list[Fall], foot: float) -> np.ndarray:
    """Return the mask (H, W) that keeps falls luminous in the silhouette style."""
    keep = np.ones((height, width), np.float32)
    yy = np.arange(height, dtype=np.float32)[:, None]
    for f in falls:
        u = np.abs(np.arange(width)[None] - f.x) / (f.width * (0.46 + 0.16 * (yy - f.top) / (f.foot - f.top)))
        keep = np.minimum(keep, 1 - 0.9 * noise.smoothstep(u, 1.05, 0.75) * (yy > f.top) * (yy < foot + 4))
    return keep.astype(np.float32)
