"""A city's skyline: rows of towers one behind the other in the haze, lit windows, water, a park or roofs in front."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator

from .. import noise, plants, style, water, weather
from ..attributes import Attributes
from ..canvas import Points, below, blur, hue, mix, over, polygon, rgb, screen
from ..light import Light
from ..sky import paint_sky

NAME = "city_skyline"
_FACADES = (
    ("#7c8a9c", "#9aa4ae", "#5a6c84", "#b4aca0", "#6c7480"),
    ("#a8705a", "#c09a7c", "#8c5a50", "#d0b898", "#7a6c6c"),
    ("#3c6c80", "#5c94a4", "#34546c", "#88b0b4", "#c4ccd0"),
    ("#c8b8a8", "#e0d4c4", "#a89080", "#8c98a8", "#bca8a0"),
    ("#50506c", "#74708c", "#8c7c98", "#404860", "#a89cb0"),
)
_WINDOWS = (
    ("#ffcf78", "#ffe2a4", "#ffb050"),
    ("#ffd890", "#d8ecff", "#ffb868"),
    ("#b8e0ff", "#eaf4ff", "#ffd48c"),
    ("#ffc46c", "#ff9c5c", "#8ce8ec"),
    ("#ffb8d0", "#ffd890", "#8cc0ff"),
)
_NEON = ("#ff4a88", "#3cd8ff", "#ffa030", "#b068ff", "#48ffb0", "#ff5040")
_LIT = {"dawn": 0.22, "noon": 0.0, "sunset": 0.34, "twilight": 0.5, "night": 0.46}
_CROWNS = ("flat", "flat", "flat", "step", "step", "step", "spire", "slant", "slant", "mast", "mast", "round")


@dataclass
class City:
    """What all towers of one scene share; `lights` (H, W, 3) collects what shines, `mask` (H, W) what is built."""

    light: Light
    lights: np.ndarray
    mask: np.ndarray
    facades: list[np.ndarray]
    windows: list[np.ndarray]
    lit: float
    glass: float


def draw(rng: Generator, attrs: Attributes, width: int, height: int = 512) -> np.ndarray:
    """Return one scene (H, W, 3) in [0, 1]."""
    base = float(rng.uniform(385, 440))
    canvas, light = paint_sky(rng, attrs, width, height, base - 20)
    light.haze_density *= 0.62 if attrs.weather == "fog" else 1.0
    city = make_city(rng, attrs, light, canvas)
    rows = int(rng.integers(3, 5))
    tall = float(rng.uniform(0.85, 1.15))
    for k in range(rows):
        t = k / (rows - 1)
        row(rng, canvas, city, base, tall * (250 - 60 * t), 26 + 42 * t, 0.85 - 0.78 * t)
        if k < rows - 1:
            street_glow(canvas, city, base, 70, 0.28 if city.lit else 0.12)
    screen(canvas, np.clip(city.lights + 0.55 * blur(city.lights, 5.0) + 0.5 * blur(city.lights, 22.0), 0, 1))
    front = rng.random()
    if front < 0.6:
        harbour(rng, canvas, city, attrs, base)
    else:
        park(rng, canvas, city, attrs, base + 10, roofs=front > 0.82)
    weather.lay(rng, canvas, attrs, light, base - 30, city.mask, up=130)
    shine = np.clip(city.lights[..., 0] * 1.4, 0, 1)
    return style.finish(canvas, attrs, light, city.mask * (1 - 0.92 * shine))


def make_city(rng: Generator, attrs: Attributes, light: Light, canvas: np.ndarray) -> City:
    """Choose the materials and window lights of the scene; let the city's glow colour the night's haze."""
    height, width = canvas.shape[:2]
    pick = int(attrs.tint * 97) % len(_FACADES)
    turn = float(rng.uniform(-14, 14))
    facades = [hue(rgb(c), turn, float(rng.uniform(0.8, 1.25))) for c in _FACADES[pick]]
    windows = [rgb(c) for c in _WINDOWS[int(rng.integers(len(_WINDOWS)))]]
    lit = _LIT[attrs.time] + 0.07 * (attrs.time != "noon" or attrs.weather != "clear")
    if attrs.dark:
        neon = mix(windows[2], rgb(_NEON[int(rng.integers(len(_NEON)))]), float(rng.uniform(0.1, 0.6)))
        light.haze_color = np.clip(mix(light.haze_color, neon, 0.22) * 0.95, 0, 1)
        rise = np.exp(-np.maximum(400.0 - np.arange(height, dtype=np.float32), 0) / 95.0)[:, None, None]
        screen(canvas, rise * neon * (0.3 if light.night else 0.16))
        light.ambient = mix(light.ambient, neon, 0.1)
    return City(light, np.zeros_like(canvas), np.zeros((height, width), np.float32), facades, windows, lit, float(rng.uniform(0.1, 0.75)))


def row(rng: Generator, canvas: np.ndarray, city: City, base: float, tall: float, wide: float, depth: float) -> None:
    """Build one row of towers standing on row `base`, about `tall` px at most and `wide` px broad, across the canvas."""
    width = canvas.shape[1]
    swell = noise.profile(rng, width + 200, 260.0, 2)
    x, since = float(rng.uniform(-60, -10)), int(rng.integers(0, 4))
    while x < width:
        w = wide * float(np.exp(rng.normal(0, 0.26)))
        h = tall * float(np.clip(0.52 + 0.26 * swell[int(max(x, 0))] + rng.normal(0, 0.17), 0.2, 1.0))
        since += 1
        if since > 5 and rng.random() < 0.5:  # a landmark
            h, w, since = tall * float(rng.uniform(1.05, 1.32)), w * 1.1, 0
        tower(rng, canvas, city, x, w, base, h, depth)
        x += w + (float(rng.uniform(2, 26)) if rng.random() < 0.45 else -float(rng.uniform(0, 6)))


def tower(rng: Generator, canvas: np.ndarray, city: City, x: float, w: float, base: float, h: float, depth: float) -> None:
    """Paint one tower with its left side at `x`: two faces, glass or stone, windows, a crown."""
    light = city.light
    left, bw = int(x) - 2, int(w) + 6
    head = int(min(0.35 * h, 70)) + 4
    top, n = int(base - h) - head, int(h) + head
    mask = outline(rng, n, bw, w, head)
    split = float(rng.choice([0.28, 0.36, 0.64, 0.72]))
    xx = np.arange(bw, dtype=np.float32)[None] - 2 - w * split
    right = np.clip(xx / 1.5 + 0.5, 0, 1)
    yy = np.arange(n, dtype=np.float32)[:, None] / n
    lit = np.clip((0.5 + 0.42 * light.dx * (2 * right - 1)) * (1.05 - 0.3 * yy), 0, 1)
    facade = city.facades[int(rng.integers(len(city.facades)))]
    body = light.shade(np.broadcast_to(facade * float(rng.uniform(0.85, 1.12)), (n, bw, 3)), lit)
    glassy = city.glass * float(rng.uniform(0.3, 1.0))
    sheen = mix(light.horizon, light.zenith, np.clip(1.05 - 1.3 * yy + 0.15 * right, 0, 1))
    cy, cx = round(8 + 3 * (1 - depth)), round(8 + 4 * (1 - depth) + float(rng.uniform(-1, 2)))
    pane, shine = windows(rng, n, bw, cy, cx, city.lit * float(rng.uniform(0.35, 1.4)), head + 4)
    body = mix(body, sheen * (0.55 + 0.5 * lit[..., None]), glassy * (0.45 + 0.4 * pane))
    body = body * (1 - (0.34 - 0.2 * glassy) * pane)[..., None]
    body = mix(light.haze(body, depth), light.haze_color, np.broadcast_to(0.35 * yy**3 * light.haze_amount(depth + 0.25), mask.shape))
    over(canvas, body, mask, top, left)
    color, keep = city.windows[int(rng.choice(3, p=[0.55, 0.28, 0.17]))], float(1 - light.haze_amount(depth * 0.62)) * (0.72 if light.night else 0.62)
    over(city.lights, color * (shine * (0.8 + 0.3 * right) * keep)[..., None], mask, top, left)
    flat = city.mask[max(top, 0) : top + n, max(left, 0) : max(left + bw, 0)]
    if flat.size:
        cut = mask[max(-top, 0) :, max(-left, 0) :][: flat.shape[0], : flat.shape[1]]
        np.maximum(flat, cut * (1 - 0.35 * depth), out=flat)
    if city.lit > 0.3 and h > 170 and rng.random() < 0.4:
        crown_light(rng, city, left, top + head, bw, keep)


def outline(rng: Generator, n: int, bw: int, w: float, head: int) -> np.ndarray:
    """Return the mask (n, bw) of a tower `w` px broad whose walls begin at row `head`; the crown stands above."""
    a, b, c = 2.0, 2.0 + w, 2.0 + w / 2
    kind = _CROWNS[int(rng.integers(len(_CROWNS)))]
    shapes: list[Points] = [[(a, head), (b, head), (b, n + 2), (a, n + 2)]]
    if kind == "step":
        s = w * float(rng.uniform(0.14, 0.24))
        shapes += [[(a + s, head * 0.6), (b - s, head * 0.6), (b - s, head + 1), (a + s, head + 1)]]
        if rng.random() < 0.5:
            shapes += [[(c - s, head * 0.3), (c + s, head * 0.3), (c + s, head), (c - s, head)]]
    elif kind == "spire":
        shapes += [
            [(a + w * 0.08, head + 1), (c - 2, head * 0.25), (c + 2, head * 0.25), (b - w * 0.08, head + 1)],
            [(c - 2, 0), (c + 2, 0), (c + 2, head), (c - 2, head)],
        ]
    elif kind == "slant":
        lift = min(w * 0.7, head * 0.9)
        shapes += [[(a, head + 1), (a, head - lift), (b, head + 1)]] if rng.random() < 0.5 else [[(a, head + 1), (b, head - lift), (b, head + 1)]]
    elif kind == "mast":
        shapes += [
            [(c - w * 0.3, head * 0.75), (c + w * 0.3, head * 0.75), (c + w * 0.3, head + 1), (c - w * 0.3, head + 1)],
            [(c - 1.8, head * 0.1), (c + 1.8, head * 0.1), (c + 2.4, head), (c - 2.4, head)],
        ]
    elif kind == "round":
        u = np.linspace(np.pi, 0, 16)
        arc = np.stack([c + np.cos(u) * w / 2, head + 1 - np.sin(u) * min(w * 0.5, head - 2)], 1)
        shapes.append(np.concatenate([arc, [(b, head + 1)]]))
    return polygon(n, bw, *shapes)


def windows(rng: Generator, n: int, bw: int, cy: int, cx: int, lit: float, start: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the panes (n, bw) in [0, 1] of a grid of `cy` by `cx` px cells, and the light that falls from them."""
    gh, gw = n // cy + 1, bw // cx + 1
    band = rng.random() < 0.35
    cell = np.zeros((cy, cx), np.float32)
    cell[2 : cy - 2, (0 if band else 2) : (cx if band else cx - 2)] = 1.0
    pane = np.tile(cell, (gh, gw))[:n, :bw].copy()
    pane[:start] = 0
    floor = rng.random((gh, 1)) < (0.3 if lit > 0.1 else 0.05)
    on = (rng.random((gh, gw)) < lit * np.where(floor, 1.7, 0.75)) * rng.uniform(0.45, 1.1, (gh, gw))
    glow = cv2.resize(on.astype(np.float32), (gw * cx, gh * cy), interpolation=cv2.INTER_NEAREST)[:n, :bw]
    return pane, np.clip(glow * pane, 0, 1)


