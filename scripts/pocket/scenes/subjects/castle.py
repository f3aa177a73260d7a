"""A long castle on a ridge: keeps, round towers with conical roofs, crenellated walls; mountains behind, woods or a lake below."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.random import Generator

from .. import land, noise, plants, style, terrain, water, weather
from ..attributes import Attributes
from ..canvas import blur, hue, mix, over, polygon, rgb, screen
from ..light import Light
from ..sky import paint_sky

NAME = "castle"
_WALLS = ("#c8b8a0", "#b0a8a0", "#d8ccb8", "#a89078", "#9aa0a8", "#e4dccc", "#c09c80")
_ROOFS = ("#4a5c7c", "#8c4a3c", "#3c4a54", "#a85a38", "#4a6c64", "#6a4a6c", "#2c5078")
_FLAGS = ("#d83a3a", "#e8b030", "#3a6cd0", "#f0ece0", "#48a060")


@dataclass
class Masonry:
    """What all parts of one castle share: colours, a stone texture (h, w) in [0, 1], the lights and the mask (H, W)."""

    light: Light
    wall: np.ndarray
    roof: np.ndarray
    flag: np.ndarray
    stone: np.ndarray
    lights: np.ndarray
    mask: np.ndarray
    lit: float
    snow: bool

    def put(self, canvas: np.ndarray, color: np.ndarray, mask: np.ndarray, top: int, left: int, depth: float) -> None:
        """Composite one part, hazed; it hides the lights behind it."""
        over(canvas, self.light.haze(color, depth), mask, top, left)
        over(self.lights, np.zeros(1, np.float32), mask, top, left)
        over(self.mask[..., None], np.ones(1, np.float32), mask, top, left)

    def texture(self, rng: Generator, h: int, w: int) -> np.ndarray:
        """Return a random piece (h, w) of the stone texture."""
        y, x = rng.integers(0, self.stone.shape[0] - h), rng.integers(0, self.stone.shape[1] - w)
        return self.stone[y : y + h, x : x + w]


def draw(rng: Generator, attrs: Attributes, width: int, height: int = 512) -> np.ndarray:
    """Return one scene (H, W, 3) in [0, 1]."""
    horizon = float(rng.uniform(330, 365))
    canvas, light = paint_sky(rng, attrs, width, height, horizon)
    light.haze_density *= 0.6 if attrs.weather == "fog" else 0.85
    white = attrs.season == "winter" or attrs.weather == "snow"
    background(rng, canvas, attrs, light, horizon, white)
    m = masonry(rng, attrs, light, canvas, white)
    centres = np.arange(float(rng.uniform(60, 300)) - 380, width + 380, float(rng.uniform(300, 390)))
    line = hill(rng, width, horizon, centres)
    for c in centres:
        keep(rng, canvas, m, float(c), line)
    curtain(rng, canvas, m, line, centres)
    screen(canvas, np.clip(m.lights + 0.7 * blur(m.lights, 5.0) + 0.5 * blur(m.lights, 16.0), 0, 1))
    slope(rng, canvas, m, attrs, line, white)
    weather.lay(rng, canvas, attrs, light, horizon + 30, m.mask, up=90)
    shine = np.clip(m.lights[..., 0] * 1.5, 0, 1)
    return style.finish(canvas, attrs, light, m.mask * (1 - 0.9 * shine))


def masonry(rng: Generator, attrs: Attributes, light: Light, canvas: np.ndarray, white: bool) -> Masonry:
    """Choose the stone, the roofs and how many windows shine."""
    h = w = 420
    blocks = cv2.resize(rng.random((h // 8, w // 14), dtype=np.float32), (w, h), interpolation=cv2.INTER_NEAREST)
    stone = np.clip(0.5 + 0.5 * (blur(blocks, 1.2) - 0.5) + 1.1 * (noise.fbm(rng, h, w, 60.0, 4) - 0.5), 0, 1)
    wall = hue(rgb(_WALLS[int(rng.integers(len(_WALLS)))]), float(rng.uniform(-8, 8)), float(rng.uniform(0.8, 1.3)))
    roof = hue(rgb(_ROOFS[int(rng.integers(len(_ROOFS)))]), float(rng.uniform(-10, 10)), 1.1, float(rng.uniform(0.9, 1.2)))
    flag = rgb(_FLAGS[int(rng.integers(len(_FLAGS)))])
    lit = {"dawn": 0.25, "noon": 0.0, "sunset": 0.45, "twilight": 0.7, "night": 0.75}[attrs.time]
    return Masonry(light, wall, roof, flag, stone.astype(np.float32), np.zeros_like(canvas), np.zeros_like(canvas[..., 0]), lit, white)


def background(rng: Generator, canvas: np.ndarray, attrs: Attributes, light: Light, horizon: float, white: bool) -> None:
    """Paint far mountains or ridges and a wooded valley in the haze."""
    height, width = canvas.shape[:2]
    if rng.random() < 0.35:
        t = terrain.make(rng, width, height, light, horizon + 10, float(rng.uniform(70, 150)), 5.0, 3.6)
        t.paint(canvas, terrain.rock_and_snow(rng, t, light, rgb("#70707c"), 0.9 if white else 0.4, rgb("#4a6440")))
    else:
        land.hills(rng, canvas, light, horizon - 20, 60, 0.95, rgb("#8890a0"), 380.0)
    color = rgb("#b8c4cc") if white else hue(plants.leaf_color(rng, attrs), 0, 0.8, 0.8)
    land.hills(rng, canvas, light, horizon + 20, 70, 0.6, color, 300.0, woods=8.0)
    water.fog_bank(rng, canvas, light, horizon + 6, 40, 0.55)


def hill(rng: Generator, width: int, horizon: float, centres: np.ndarray) -> np.ndarray:
    """Return the ground line (W,) of the castle's ridge, higher under each keep."""
    xs = np.arange(width, dtype=np.float32)
    rise = np.zeros(width, np.float32)
    for c in centres:
        rise = np.maximum(rise, np.exp(-(((xs - c) / 150.0) ** 2)) * float(rng.uniform(50, 85)))
    line: np.ndarray = (horizon + 35 - rise + 9 * noise.profile(rng, width, 130.0, 3)).astype(np.float32)
    return line


