"""A harbour: gabled houses on a quay, moored sailing boats and fishing boats, their reflections; hills or the sea behind."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.random import Generator

from .. import land, noise, plants, style, terrain, water, weather
from ..attributes import Attributes
from ..boats import HULLS, dinghy, moor, sloop, trawler
from ..boxes import CREAM, SNOW, WARM, Box, Place, pick, rect
from ..canvas import below, blur, hue, mix, over, rgb, screen
from ..sky import paint_sky

NAME = "harbour"
_TOWNS = (  # facades | roofs
    "#c8483c #e0a848 #f0e6d4 #4c7c9c #a83c34 #d8c090 | #7c3c30 #4a4a54",
    "#f0b8a0 #f4d8a0 #e88c6c #f6ead8 #e8c070 #d89880 | #c86840 #b85c3c",
    "#a8604c #c88a68 #e8dccc #8c5044 #d0a480 #70504c | #3c444e #5c3c38",
    "#3c9cb0 #f0c850 #e8647c #f4f0e4 #68b488 #8c78c0 | #c0583c #e8e0d0",
    "#f2ece0 #dce4e8 #a8c4d0 #f0e0c8 #7c9cb4 #e4d0c0 | #3a4654 #566878",
    "#d87838 #b84838 #f0c878 #7c8c50 #e8d8b8 #c06050 | #5c4038 #7c5440",
)
_WATERS = ("#1c5060", "#1c6068", "#2c4a70", "#34584c", "#205880")
_LIT = {"dawn": 0.3, "noon": 0.0, "sunset": 0.5, "twilight": 0.62, "night": 0.62}


@dataclass
class Port(Place):
    """The place with the colours of its town."""

    walls: list[np.ndarray]
    roofs: list[np.ndarray]


def draw(rng: Generator, attrs: Attributes, width: int, height: int = 512) -> np.ndarray:
    """Return one scene (H, W, 3) in [0, 1]."""
    quay = float(rng.uniform(300, 335))
    canvas, light = paint_sky(rng, attrs, width, height, quay - 25)
    light.haze_density *= 0.5 if attrs.weather == "fog" else 0.85
    names, roofs = _TOWNS[int(attrs.tint * 97) % len(_TOWNS)].split("|")
    turn, white = float(rng.uniform(-12, 12)), attrs.season == "winter" or attrs.weather == "snow"
    walls = [hue(rgb(c), turn, 1.15, float(rng.uniform(0.86, 1.02))) for c in names.split()]
    grain, lit = noise.fbm(rng, 320, 320, 40.0, 4, 0.6), _LIT[attrs.time] + 0.15 * (attrs.weather == "fog")
    port = Port(light, np.zeros_like(canvas), np.zeros_like(canvas[..., 0]), grain, lit, white, walls, [hue(rgb(c), turn) for c in roofs.split()])
    leaf = rgb("#c4d0da") if white else hue(plants.leaf_color(rng, attrs), 0, 0.85, 0.85)
    backdrop(rng, canvas, port, leaf, quay)
    if rng.random() < 0.55:
        row(rng, canvas, port, leaf, quay - float(rng.uniform(34, 56)), 0.78, 0.34)
    row(rng, canvas, port, leaf, quay, float(rng.uniform(0.95, 1.15)), 0.14)
    wall(rng, canvas, port, quay)
    waters(rng, canvas, port, int(quay) + 22)
    fleet(rng, canvas, port, quay + 22)
    weather.lay(rng, canvas, attrs, light, quay - 30, port.mask, flakes=0.8)
    return style.finish(canvas, attrs, light, port.mask)


def backdrop(rng: Generator, canvas: np.ndarray, port: Port, leaf: np.ndarray, quay: float) -> None:
    """Paint mountains, wooded hills or the open sea with a far coast behind the town."""
    (height, width), light, kind = canvas.shape[:2], port.light, rng.random()
    if kind < 0.3:
        t = terrain.make(rng, width, height, light, quay - 20, float(rng.uniform(110, 165)), 4.5, 4.4, bottom=quay)
        t.paint(canvas, terrain.rock_and_snow(rng, t, light, rgb("#6c6c74"), 0.9 if port.white else 0.4, rgb("#4a6440")))
        port.mask = np.maximum(port.mask, 0.6 * t.mask)
    rise, base = float(rng.uniform(110, 180)) * (0.5 if kind < 0.3 else 1.0), quay - 20
    if kind > 0.72:
        water.sea(rng, canvas, quay - 46, light, rgb("#2c6c8c"), quay + 4, 0.4)
        rise, base = 44.0, quay - 36
    line = land.hills(rng, canvas, light, base, rise, 0.5, leaf, 400.0, woods=8.0, bottom=base + 2 + 28 * (kind < 0.72))
    port.mask = np.maximum(port.mask, 0.75 * below(height, line))
    water.fog_bank(rng, canvas, light, quay - 40, 34, 0.4)


def row(rng: Generator, canvas: np.ndarray, port: Port, leaf: np.ndarray, foot: float, size: float, depth: float) -> None:
    """Build houses side by side on row `foot`, with churches, and gaps full of trees among them."""
    width, x, church = canvas.shape[1], float(rng.uniform(-50, 0)), float(rng.uniform(60, 420))
    trees = [plants.tree(rng, port.light, 100, leaf, depth + 0.05) for _ in range(2)]
    plants.forest(rng, canvas, trees, np.full(width, foot + 2, np.float32), width // 26, (42 * size, 74 * size))
    over(port.mask[..., None], np.ones(1, np.float32), below(canvas.shape[0], np.full(width, foot - 30 * size), 20.0) * 0.85)
    while x < width:
        w = size * float(rng.uniform(50, 84))
        if x > church and depth < 0.2:
            spire(rng, canvas, port, x, foot, size)
            church += float(rng.uniform(400, 620))
        if rng.random() < 0.86:
            house(rng, canvas, port, x + w / 2, foot + float(rng.uniform(-2, 2)), w, size, depth)
        x += w + float(rng.uniform(-2, 2))


def house(rng: Generator, canvas: np.ndarray, port: Port, x: float, foot: float, w: float, size: float, depth: float) -> None:
    """Paint one house `w` px broad: a pointed or stepped gable or a roof seen from its side, windows, a shop below."""
    storey, floors = 30.0 * size, int(rng.choice([2, 3, 4], p=[0.4, 0.45, 0.15]))
    tall, kind = floors * storey + 8, str(rng.choice(["point", "point", "step", "side"]))
    rise = {"point": w * float(rng.uniform(0.5, 0.75)), "step": w * 0.62, "side": 30.0 * size}[kind]
    box = Box(port, tall + rise + 26, w + 14, 7.0)
    face, c = port.walls[int(rng.integers(len(port.walls)))], w / 2
    tile = mix(port.roofs[int(rng.integers(len(port.roofs)))], SNOW, 0.9 * port.white)
    edge = np.exp(-np.abs(np.arange(box.w) - 7 - w * (port.light.dx < 0)) / 7.0)[None]
    boards = 0.07 * np.sign(np.sin(np.arange(box.h) * 2 * np.pi / 8.0))[:, None] * (rng.random() < 0.45)
    lit, trim = np.clip(0.62 + 0.5 * box.texture(rng) - 0.32 * edge + boards, 0.05, 1).astype(np.float32), mix(face, CREAM, 0.8)
    at, top = w * float(rng.choice([0.24, 0.76])), tall + rise * 0.55 + 17
    box.part(face * 0.55, rect(at - 6, tall, at + 6, top))
    box.part(tile, rect(at - 8, top, at + 8, top + 5))
    if kind == "side":
        box.part(face, rect(0, 0, w, tall), lit=lit)
        box.part(tile, [(-5, tall - 3), (w + 5, tall - 3), (w - 5, tall + rise), (5, tall + rise)], lit=np.clip(lit + 0.1, 0, 1))
        box.part(trim, [(c - 12, tall), (c + 12, tall), (c + 12, tall + 15), (c, tall + 26), (c - 12, tall + 15)])
    elif kind == "step":
        box.part(trim, *[rect(w * k / 8, 0, w - w * k / 8, tall + rise * k / 3.4) for k in range(4)], lit=0.75)
        box.part(face, *[rect(w * k / 8 + 1, 0, w - w * k / 8 - 1, tall + rise * k / 3.4 - 6) for k in range(4)], lit=lit)
    else:
        box.part(tile, [(-6, tall - 8), (c, tall + rise + 8), (w + 6, tall - 8), (w + 6, tall - 15), (-6, tall - 15)], lit=0.75)
        box.part(face, [(0, 0), (w, 0), (w, tall - 8), (c, tall + rise - 3), (0, tall - 8)], lit=lit)
    box.pane(c, tall - 2 + 3 * (kind == "side"), 6.2 * size, 14.0 * size, rng.random() < port.lit, trim)
    count = 2 if w < 62 * size else 3
    for k in range(count * (floors - 1)):
        box.pane(w * (k % count + 0.5) / count, 10 + (k // count + 1) * storey, 6.0 * size, 17.0 * size, rng.random() < port.lit, trim)
    shop(rng, box, w, storey, trim)
    port.put(canvas, box, x, foot + 1, depth)


def shop(rng: Generator, box: Box, w: float, storey: float, trim: np.ndarray) -> None:
    """Open the ground floor: a door and a wide window, often under a striped awning."""
    color, door, c = pick(rng, HULLS), w * float(rng.choice([0.2, 0.8])), w / 2
    c += 0.14 * w * np.sign(c - door)
    box.part(trim, rect(door - 8, 0, door + 8, storey * 0.82))
    box.part(color, rect(door - 6, 0, door + 6, storey * 0.74), lit=0.45)
    box.pane(c, 6, w * 0.21, storey * 0.52, rng.random() < box.place.lit, trim)
    if rng.random() < 0.5:
        u = np.linspace(-0.3, 0.3, 7) * w
        for k, (p, q) in enumerate(pairwise(u)):
            awning = [(c + p, storey * 0.92), (c + q, storey * 0.92), (c + q * 1.2, storey * 0.6), (c + p * 1.2, storey * 0.6)]
            box.part(color if k % 2 else CREAM, awning, lit=0.8)


def spire(rng: Generator, canvas: np.ndarray, port: Port, x: float, foot: float, size: float) -> None:
    """Raise a church tower with a pointed helmet over the roofs."""
    w, tall, rise = 17 * size, 165 * size, 75 * size
    box = Box(port, tall + rise, 2 * w + 16, w + 8)
    lit = np.clip(0.5 + 1.1 * box.across() + 0.4 * box.texture(rng), 0.05, 1)
    face, tile = mix(port.walls[2], rgb("#c4b49c"), 0.85), mix(port.roofs[-1], SNOW, 0.5 * port.white)
    box.part(face, rect(-w, 0, w, tall), lit=lit)
    box.part(face * 0.8, rect(-w - 3, tall - 6, w + 3, tall), lit=lit)
    box.part(tile, [(-w - 4, tall), (-w * 0.6, tall + rise * 0.25), (0, box.h), (w * 0.6, tall + rise * 0.25), (w + 4, tall)], lit=lit)
    box.pane(0, tall - 34, 5, 16, rng.random() < port.lit, face * 0.8)
    port.put(canvas, box, x, foot, 0.2)


def wall(rng: Generator, canvas: np.ndarray, port: Port, quay: float) -> None:
    """Build the stone quay with its lanterns and let the town's lights shine."""
    width, y0 = canvas.shape[1], int(quay) - 2
    stones = cv2.resize(rng.random((4, width // 15 + 1), dtype=np.float32), (width, 26), interpolation=cv2.INTER_NEAREST)
    lit = np.clip(0.4 + 0.4 * (blur(stones, 1.0) - 0.5), 0, 1)
    lit[:5] = 0.85
    albedo = np.repeat(np.stack([SNOW if port.white else rgb("#b8ac9c"), rgb("#8c8278"), rgb("#3f4736")])[:, None], (5, 15, 6), axis=0)
    over(canvas, port.light.haze(port.light.shade(np.repeat(albedo, width, axis=1), lit), 0.08), np.ones((26, width), np.float32), y0)
    port.mask[y0 : y0 + 26] = 1.0
    for x in np.arange(float(rng.uniform(10, 80)), width, float(rng.uniform(84, 120))):
        box = Box(port, 58, 24, 12.0)
        box.part(rgb("#30343a"), rect(-2, 0, 2, 42), [(-7, 53), (0, 58), (7, 53)], rect(-4, 0, 4, 6))
        box.part(WARM if port.lit else CREAM, [(-5, 42), (5, 42), (6, 53), (-6, 53)], shine=float(port.lit > 0))
        port.put(canvas, box, float(x), quay + 1, 0.08)
    port.shine(canvas)


def waters(rng: Generator, canvas: np.ndarray, port: Port, y0: int) -> None:
    """Mirror the town in the basin, with streaks of its lights."""
    n, width = canvas.shape[0] - y0, canvas.shape[1]
    shining = np.clip(canvas[y0 - 130 : y0][::-1] - 0.62, 0, 1) * port.lit
    water.reflect(rng, canvas, y0, port.light, pick(rng, _WATERS), float(rng.uniform(0.22, 0.5)), None, float(rng.uniform(1.35, 1.75)), port.mask)
    if port.lit > 0.6:
        streaks = blur(cv2.resize(shining, (width, n), interpolation=cv2.INTER_AREA), 2.5, 26.0)
        screen(canvas[y0:], np.clip(streaks * 2.0 * (1 + 0.8 * water.ripples(rng, n, width)[..., None]), 0, 0.8))


def fleet(rng: Generator, canvas: np.ndarray, port: Port, top: float) -> None:
    """Moor boats in three depths, far ones first."""
    height, width = canvas.shape[:2]
    rip = water.ripples(rng, height, width)
    for y, length, step, depth in ((16.0, 82.0, 135.0, 0.09), (62.0, 112.0, 225.0, 0.04), (118.0, 150.0, 330.0, 0.0)):
        x = float(rng.uniform(0.1, 0.7)) * step
        while x < width + 60:
            build = (sloop, trawler, dinghy)[int(rng.choice(3, p=[0.5, 0.36, 0.14]))]
            size = length * float(rng.uniform(0.85, 1.15)) * (0.7 if build is dinghy else 1.0)
            box = build(rng, port, size, float(rng.choice([-1, 1])))
            moor(canvas, port, box, rip, x, min(top + y + float(rng.uniform(-9, 9)), height - 16.0), depth)
            x += step * float(rng.uniform(0.8, 1.2))
    port.shine(canvas)