def crown_light(rng: Generator, city: City, left: int, top: int, bw: int, keep: float) -> None:
    """Light the crown of a tower: a soft coloured band under its roof."""
    color = rgb(_NEON[int(rng.integers(len(_NEON)))])
    band = np.exp(-np.arange(26, dtype=np.float32)[:, None] / 9.0) * np.ones((1, max(bw - 6, 4)), np.float32)
    over(city.lights, color * 0.8, np.clip(band * 0.85 * keep, 0, 1), top, left + 3)


def street_glow(canvas: np.ndarray, city: City, base: float, rise: float, amount: float) -> None:
    """Let haze and the streets' light stand between two rows of towers."""
    y0, y1 = int(base - rise * 2.4), int(base)
    t = np.linspace(0, 1, y1 - y0, dtype=np.float32)[:, None] ** 2
    warm = mix(city.light.haze_color, city.windows[2], 0.25 if city.lit > 0.3 else 0.0)
    over(canvas, warm, np.broadcast_to(t * amount, (y1 - y0, canvas.shape[1])), y0)


def lamps(rng: Generator, canvas: np.ndarray, city: City, y: float, gap: float) -> None:
    """Hang a chain of lamps along row `y`, soft dots with a halo."""
    if not city.lit:
        return
    width = canvas.shape[1]
    xs = np.arange(float(rng.uniform(0, gap)), width, gap)
    m = np.zeros((40, width), np.float32)
    for x in xs:
        cv2.circle(m, (int(x), 20), 3, 1.0, -1, cv2.LINE_AA)
    soft = np.clip(m + 1.3 * blur(m, 5.0), 0, 1)[..., None] * city.windows[0]
    top = int(y) - 20
    screen(canvas[top : top + 40], soft[: canvas.shape[0] - top])
    city.lights[top : top + 40] += (soft * 0.8)[: canvas.shape[0] - top]