def at(line: np.ndarray, x: float) -> float:
    """Return the line's value at `x`, clipped to its ends."""
    return float(line[int(np.clip(x, 0, len(line) - 1))])


def keep(rng: Generator, canvas: np.ndarray, m: Masonry, c: float, line: np.ndarray) -> None:
    """Build one group of halls and high towers around `c`."""
    foot = at(line, c) + 12
    size = float(rng.uniform(0.9, 1.15))
    for _ in range(3):
        x = c + float(rng.uniform(-85, 85))
        tower(rng, canvas, m, x, foot, float(rng.uniform(20, 30)) * size, float(rng.uniform(120, 190)) * size, 0.3, True)
    for x in (c + float(rng.uniform(-70, -20)), c + float(rng.uniform(20, 70))):
        hall(rng, canvas, m, x, foot, float(rng.uniform(70, 110)) * size, float(rng.uniform(60, 95)) * size, 0.22)
    tower(
        rng,
        canvas,
        m,
        c + float(rng.uniform(-25, 25)),
        foot,
        float(rng.uniform(44, 62)) * size,
        float(rng.uniform(150, 200)) * size,
        0.18,
        bool(rng.random() < 0.75),
    )
    for side in (-1, 1):
        x = c + side * float(rng.uniform(60, 105))
        tower(rng, canvas, m, x, foot + 8, float(rng.uniform(28, 40)) * size, float(rng.uniform(85, 140)) * size, 0.14, bool(rng.random() < 0.8))


def curtain(rng: Generator, canvas: np.ndarray, m: Masonry, line: np.ndarray, centres: np.ndarray) -> None:
    """Build the outer wall along the ridge with a tower at every joint and gates below the keeps."""
    joints = [-60.0]
    while joints[-1] < canvas.shape[1] + 60:
        joints.append(joints[-1] + float(rng.uniform(75, 125)))
    for a, b in pairwise(joints):
        y = (at(line, a) + at(line, b)) / 2 + 14
        gate = min(abs(centres - (a + b) / 2)) < 60
        wall(rng, canvas, m, a, b, y, float(rng.uniform(40, 54)), 0.1, gate)
    for x in joints:
        w = float(rng.uniform(30, 42))
        tower(rng, canvas, m, x, at(line, x) + 20, w, float(rng.uniform(66, 105)), 0.06, bool(rng.random() < 0.6))


