"""A meadow or savannah in depth with a few big animals in side view, trees and hills."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from .. import animals, land, noise, plants, style, terrain, water, weather
from ..attributes import Attributes
from ..canvas import hue, over, paste, polygon, rgb, sprite, taper
from ..light import Light
from ..sky import paint_sky

NAME = "grassland"
_HERDS = (("elephant", "giraffe"), ("zebra", "giraffe"), ("elephant", "zebra"), ("elephant",), ("zebra", "antelope"), ("giraffe", "antelope", "elephant"))
_PASTURE = (("cow",), ("horse",), ("cow", "horse"))
_SIZE = {"elephant": 1.2, "giraffe": 1.05, "zebra": 0.85, "antelope": 0.8, "cow": 0.85, "horse": 0.95}


def draw(rng: Generator, attrs: Attributes, width: int, height: int = 512) -> np.ndarray:
    """Return one scene (H, W, 3) in [0, 1]."""
    horizon = float(rng.uniform(215, 275))
    canvas, light = paint_sky(rng, attrs, width, height, horizon)
    white = attrs.season == "winter" or attrs.weather == "snow"
    wild = rng.random() < 0.62 and not white
    grass = meadow_color(rng, attrs, wild, white)
    backdrop(rng, canvas, attrs, light, horizon, grass, white)
    top = (horizon + 12 + 7 * noise.profile(rng, width, 260.0, 3)).astype(np.float32)
    before = canvas.copy() if attrs.style == "silhouette" else canvas
    land.ground(rng, canvas, light, top, grass, kind="snow" if white else ("sand" if wild else "grass"))
    sweep(rng, canvas, light, horizon, grass)
    trees(rng, canvas, attrs, light, top, wild, white)
    field = canvas.copy() if attrs.style == "silhouette" else canvas
    herd(rng, canvas, attrs, light, horizon, wild)
    if not white:
        tufts(rng, canvas, light, grass)
    mask = None
    if attrs.style == "silhouette":
        mask = np.maximum(style.changed(field, canvas), 0.62 * style.changed(before, field))
    weather.lay(rng, canvas, attrs, light, horizon + 10, mask, thick=0.72)
    return style.finish(canvas, attrs, light, mask)


def meadow_color(rng: Generator, attrs: Attributes, wild: bool, white: bool) -> np.ndarray:
    """Return the albedo (3,) of the grass."""
    if white:
        return rgb("#e4ebf2")
    gold = {"spring": "#9ca850", "summer": "#c4a452", "autumn": "#c09c4c", "winter": "#b09a6a"}[attrs.season]
    base = rgb(gold) if wild else plants.grass_color(attrs)
    if attrs.season == "autumn" and not wild:
        base = rgb("#a49a4c")
    return hue(base, float(rng.uniform(-6, 16)), float(rng.uniform(0.95, 1.15)), float(rng.uniform(1.08, 1.25)))


def backdrop(rng: Generator, canvas: np.ndarray, attrs: Attributes, light: Light, horizon: float, grass: np.ndarray, white: bool) -> None:
    """Paint distant mountains or hills behind the plain."""
    height, width = canvas.shape[:2]
    if rng.random() < 0.45:
        t = terrain.make(rng, width, height, light, horizon + 6, float(rng.uniform(50, 105)), 5.0, 3.8, bottom=horizon + 40)
        snow = 0.9 if white else float(rng.uniform(0, 0.5))
        t.paint(canvas, terrain.rock_and_snow(rng, t, light, rgb("#76707a"), snow, hue(grass, 10, 0.8, 0.65)))
    else:
        land.hills(rng, canvas, light, horizon + 4, 50, 0.75, hue(grass, 25, 0.7, 0.7), 260.0, bottom=horizon + 40)
    wood = rgb("#aab6be") if white else hue(plants.leaf_color(rng, attrs), 0, 0.8, 0.75)
    land.hills(rng, canvas, light, horizon + 14, 22, 0.5, wood, 200.0, woods=7.0, bottom=horizon + 50)
    water.fog_bank(rng, canvas, light, horizon + 10, 24, 0.35)


def acacia(rng: Generator, light: Light, height: int, color: np.ndarray, depth: float) -> np.ndarray:
    """Return an umbrella thorn (h, w, 4): a forked trunk beneath flat layered crowns."""
    w = int(height * float(rng.uniform(1.25, 1.6)))
    limbs, heaps = [], []
    root = np.array([w * 0.5, height])
    fork = np.array([w * float(rng.uniform(0.44, 0.56)), height * 0.6])
    limbs.append(taper(np.linspace(root, fork, 5), height * 0.07, height * 0.045))
    for k, u in enumerate(np.linspace(-1, 1, 4)):
        tip = np.array([w * (0.5 + 0.3 * u), height * (0.24 + 0.09 * abs(u) + 0.03 * (k % 2))])
        limbs.append(taper(np.stack([fork, (fork + tip) / 2 + [0, height * 0.05], tip]), height * 0.04, height * 0.016))
        heaps.append(tip)
    wood = polygon(height, w, *limbs)
    out = sprite(light.tint(rgb("#54402e"), 0.35, depth), wood)
    centres, radii = [], []
    for tip in heaps:
        for _ in range(9):
            centres.append(tip + [rng.uniform(-0.17, 0.17) * w, rng.uniform(-0.07, 0.02) * height])
            radii.append(height * float(rng.uniform(0.05, 0.085)))
    lump = noise.balls(height, w, np.array(centres), np.array(radii))
    leaves = plants.foliage(rng, light, lump, height * 0.035, color, depth, 0.28)
    both: np.ndarray = leaves + out * (1 - leaves[..., 3:])
    return both


def trees(rng: Generator, canvas: np.ndarray, attrs: Attributes, light: Light, top: np.ndarray, wild: bool, white: bool) -> None:
    """Stand single trees over the plain, far small ones first."""
    width = canvas.shape[1]
    for size, y, gap, depth in ((46, 8, 60, 0.42), (112, 36, 150, 0.2)):
        if wild:
            green = hue(rgb("#6c7838"), float(rng.uniform(-14, 10)), 0.95, float(rng.uniform(0.85, 1.1)))
            kinds = [acacia(rng, light, int(size * 1.2), green, depth) for _ in range(2)]
        else:
            kinds = [plants.tree(rng, light, int(size * 1.2), plants.leaf_color(rng, attrs), depth, bare=white and k == 1) for k in range(3)]
        plants.forest(rng, canvas, kinds, top + y, max(width // gap, 1), (size * 0.7, size * 1.2), 0.02)


def sweep(rng: Generator, canvas: np.ndarray, light: Light, horizon: float, grass: np.ndarray) -> None:
    """Wash the plain with broad bands of light and of cloud shadow, in place."""
    height, width = canvas.shape[:2]
    y0 = int(horizon) + 6
    n = noise.plane(rng, height - y0, width, -30.0, 220.0, 3.0)
    glow = np.clip(light.shade(hue(grass, -10, 1.05, 1.15), 0.85), 0, 1)
    over(canvas, glow, noise.smoothstep(n, 0.45, 0.75) * 0.6, y0)
    over(canvas, light.shade(hue(grass, 15, 1.0, 0.8), 0.2), noise.smoothstep(n, 0.45, 0.2) * 0.3, y0)


def tufts(rng: Generator, canvas: np.ndarray, light: Light, grass: np.ndarray) -> None:
    """Fringe the lower border with clumps of long grass."""
    height, width = canvas.shape[:2]
    kinds = []
    for shift in (-8, 0, 8):
        blades: list[np.ndarray] = []
        tips: list[np.ndarray] = []
        for x in np.linspace(0.2, 0.8, 11):
            lean = float(rng.normal(0, 0.16)) + (x - 0.5) * 1.2
            root, tip = np.array([120 * x, 92.0]), np.array([120 * x + lean * 60, float(rng.uniform(8, 44))])
            path = np.stack([root, (root + tip) / 2 + [-lean * 9, 0], tip])
            (tips if rng.random() < 0.5 else blades).append(taper(path, 10.0, 3.0))
        dark, bright = polygon(90, 120, *blades), polygon(90, 120, *tips)
        image = sprite(light.tint(hue(grass, shift, 1.0, 0.7), 0.3), dark)
        image = image * (1 - bright[..., None]) + sprite(light.tint(hue(grass, shift, 1.0, 1.05), 0.75), bright)
        kinds.append(image.astype(np.float32))
    heap = noise.profile(rng, width, 120.0, 2)
    for x in rng.permutation(np.arange(0, width + 20, 17)):
        level = float(heap[int(np.clip(x, 0, width - 1))])
        if level > -0.25:
            paste(canvas, kinds[int(rng.integers(3))], float(x), height + 8, 26 + 34 * (level + 0.25))


def herd(rng: Generator, canvas: np.ndarray, attrs: Attributes, light: Light, horizon: float, wild: bool) -> None:
    """Set the animals out in three depths, the near ones big; each 512 px holds several."""
    height, width = canvas.shape[:2]
    groups = _HERDS if wild else _PASTURE
    kinds = groups[int(rng.integers(len(groups)))]
    made = [
        (kind, animals.animal(rng, light, kind, int(108 * _SIZE[kind]), bool(rng.random() < 0.35), k % 2 == 1))
        for kind in kinds
        for k in range(2 if len(kinds) > 1 else 4)
    ]
    for t, size, gap in ((0.16, 0.3, 100), (0.42, 0.6, 190), (0.8, 1.0, 250)):
        y0 = horizon + 14 + (height - horizon) * t
        hazed = [(kind, seen(light, image, 0.3 * (1 - t))) for kind, image in made]
        x = float(rng.uniform(10, gap * 0.8))
        while x < width + 20:
            _, image = hazed[int(rng.integers(len(hazed)))]
            y = y0 + float(rng.uniform(-0.06, 0.06)) * (height - horizon)
            k = size * float(rng.uniform(0.88, 1.08))
            if attrs.style != "silhouette":
                ground_shadow(canvas, light, x, y, image.shape[1] * k * 0.3, image.shape[0] * k * 0.05)
            paste(canvas, image, x, y, image.shape[0] * k)
            x += gap * float(rng.uniform(0.75, 1.3))


def seen(light: Light, image: np.ndarray, depth: float) -> np.ndarray:
    """Return a premultiplied sprite seen through the haze at `depth`."""
    out = image.copy()
    out[..., :3] += (light.haze_color * image[..., 3:] - image[..., :3]) * float(light.haze_amount(depth))
    return out


def ground_shadow(canvas: np.ndarray, light: Light, x: float, y: float, rx: float, ry: float) -> None:
    """Darken the ground beneath an animal, leaning away from the sun."""
    w, h = int(rx * 4), int(max(ry * 6, 12))
    yy, xx = np.mgrid[0:h, 0:w].astype(np.float32)
    d = ((xx - w / 2 + light.dx * rx * 0.4) / (rx * 1.25)) ** 2 + ((yy - h / 2) / max(ry * 1.5, 3)) ** 2
    mask = np.clip(1.3 - d, 0, 1) * (0.3 + 0.25 * min(light.strength, 1.0))
    over(canvas, light.shade(rgb("#1c2018"), 0.1), mask.astype(np.float32), int(y - h / 2), int(x - w / 2))
