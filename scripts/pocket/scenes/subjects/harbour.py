"""A harbour: gabled houses on a quay, moored sailing boats and fishing boats, their reflections; hills or the sea behind."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.random import Generator

from .. import land, noise, plants, style, terrain, water, weather
from ..attributes import Attributes
from ..canvas import below, blur, hue, mix, over, polygon, rgb, screen
from ..light import Light
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
_HULLS = ("#c43a30", "#2c5ca0", "#2c8c74", "#f0ece0", "#e0a030", "#1c3c5c", "#48a0c0", "#8c2c34", "#347044")
_COVERS = ("#2c4c90", "#b83c34", "#e8dcc0", "#2c7c6c", "#e8e8ec", "#c08038")
_WATERS = ("#1c5060", "#1c6068", "#2c4a70", "#34584c", "#205880")
_CREAM, _SNOW, _WARM, _GLASS = rgb("#f4efe2"), rgb("#eef3fa"), rgb("#ffbe60"), rgb("#2a4054")
_LIT = {"dawn": 0.3, "noon": 0.0, "sunset": 0.5, "twilight": 0.62, "night": 0.62}


@dataclass
class Port:
    """What the whole scene shares; `lights` (H, W, 3) collects what shines, `mask` (H, W) the dark of silhouettes."""

    light: Light
    lights: np.ndarray
    mask: np.ndarray
    grain: np.ndarray
    walls: list[np.ndarray]
    roofs: list[np.ndarray]
    lit: float
    white: bool

    def put(self, canvas: np.ndarray, box: Box, x: float, y: float, depth: float) -> None:
        """Composite a box, hazed, its bottom centre at (x, y); it hides the lights behind it."""
        top, left, alpha, shine = int(y) - box.h, int(x - box.w / 2), box.rgba[..., 3], box.glow.max(axis=2)
        over(canvas, self.light.haze(box.rgba[..., :3] / np.maximum(alpha, 1e-3)[..., None], depth), alpha, top, left)
        over(self.lights, box.glow * (1 - 0.6 * depth), alpha, top, left)
        over(self.mask[..., None], (1 - 0.9 * shine)[..., None], alpha * (1 - 1.2 * depth), top, left)

    def shine(self, canvas: np.ndarray) -> None:
        """Screen the collected lights with their halos over the canvas and forget them."""
        screen(canvas, np.clip(self.lights * 0.6 + 0.6 * blur(self.lights, 5.0) + 0.8 * blur(self.lights, 20.0), 0, 1))
        self.lights[:] = 0


class Box:
    """A thing built of polygons on the lower border of (h, w) px; points count `unit` px from `left`, `side` -1 mirrors it."""

    def __init__(self, port: Port, h: float, w: float, left: float = 0.0, unit: float = 1.0, side: float = 1.0) -> None:
        self.port, self.h, self.w, self.left, self.unit, self.side = port, int(h), int(w), left, unit, side
        self.rgba, self.glow = np.zeros((self.h, self.w, 4), np.float32), np.zeros((self.h, self.w, 3), np.float32)

    def part(self, albedo: np.ndarray, *parts: list, lit: float | np.ndarray = 0.65, shine: float = 0.0) -> None:
        """Paint polygons of (x, height) points; `shine` > 0 lets them glow instead of being lit."""
        turned = [np.asarray(p, np.float64) * (self.unit, -self.unit) + (self.left, self.h) for p in parts]
        turned = [p if self.side > 0 else p * (-1, 1) + (self.w, 0) for p in turned]
        ends = np.concatenate(turned)
        x0, y0 = np.maximum(ends.min(axis=0) - 2, 0).astype(int).tolist()
        x1, y1 = np.minimum(ends.max(axis=0) + 3, (self.w, self.h)).astype(int).tolist()
        box = (slice(y0, y1), slice(x0, x1))
        m = polygon(y1 - y0, x1 - x0, *[p - (x0, y0) for p in turned])[..., None]
        color = albedo * shine if shine else self.port.light.shade(albedo, lit[box] if np.ndim(lit) else lit)
        self.rgba[box][..., :3] += (color - self.rgba[box][..., :3]) * m
        self.rgba[box][..., 3:] += (1 - self.rgba[box][..., 3:]) * m
        self.glow[box] += ((color if shine else 0.0) - self.glow[box]) * m

    def pane(self, x: float, y: float, half: float, tall: float, on: bool, trim: np.ndarray | None = None, frame: float = 2.0) -> None:
        """Set a window, framed in `trim`, shining or mirroring the sky."""
        if trim is not None:
            self.part(trim, rect(x - half - frame, y - frame, x + half + frame, y + tall + frame))
        self.part(_WARM if on else mix(_GLASS, self.port.light.horizon, 0.2), rect(x - half, y, x + half, y + tall), lit=0.5, shine=0.9 * on)
        if trim is not None:
            self.part(trim, rect(x - 1, y, x + 1, y + tall), lit=0.45)

    def texture(self, rng: Generator) -> np.ndarray:
        """Return a random piece (h, w) of the grain, about 0."""
        y, x = rng.integers(0, 320 - self.h), rng.integers(0, 320 - self.w)
        return self.port.grain[y : y + self.h, x : x + self.w] - 0.5

    def across(self) -> np.ndarray:
        """Return how far each column (1, w) lies towards the sun, -0.5 ... 0.5."""
        return (np.arange(self.w, dtype=np.float32)[None] / self.w - 0.5) * self.port.light.dx


def rect(a: float, y0: float, b: float, y1: float) -> list:
    """Return the polygon of a rectangle."""
    return [(a, y0), (b, y0), (b, y1), (a, y1)]


def pick(rng: Generator, colors: tuple[str, ...]) -> np.ndarray:
    """Draw one of the colours, its hue a little turned."""
    return hue(rgb(colors[int(rng.integers(len(colors)))]), float(rng.uniform(-10, 10)), 1.05)


def draw(rng: Generator, attrs: Attributes, width: int, height: int = 512) -> np.ndarray:
    """Return one scene (H, W, 3) in [0, 1]."""
    quay = float(rng.uniform(300, 335))
    canvas, light = paint_sky(rng, attrs, width, height, quay - 25)
    light.haze_density *= 0.5 if attrs.weather == "fog" else 0.85
    names, roofs = _TOWNS[int(attrs.tint * 97) % len(_TOWNS)].split("|")
    turn, white = float(rng.uniform(-12, 12)), attrs.season == "winter" or attrs.weather == "snow"
    walls = [hue(rgb(c), turn, 1.15, float(rng.uniform(0.86, 1.02))) for c in names.split()]
    grain, lit = noise.fbm(rng, 320, 320, 40.0, 4, 0.6), _LIT[attrs.time] + 0.15 * (attrs.weather == "fog")
    port = Port(light, np.zeros_like(canvas), np.zeros_like(canvas[..., 0]), grain, walls, [hue(rgb(c), turn) for c in roofs.split()], lit, white)
    leaf = rgb("#c4d0da") if white else hue(plants.leaf_color(rng, attrs), 0, 0.85, 0.85)
    backdrop(rng, canvas, port, leaf, quay)
    if rng.random() < 0.55:
        row(rng, canvas, port, leaf, quay - float(rng.uniform(34, 56)), 0.78, 0.34)
    row(rng, canvas, port, leaf, quay, float(rng.uniform(0.95, 1.15)), 0.14)
    wall(rng, canvas, port, quay)
    waters(rng, canvas, port, int(quay) + 22)
    fleet(rng, canvas, port, quay + 22)
    if attrs.weather == "fog":
        water.fog_bank(rng, canvas, light, quay + 10, 60, 0.4)
    if attrs.weather == "snow":
        weather.snowfall(rng, canvas, light, 0.8)
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
    tile = mix(port.roofs[int(rng.integers(len(port.roofs)))], _SNOW, 0.9 * port.white)
    edge = np.exp(-np.abs(np.arange(box.w) - 7 - w * (port.light.dx < 0)) / 7.0)[None]
    boards = 0.07 * np.sign(np.sin(np.arange(box.h) * 2 * np.pi / 8.0))[:, None] * (rng.random() < 0.45)
    lit, trim = np.clip(0.62 + 0.5 * box.texture(rng) - 0.32 * edge + boards, 0.05, 1).astype(np.float32), mix(face, _CREAM, 0.8)
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
    color, door, c = pick(rng, _HULLS), w * float(rng.choice([0.2, 0.8])), w / 2
    c += 0.14 * w * np.sign(c - door)
    box.part(trim, rect(door - 8, 0, door + 8, storey * 0.82))
    box.part(color, rect(door - 6, 0, door + 6, storey * 0.74), lit=0.45)
    box.pane(c, 6, w * 0.21, storey * 0.52, rng.random() < box.port.lit, trim)
    if rng.random() < 0.5:
        u = np.linspace(-0.3, 0.3, 7) * w
        for k, (p, q) in enumerate(pairwise(u)):
            awning = [(c + p, storey * 0.92), (c + q, storey * 0.92), (c + q * 1.2, storey * 0.6), (c + p * 1.2, storey * 0.6)]
            box.part(color if k % 2 else _CREAM, awning, lit=0.8)


def spire(rng: Generator, canvas: np.ndarray, port: Port, x: float, foot: float, size: float) -> None:
    """Raise a church tower with a pointed helmet over the roofs."""
    w, tall, rise = 17 * size, 165 * size, 75 * size
    box = Box(port, tall + rise, 2 * w + 16, w + 8)
    lit = np.clip(0.5 + 1.1 * box.across() + 0.4 * box.texture(rng), 0.05, 1)
    face, tile = mix(port.walls[2], rgb("#c4b49c"), 0.85), mix(port.roofs[-1], _SNOW, 0.5 * port.white)
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
    albedo = np.repeat(np.stack([_SNOW if port.white else rgb("#b8ac9c"), rgb("#8c8278"), rgb("#3f4736")])[:, None], (5, 15, 6), axis=0)
    over(canvas, port.light.haze(port.light.shade(np.repeat(albedo, width, axis=1), lit), 0.08), np.ones((26, width), np.float32), y0)
    port.mask[y0 : y0 + 26] = 1.0
    for x in np.arange(float(rng.uniform(10, 80)), width, float(rng.uniform(84, 120))):
        box = Box(port, 58, 24, 12.0)
        box.part(rgb("#30343a"), rect(-2, 0, 2, 42), [(-7, 53), (0, 58), (7, 53)], rect(-4, 0, 4, 6))
        box.part(_WARM if port.lit else _CREAM, [(-5, 42), (5, 42), (6, 53), (-6, 53)], shine=float(port.lit > 0))
        port.put(canvas, box, float(x), quay + 1, 0.08)
    port.shine(canvas)


def waters(rng: Generator, canvas: np.ndarray, port: Port, y0: int) -> None:
    """Mirror the town in the basin, with streaks of its lights."""
    n, width = canvas.shape[0] - y0, canvas.shape[1]
    shining = np.clip(canvas[y0 - 130 : y0][::-1] - 0.62, 0, 1) * port.lit
    water.reflect(rng, canvas, y0, port.light, pick(rng, _WATERS), float(rng.uniform(0.22, 0.5)), squash=float(rng.uniform(1.35, 1.75)))
    if port.lit > 0.6:
        streaks = blur(cv2.resize(shining, (width, n), interpolation=cv2.INTER_AREA), 2.5, 26.0)
        screen(canvas[y0:], np.clip(streaks * 2.0 * (1 + 0.8 * water.ripples(rng, n, width)[..., None]), 0, 0.8))
    port.mask[y0:] = 0.22


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


def moor(canvas: np.ndarray, port: Port, box: Box, rip: np.ndarray, x: float, y: float, depth: float) -> None:
    """Set a boat on the water over its broken reflection."""
    n, left = min(box.h, canvas.shape[0] - int(y)), int(x - box.w / 2)
    wave = rip[int(y) : int(y) + n, np.clip(np.arange(left, left + box.w), 0, canvas.shape[1] - 1)]
    yy, xx = np.mgrid[0:n, 0 : box.w].astype(np.float32)
    image = cv2.remap(box.rgba[::-1], xx + wave * (1.5 + yy * 0.06), yy * 1.15 + wave * (1 + yy * 0.12), cv2.INTER_LINEAR)
    image = cv2.GaussianBlur(image, (0, 0), 1.0, sigmaY=2.2)
    alpha = image[..., 3] * (0.72 - 0.4 * yy / box.h)
    over(canvas, port.light.haze(image[..., :3] / np.maximum(image[..., 3:], 1e-3) * 0.72, depth), alpha, int(y) - 1, left)
    over(port.mask[..., None], np.ones(1, np.float32), alpha * 0.8, int(y) - 1, left)
    port.put(canvas, box, x, y, depth)


def hull(rng: Generator, port: Port, length: float, side: float, tall: float, stern: float, bow: float) -> Box:
    """Return the box of a boat, `tall` hull lengths high, that holds its hull: the sheer, a rub strake, a red foot."""
    box = Box(port, tall * length + 2, length * 1.2, length * 0.1, length, side)
    t = np.linspace(0, 1, 14)
    sheer = np.stack([t, stern + (bow - stern) * t**2 - 0.045 * np.sin(np.pi * t)], 1)
    up = (box.h - np.arange(box.h, dtype=np.float32)[:, None]) / (bow * length)
    lit = np.clip(0.42 + 0.35 * box.across() + 0.3 * up + 0.2 * box.texture(rng), 0.05, 1).astype(np.float32)
    color = pick(rng, _HULLS)
    box.part(color, [*sheer, (0.965, bow * 0.4), (0.9, 0), (0.06, 0)], lit=lit)
    box.part(_CREAM if color.mean() < 0.7 else rgb("#2c4c6c"), [*sheer, *(sheer[::-1] - (0, 0.035))], lit=np.clip(lit + 0.15, 0, 1))
    box.part(rgb("#8c3028") if color[0] < 0.7 else rgb("#283848"), [(0.045, 0.035), (0.915, 0.035), (0.9, 0), (0.06, 0)], lit=lit)
    return box


def sloop(rng: Generator, port: Port, length: float, side: float) -> Box:
    """Return a sailing boat: a tall mast with stays, a furled or a hoisted sail, a low cabin."""
    tall, on = float(rng.uniform(1.25, 1.55)), port.lit > 0.25
    box = hull(rng, port, length, side, tall + 0.1, 0.13, 0.2)
    box.part(_SNOW if port.white else _CREAM, [(0.24, 0.12), (0.26, 0.2), (0.57, 0.2), (0.72, 0.14)], lit=0.75)
    for k in range(3):
        box.pane(0.34 + 0.088 * k, 0.135, 0.03, 0.045, on)
    cover, thick = pick(rng, _COVERS), max(0.017, 1.5 / length)
    box.part(rgb("#787878"), [(0.55, tall), (0.01, 0.13), (0.03, 0.13)], lit=0.5)
    if rng.random() < 0.3:
        belly, sail = np.clip(0.7 + 0.7 * box.across() + np.zeros((box.h, 1)), 0, 1), cover if rng.random() < 0.5 else _CREAM
        box.part(sail, [(0.55, tall * 0.96), (0.55, 0.27), (0.05, 0.27), (0.29, tall * 0.55)], lit=belly)
        box.part(sail, [(0.58, tall * 0.86), (0.58, 0.24), (0.97, 0.22)], lit=np.clip(belly + 0.15, 0, 1))
    else:
        box.part(cover, [(0.55, 0.32), (0.35, 0.325), (0.05, 0.295), (0.05, 0.25), (0.55, 0.245)], lit=0.5)
        box.part(cover, [(0.55, 0.32), (0.05, 0.295), (0.05, 0.282), (0.55, 0.3)], lit=1.0)
    box.part(_CREAM, [(0.54, tall), (0.56, tall), (0.83, 0.5), (1.0, 0.2), (0.8, 0.5)], lit=0.7)
    wood = rgb("#d8d0c0") if rng.random() < 0.6 else rgb("#8c5c34")
    box.part(wood, rect(0.55 - thick, 0.2, 0.55 + thick, tall), rect(0.47, tall * 0.62, 0.63, tall * 0.62 + thick))
    box.part(pick(rng, ("#d83a3a", "#f0c030", "#3a6cd0")), [(0.55, tall), (0.41, tall + 0.05), (0.55, tall + 0.1)], lit=0.8)
    return box


def trawler(rng: Generator, port: Port, length: float, side: float) -> Box:
    """Return a fishing boat: a high bow, a wheelhouse, a mast with its derrick, heaps of nets, fenders."""
    box, on, thick = hull(rng, port, length, side, 1.0, 0.19, 0.33), port.lit > 0.25, max(0.018, 1.8 / length)
    cabin, spar = mix(pick(rng, _HULLS), _CREAM, 0.85 * (rng.random() < 0.7)), rgb("#c8a050")
    box.part(rgb("#70685c"), [(0.6, 0.93), (0.97, 0.31), (0.99, 0.33), (0.6, 0.96)], lit=0.5)
    box.part(pick(rng, ("#d87830", "#3c8c78", "#38609c")), [(0.63, 0.16), (0.66, 0.26), (0.72, 0.31), (0.86, 0.22)])
    box.part(cabin, [(0.14, 0.15), (0.44, 0.15), (0.46, 0.47), (0.14, 0.47)], lit=0.75)
    box.part(cabin * 0.7, rect(0.14, 0.15, 0.2, 0.47), lit=0.5)
    for k in range(2):
        box.pane(0.275 + 0.115 * k, 0.33, 0.047, 0.09, on)
    box.part(_SNOW if port.white else pick(rng, _HULLS), rect(0.11, 0.47, 0.5, 0.51))
    box.part(rgb("#c83c30"), rect(0.17, 0.51, 0.25, 0.6))
    box.part(spar, rect(0.6 - thick, 0.15, 0.6 + thick, 0.96), [(0.6, 0.36), (0.6, 0.4), (0.03, 0.74), (0.03, 0.715)])
    if on:
        box.part(_WARM, rect(0.57, 0.72, 0.63, 0.78), shine=1.0)
    u = np.linspace(0, 2 * np.pi, 13)
    for x, y in ((0.23, 0.1), (0.46, 0.12), (0.69, 0.18)):
        box.part(rgb("#f08030"), np.stack([x + 0.034 * np.cos(u), y + 0.034 * np.sin(u)], 1), lit=0.6)
    return box


def dinghy(rng: Generator, port: Port, length: float, side: float) -> Box:
    """Return an open rowing boat with its oar laid in."""
    box = hull(rng, port, length, side, 0.36, 0.19, 0.25)
    box.part(rgb("#5c4430"), [(0.05, 0.19), (0.95, 0.235), (0.5, 0.155)], lit=0.35)
    box.part(rgb("#c89858"), [(0.16, 0.2), (0.7, 0.3), (0.71, 0.33), (0.15, 0.23)], lit=0.8)
    return box