def tower(rng: Generator, canvas: np.ndarray, m: Masonry, x: float, foot: float, w: float, h: float, depth: float, roofed: bool) -> None:
    """Paint one round tower with its gallery and its conical roof or battlements, centred at `x`."""
    bw, cap = int(w * 1.5) + 6, int(w * (float(rng.uniform(1.1, 1.9)) if roofed else 0.3)) + 26
    n, c, g = int(h) + cap, bw / 2, w * 0.58
    lip = w * 0.34
    yy, xx = np.mgrid[0:n, 0:bw].astype(np.float32)
    u = np.clip((xx - c) / (w * 0.62), -1, 1)
    round_lit = 0.42 + 0.46 * u * m.light.dx - 0.12 * u * u
    body = [(c - w / 2, cap + lip), (c + w / 2, cap + lip), (c + w * 0.54, n), (c - w * 0.54, n)]
    ring = [(c - g, cap), (c + g, cap), (c + g, cap + lip * 0.6), (c + w / 2, cap + lip), (c - w / 2, cap + lip), (c - g, cap + lip * 0.6)]
    teeth = [] if roofed else merlons(c - g, c + g, cap, w * 0.2)
    lit = round_lit + 0.42 * (m.texture(rng, n, bw) - 0.5) + 0.12 * (0.5 - yy / n)
    under = np.exp(-np.maximum(yy - cap - lip, 0) / 6.0) * (yy > cap + lip * 0.8)
    lit, mask = np.clip(lit * (1 - 0.6 * under), 0.02, 1), polygon(n, bw, body, ring, *teeth)
    m.put(canvas, m.light.shade(m.wall * (0.82 + 0.3 * m.texture(rng, n, bw)[..., None]), lit), mask, int(foot) - n, int(x - c), depth)
    slits(rng, canvas, m, x, foot - h + lip, foot, w, depth)
    if roofed:
        cone(rng, canvas, m, x, foot - h + 2, w * 1.32, cap - 24, depth)


def cone(rng: Generator, canvas: np.ndarray, m: Masonry, x: float, foot: float, w: float, h: int, depth: float) -> None:
    """Paint a conical roof, slightly flared, snowy in winter, sometimes with a pennant."""
    n, bw = h + 2, int(w) + 6
    c = bw / 2
    yy, xx = np.mgrid[0:n, 0:bw].astype(np.float32)
    t = np.linspace(0, 1, 9)
    half = 1.5 + (w / 2 - 1.5) * t**1.15
    pts = np.concatenate([np.stack([c - half, t * h], 1), np.stack([c + half, t * h], 1)[::-1]])
    u = (xx - c) / (2 + w / 2 * yy / h)
    bands = 0.5 + 0.5 * np.sin(yy * 2 * np.pi / 9.0 + u * u * -2)
    lit = np.clip(0.45 + 0.6 * u * m.light.dx - 0.1 * u * u + 0.1 * (bands - 0.5), 0.03, 1)
    albedo = (
        m.roof
        if not m.snow
        else mix(
            m.roof, np.array([0.94, 0.96, 1.0], np.float32), noise.smoothstep(0.5 - 0.35 * u * m.light.dx + 0.3 * (m.texture(rng, n, bw) - 0.5), 0.3, 0.6) * 0.9
        )
    )
    m.put(canvas, m.light.shade(albedo, lit), polygon(n, bw, pts), int(foot) - h, int(x - c), depth)
    if rng.random() < 0.55:
        k = int(24 + 6 * rng.random())
        side = np.sign(m.light.dx)
        pole = [(30 - 1.6, 0), (30 + 1.6, 0), (30 + 1.6, k), (30 - 1.6, k)]
        cloth = [(30, 1), (30 + side * 13, 2), (30 + side * 24, 7), (30 + side * 12, 10), (30, 12)]
        m.put(canvas, m.light.tint(rgb("#4a4038"), 0.3), polygon(k, 60, pole), int(foot) - h - k + 6, int(x) - 30, depth)
        m.put(canvas, m.light.tint(m.flag, 0.8), polygon(k, 60, cloth), int(foot) - h - k + 6, int(x) - 30, depth)


def merlons(a: float, b: float, y: float, size: float) -> list[list[tuple[float, float]]]:
    """Return the teeth of a battlement between columns `a` and `b`, standing on row `y`."""
    size = max(size, 6.0)
    count = max(int((b - a) / (size * 1.8)), 2)
    step = (b - a - size) / max(count - 1, 1)
    return [[(a + k * step, y - size), (a + k * step + size, y - size), (a + k * step + size, y + 1), (a + k * step, y + 1)] for k in range(count)]


def slits(rng: Generator, canvas: np.ndarray, m: Masonry, x: float, top: float, foot: float, w: float, depth: float) -> None:
    """Open arched windows in a tower or hall, dark by day and warm in the dusk."""
    gap = float(rng.uniform(26, 36))
    for y in np.arange(top + 10, foot - 26, gap):
        count = 1 if w < 36 else (2 if w < 75 else 3)
        for k in range(count):
            cx = x + (k - (count - 1) / 2) * w * 0.34 + float(rng.uniform(-0.08, 0.08)) * w
            if rng.random() < 0.25:
                continue
            mask = blur(polygon(16, 12, [(3, 15), (3, 5), (6, 1.5), (9, 5), (9, 15)]), 0.6)
            if rng.random() < m.lit:
                warm = rgb("#ffc060") * float(rng.uniform(0.75, 1.0))
                over(canvas, warm, mask, int(y), int(cx) - 6)
                over(m.lights, warm * (1 - depth), mask, int(y), int(cx) - 6)
            else:
                over(canvas, m.light.tint(m.wall * 0.3, 0.3, depth), mask * 0.85, int(y), int(cx) - 6)