def trees(rng: Generator, canvas: np.ndarray, city: City, attrs: Attributes, line: np.ndarray, cell: float, bottom: float) -> None:
    """Grow a belt of crowns from the line (W,) down to row `bottom`."""
    names = {"spring": "#6c9650", "summer": "#466c3c", "autumn": "#c07434", "winter": "#b8c4cc"}
    height, width = canvas.shape[:2]
    base = hue(rgb(names["winter" if attrs.weather == "snow" else attrs.season]), float(rng.uniform(-8, 8)), 0.85, 0.9)
    bushes = [plants.bush(rng, city.light, 46, hue(base, float(rng.uniform(-10, 10))), 0.06) for _ in range(4)]
    cover = below(int(bottom), line)
    over(canvas, city.light.tint(base * 0.5, 0.1, 0.05), cover)
    for k in range(max(int((bottom - float(line.mean())) / (cell * 0.9)) + 1, 1)):
        plants.forest(rng, canvas, bushes, line + cell * (0.55 + 0.9 * k), int(width / cell), (cell * 0.8, cell * 1.35))
    cover = below(height, line - 0.3 * cell) * (np.arange(height) < bottom)[:, None]
    np.maximum(city.mask, cover, out=city.mask)
    city.lights *= (1 - cover)[..., None]