def hall(rng: Generator, canvas: np.ndarray, m: Masonry, x: float, foot: float, w: float, h: float, depth: float) -> None:
    """Paint a hall with a steep roof centred at `x`."""
    rise = h * float(rng.uniform(0.45, 0.7))
    n, bw, inset = int(h + rise), int(w) + 12, w * float(rng.uniform(0.1, 0.3))
    c = bw / 2
    lit = np.clip(0.5 + 0.2 * m.light.dx * float(rng.choice([-1, 1])) + 0.5 * (m.texture(rng, n, bw) - 0.5), 0, 1)
    m.put(
        canvas,
        m.light.shade(m.wall, lit),
        polygon(n, bw, [(c - w / 2, rise), (c + w / 2, rise), (c + w / 2, n), (c - w / 2, n)]),
        int(foot) - n,
        int(x - c),
        depth,
    )
    cover = polygon(n, bw, [(c - w / 2 - 4, rise + 3), (c - w / 2 + inset, 0), (c + w / 2 - inset, 0), (c + w / 2 + 4, rise + 3)])
    albedo = np.array([0.92, 0.95, 1.0], np.float32) if m.snow else m.roof
    m.put(canvas, m.light.shade(albedo, np.clip(0.6 + 0.4 * (m.texture(rng, n, bw) - 0.5), 0, 1)), cover, int(foot) - n, int(x - c), depth)
    slits(rng, canvas, m, x, foot - h + 2, foot, w, depth)


def wall(rng: Generator, canvas: np.ndarray, m: Masonry, a: float, b: float, foot: float, h: float, depth: float, gate: bool) -> None:
    """Paint a piece of crenellated wall from column `a` to `b`; `gate` opens an arch in it."""
    n, bw = int(h) + 14, int(b - a) + 2
    lit = np.clip(0.52 + 0.55 * (m.texture(rng, n, bw) - 0.5), 0, 1)
    lit = lit * (1 - 0.3 * np.exp(-(((np.arange(n, dtype=np.float32)[:, None] - 20) / 3.0) ** 2)))
    mask = polygon(n, bw, [(0, 12), (bw, 12), (bw, n), (0, n)], *merlons(1, bw - 1, 12, 8.0))
    m.put(canvas, m.light.shade(m.wall * 0.95, lit), mask, int(foot) - n, int(a), depth)
    if gate:
        c, u = bw / 2, np.linspace(np.pi, 0, 12)
        arch = np.concatenate([[(c - 13, n)], np.stack([c + 13 * np.cos(u), n - 18 - 13 * np.sin(u)], 1), [(c + 13, n)]])
        over(canvas, m.light.tint(rgb("#5c3c20") if not m.lit else rgb("#b06a28"), 0.25), blur(polygon(n, bw, arch), 0.8), int(foot) - n, int(a))


def slope(rng: Generator, canvas: np.ndarray, m: Masonry, attrs: Attributes, line: np.ndarray, white: bool) -> None:
    """Paint the rock under the walls, the woods on the slope, and a lake or a meadow at its foot."""
    (height, width), light = canvas.shape[:2], m.light
    top = (line + 8).astype(np.float32)
    grass = rgb("#dfe7ee") if white else hue(plants.grass_color(attrs), 0, 0.9, 0.75)
    land.cliff(rng, canvas, light, top, height, rgb("#76706a"), 0.08, grass, 0.3)
    lake = height - float(rng.uniform(45, 80)) if rng.random() < 0.45 else 0.0
    leaves = [hue(plants.leaf_color(rng, attrs), 0, 0.9, 0.8) for _ in range(3)]
    fir = rng.random() < 0.5 or white
    sprites = [
        plants.conifer(rng, light, 110, 0.35 if white else 0.0, None, 0.05) if fir or k == 2 else plants.tree(rng, light, 110, leaves[k], 0.05)
        for k in range(3)
    ]
    bottom = lake or height + 20.0
    for k in range(3):
        t = (k + 1) / 3
        belt = top + 14 + (bottom - top - 14) * t + 5 * noise.profile(rng, width, 80.0, 2)
        plants.forest(rng, canvas, sprites, np.minimum(belt, bottom), width // 16, (26 + 14 * k, 42 + 24 * k))
    m.mask = np.maximum(m.mask, np.clip(np.arange(height)[:, None] - top[None] + 10, 0, 1).astype(np.float32))
    if lake:
        water.reflect(rng, canvas, lake, light, rough=float(rng.uniform(0.15, 0.4)), squash=float(rng.uniform(1.8, 3.2)), foreground=m.mask)
    water.fog_bank(rng, canvas, light, (lake or height) - 30, 34, 0.35)