def harbour(rng: Generator, canvas: np.ndarray, city: City, attrs: Attributes, base: float) -> None:
    """Lay water before the city: a quay with trees and lamps, the mirrored towers and long streaks of light."""
    height, width = canvas.shape[:2]
    line = (base - 7 - 7 * noise.profile(rng, width, 120.0, 3)).astype(np.float32)
    trees(rng, canvas, city, attrs, line, 15.0, base + 3)
    over(canvas, city.light.tint(rgb("#5c5854"), 0.4, 0.05), np.ones((5, width), np.float32), int(base) + 1)
    lamps(rng, canvas, city, base - 6, float(rng.uniform(34, 60)))
    y0, rough = int(base) + 6, float(rng.uniform(0.2, 0.55))
    color = hue(rgb("#2c5c70"), float(rng.uniform(-25, 25)))
    water.reflect(rng, canvas, y0, city.light, color, rough, squash=float(rng.uniform(1.8, 2.5)), foreground=city.mask)
    n = height - y0
    up = cv2.resize(city.lights[max(y0 - 3 * n, 0) : y0][::-1], (width, n), interpolation=cv2.INTER_AREA)
    rip = 1 + 0.9 * water.ripples(rng, n, width)[..., None]
    streaks = np.clip(blur(up, 2.0, 24.0) * 1.5 * rip, 0, 0.9)
    screen(canvas[y0:], streaks)
    city.mask[y0:] *= 1 - streaks.max(axis=2)


def park(rng: Generator, canvas: np.ndarray, city: City, attrs: Attributes, base: float, roofs: bool) -> None:
    """Fill the foreground with a park's crowns, or with low houses near the eye and crowns between them."""
    height, width = canvas.shape[:2]
    line = (base - 16 - 10 * noise.profile(rng, width, 150.0, 3)).astype(np.float32)
    trees(rng, canvas, city, attrs, line, 28.0, height)
    lamps(rng, canvas, city, base + 4, float(rng.uniform(60, 90)))
    if roofs:
        before = city.lights.copy()
        row(rng, canvas, city, height + 6.0, 105.0, 88.0, 0.0)
        screen(canvas, np.clip((city.lights - before).clip(0) * 0.9 + 0.5 * blur(city.lights - before, 5.0).clip(0), 0, 1))
    else:
        front = (base + 34 - 14 * noise.profile(rng, width, 190.0, 3)).astype(np.float32)
        trees(rng, canvas, city, attrs, front, 40.0, height)
        lamps(rng, canvas, city, base + 44, float(rng.uniform(90, 140)))
