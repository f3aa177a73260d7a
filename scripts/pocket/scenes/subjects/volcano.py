"""A chain of erupting volcanoes: gullied cones, glowing craters and lava streams, ash plumes; lava field, forest or lake in front."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator

from .. import land, noise, plants, style, water, weather
from ..attributes import Attributes
from ..canvas import below, blur, hue, mix, over, polygon, rgb, screen, taper
from ..light import Light
from ..sky import paint_sky

NAME = "volcano"
_ROCKS = ("#4a4444", "#6a4a40", "#585460", "#3c3a40", "#7a5a48", "#5c4a58", "#50564c")
_ASHES = ("#4a4448", "#6c645f", "#38343c", "#8c8480", "#5c4c4a", "#b4aca8")
_HEATS = (("#a01808", "#ff5a10", "#ffd860"), ("#8c1010", "#ff3c18", "#ffb040"), ("#b02c00", "#ff7c10", "#fff0a0"), ("#90102c", "#ff4838", "#ffc878"))


@dataclass
class Cone:
    """One volcano: the column of its axis, the rows of rim and foot, the radii in px there, its distance, how concave it is."""

    x: float
    top: float
    foot: float
    rim: float
    radius: float
    depth: float
    bend: float

    def half(self, y: np.ndarray | float) -> np.ndarray:
        """Return the half width of the cone at rows `y`: steep above, spreading below."""
        t = np.clip((np.asarray(y, np.float32) - self.top) / (self.foot - self.top), 0, 1.4)
        return self.rim + (self.radius - self.rim) * (0.35 * t + 0.65 * t**self.bend)


@dataclass
class Scene:
    """One picture being painted: the canvas, what glows (H, W, 3), the silhouettes' mask (H, W), and its choices."""

    canvas: np.ndarray
    light: Light
    attrs: Attributes
    lights: np.ndarray
    mask: np.ndarray
    heat: list[np.ndarray]  # the lava's colours from dark crust to white core
    power: float  # how much the lava outshines the daylight
    rock: np.ndarray
    white: bool

    def fire(self, mask: np.ndarray, top: int, left: int, keep: float = 1.0, least: float = 0.0) -> None:
        """Let `mask` (h, w), 0 cold ... 1 white hot, shine at (top, left); no colour is colder than `least`."""
        heat = np.maximum(mask, least)
        color = mix(mix(self.heat[0], self.heat[1], noise.smoothstep(heat, 0.1, 0.5)), self.heat[2], noise.smoothstep(heat, 0.5, 1.0))
        over(self.lights, color * keep, np.clip(mask * 2.2, 0, 1), top, left)

    def hide(self, cover: np.ndarray, top: int = 0, left: int = 0, dark: float = 1.0) -> None:
        """Take note of something solid in front: it hides lights and is `dark` in silhouettes."""
        over(self.lights, np.zeros(3, np.float32), cover, top, left)
        over(self.mask[..., None], np.ones(1, np.float32), cover * dark, top, left)

    def shine(self, lights: np.ndarray) -> None:
        """Lay the lava's own colour and its glow over the canvas."""
        over(self.canvas, np.clip(lights, 0, 1), np.clip(lights.max(axis=2) * 1.6, 0, 1))
        halo = 0.5 * blur(lights, 6.0) + 0.8 * blur(lights, 22.0) + 0.7 * blur(lights, 60.0)
        screen(self.canvas, np.clip(halo * self.power**1.5, 0, 1))


def draw(rng: Generator, attrs: Attributes, width: int, height: int = 512) -> np.ndarray:
    """Return one scene (H, W, 3) in [0, 1]."""
    foot = float(rng.uniform(370, 400))
    canvas, light = paint_sky(rng, attrs, width, height, foot - 40)
    light.haze_density *= 0.55 if attrs.weather in ("fog", "snow") else 0.85
    s = make_scene(rng, attrs, canvas, light)
    ash = hue(rgb(_ASHES[int(rng.integers(len(_ASHES)))]), float(rng.uniform(-8, 8)), float(rng.uniform(0.8, 1.6)))
    land.ridge(rng, canvas, light, foot - 30, 70, 0.95, mix(s.rock, rgb("#707888"), 0.5), 0.3 * s.white)
    wind = float(rng.choice([-1.0, 1.0])) * float(rng.uniform(0.1, 0.5))
    for c in chain(rng, width, foot):
        sky_glow(s, c)
        plume(rng, s, c, ash, wind * float(rng.uniform(0.5, 1.2)))
        mountain(rng, s, c)
        if rng.random() < 0.6:
            fountain(rng, s, c)
    s.shine(s.lights)
    (lake, woods, lava_field)[int(rng.integers(3))](rng, s, foot)
    if attrs.weather == "snow":
        weather.snowfall(rng, canvas, light, 0.8)
    return style.finish(canvas, attrs, light, s.mask * (1 - 0.95 * np.clip(s.lights.max(axis=2) * 1.3, 0, 1)))


def make_scene(rng: Generator, attrs: Attributes, canvas: np.ndarray, light: Light) -> Scene:
    """Choose the rock, the lava's colours and its strength."""
    power = {"dawn": 0.7, "noon": 0.5, "sunset": 0.8, "twilight": 1.0, "night": 1.0}[attrs.time]
    turn = float(rng.uniform(-8, 8))
    heat = [hue(rgb(c), turn) for c in _HEATS[int(attrs.tint * 71) % len(_HEATS)]]
    rock = hue(rgb(_ROCKS[int(rng.integers(len(_ROCKS)))]), float(rng.uniform(-10, 10)), 1.1)
    white = attrs.season == "winter" or attrs.weather == "snow"
    return Scene(canvas, light, attrs, np.zeros_like(canvas), np.zeros_like(canvas[..., 0]), heat, power, rock, white)


def chain(rng: Generator, width: int, foot: float) -> list[Cone]:
    """Place the volcanoes along the picture, the farthest first."""
    cones, x = [], float(rng.uniform(110, 300)) - 400
    while x < width + 260:
        depth = float(rng.uniform(0.12, 0.5))
        size = 1.15 - 0.75 * depth
        tall = size * float(rng.uniform(165, 250))
        base = foot + 8 - 34 * depth
        rim = size * float(rng.uniform(28, 56))
        cones.append(Cone(x, base - tall, base, rim, rim + tall * float(rng.uniform(1.05, 1.45)), depth, float(rng.uniform(1.7, 2.6))))
        x += float(rng.uniform(330, 420))
    return sorted(cones, key=lambda c: -c.depth)


def sky_glow(s: Scene, c: Cone) -> None:
    """Light the sky above a crater."""
    h, w = s.mask.shape
    yy, xx = np.mgrid[0 : h // 4, 0 : w // 4].astype(np.float32) * 4
    d = np.hypot(xx - c.x, (yy - c.top + 20) * 0.9)
    amount = s.power**2 * (0.5 * np.exp(-d / 60) + 0.28 * np.exp(-d / 170))
    screen(s.canvas, cv2.resize(amount, (w, h))[..., None] * s.heat[1])


def plume(rng: Generator, s: Scene, c: Cone, ash: np.ndarray, wind: float) -> None:
    """Let a billowing column of ash rise from the crater, drifting with the wind, lit by the sun and from below by the lava."""
    size, t = c.rim / 36, np.sort(rng.random(64)) ** 1.3
    rise = t * (c.top + 60)
    r = size * (24 + 58 * t**0.8) * rng.uniform(0.65, 1.1, 64)
    xs = wind * rise * (0.3 + 0.9 * t) + rng.normal(0, 0.55, 64) * r
    bw, bh = int(np.abs(xs).max() + r.max()) * 2 + 20, int(c.top) + 40
    pts = np.stack([bw / 2 + xs, c.top + 14 - rise - r * 0.35], 1)
    h2, w2 = bh // 2, bw // 2  # clouds are soft: half the size is enough
    heap = noise.warp(rng, noise.balls(h2, w2, pts / 2, r / 2), 5.0, 16.0)
    puff = noise.warp(rng, noise.domes(rng, h2, w2, 15.0 * size), 4.0, 12.0)
    rough = noise.fbm(rng, h2, w2, 22.0, 4, 0.6)
    mask = noise.smoothstep(heap + (rough - 0.5) * 16 * (heap > 0.5), 1.5, 8.0)
    up = np.clip((c.top + 10 - np.arange(h2, dtype=np.float32)[:, None] * 2) / (c.top + 60), 0, 1)
    mask = mask * (1 - 0.55 * up**1.5)
    lit = np.clip(s.light.relief(blur(heap, 2.0) + 9 * puff * (heap > 0.5) + 8 * rough, 0.8) + 0.25 * (puff - 0.6), 0.02, 1)
    color = s.light.haze(s.light.shade(ash, lit), c.depth * 0.8 + 0.25 * up)
    under = np.clip(1.15 - s.light.relief(blur(heap, 2.0) + 9 * puff, 0.8) + 0.2 * (rough - 0.5), 0, 1)
    warm = s.power * np.exp(-up * 2.6) * (0.25 + 1.05 * under)
    color = 1 - (1 - color) * (1 - np.clip(warm, 0, 0.95)[..., None] * mix(s.heat[1], s.heat[2], np.exp(-up * 9.0) * 0.6))
    color, mask = (cv2.resize(a, (bw, bh), interpolation=cv2.INTER_LINEAR) for a in (color, mask))
    over(s.canvas, color, mask * 0.97, 0, int(c.x - bw / 2))
    s.hide(mask, 0, int(c.x - bw / 2), 0.0)


def mountain(rng: Generator, s: Scene, c: Cone) -> None:
    """Paint one cone with gullies that fan out from the rim, its glowing crater and its lava streams."""
    crater(rng, s, c)
    bw, lift = int(c.half(c.foot + 20)) * 2 + 8, int(c.rim * 0.5) + 6
    top, left = int(c.top) - lift, int(c.x - bw / 2)
    n = int(c.foot) + 20 - top
    yy, xx = np.mgrid[0:n, 0:bw].astype(np.float32)
    v = yy + top - c.top  # px below the rim
    half, t = c.half(yy[:, :1] + top), v / (c.foot - c.top)
    u = (xx - bw / 2) / half
    angle = np.arcsin(np.clip(u, -1, 1)) / np.pi + 0.5
    gully = noise.fbm(rng, n, 420, 150.0, 4, 0.62, stretch=0.24)
    gully = cv2.remap(gully, (angle * 419).astype(np.float32), yy, cv2.INTER_LINEAR)
    fine = noise.ridged(rng, n, bw, 46.0, 4, 0.55)
    lit = 0.46 + 0.36 * u * s.light.dx + (s.light.relief(gully * 46 + fine * 9, 0.9) - 0.5) + 0.35 * (gully - 0.5)
    albedo = s.rock * (0.75 + 0.5 * gully)[..., None]
    if s.white:
        cap = noise.smoothstep(t + 0.7 * (gully - 0.5) + 0.25 * (fine - 0.5), 0.9, 0.55) * noise.smoothstep(t, 0.02, 0.14)
        albedo = mix(albedo, np.float32([0.93, 0.95, 1.0]), cap * 0.92)
    else:
        green = hue(plants.grass_color(s.attrs), 8, 0.75, 0.55)
        albedo = mix(albedo, green, noise.smoothstep(t + 0.6 * (gully - 0.5) + 0.3 * (fine - 0.5), 0.55, 0.95) * 0.85)
    rim = c.rim * (0.15 * np.sqrt(np.clip(1 - u * u, 0, 1)) + 0.1 * noise.profile(rng, bw, 16.0, 3)[None])
    wobble = 0.06 * noise.profile(rng, n, 60.0, 3)[:, None]
    body = np.clip((1 + wobble - np.abs(u)) * half / 1.5 + 0.5, 0, 1) * np.clip((v - rim) / 1.5 + 0.5, 0, 1)
    over(s.canvas, s.light.haze(s.light.shade(albedo, np.clip(lit, 0.02, 1)), c.depth * (0.7 + 0.7 * np.clip(t, 0, 1))), body, top, left)
    s.hide(body, top, left, 1 - 0.5 * c.depth)
    s.fire(streams(rng, c, n, bw, top) * (0.85 + 0.3 * gully) * body, top, left, 1 - 0.5 * c.depth)


def crater(rng: Generator, s: Scene, c: Cone) -> None:
    """Paint the crater's far wall, glowing from within."""
    bw, bh = int(c.rim * 2) + 8, int(c.rim * 0.75)
    yy, xx = np.mgrid[0:bh, 0:bw].astype(np.float32)
    u = (xx - bw / 2) / c.rim
    back = bh * 0.45 + c.rim * (0.12 * noise.profile(rng, bw, 14.0, 3)[None] - 0.2 * np.sqrt(np.clip(1 - u * u, 0, 1)))
    mask = np.clip((yy - back) / 1.5 + 0.5, 0, 1) * np.clip((1 - np.abs(u)) * c.rim, 0, 1)
    heat = np.clip(noise.smoothstep(yy - back, -1, c.rim * 0.34) * (1 - 0.5 * u * u), 0, 1)
    top, left = int(c.top - bh * 0.45), int(c.x - bw / 2)
    over(s.canvas, s.light.tint(s.rock * 0.5, 0.2, c.depth), mask, top, left)
    s.hide(mask, top, left)
    s.fire(heat * mask, top, left, 1 - 0.4 * c.depth)


def streams(rng: Generator, c: Cone, n: int, bw: int, top: int) -> np.ndarray:
    """Return the heat (n, bw) of lava that runs from the rim down the flanks, forking, cooling on its way."""
    hot, count, y0 = np.zeros((n, bw), np.float32), int(rng.integers(3, 6)), c.top - top
    t = np.linspace(0, 1, 36)
    for a in np.linspace(-0.75, 0.75, count) + rng.uniform(-0.2, 0.2, count):
        end, wide = float(rng.uniform(0.5, 1.1)) * (n - y0), c.rim / 36 * float(rng.uniform(10, 18))
        main = a * (1 + 0.25 * t) + 0.1 * noise.profile(rng, 36, 9.0, 3) * (0.3 + 0.7 * t)
        fork = float(rng.uniform(0.25, 0.5)) + 0.5 * t
        side = np.interp(fork, t, main) + float(rng.choice([-1, 1])) * 0.3 * t**0.8 + 0.1 * noise.profile(rng, 36, 9.0, 3) * t
        for down, angle, w in ((t, main, wide), (fork, side, wide * 0.65)):
            y = y0 + down * end
            xs = bw / 2 + c.half(y + top) * np.sin(np.clip(angle, -1.45, 1.45)) * 0.97
            edge, core = (polygon(n, bw, taper(np.stack([xs, y + 2], 1), w * 0.95 * k, w * 0.5 * k)) for k in (1.0, 0.5))
            hot = np.maximum(hot, 0.6 * edge + 0.5 * blur(core, 1.5))
    hot *= np.linspace(1.0, 0.45, n, dtype=np.float32)[:, None]
    crust = noise.smoothstep(noise.fbm(rng, n, bw, 20.0, 3), 0.34, 0.6)
    return np.clip(blur(hot, 1.5) * (0.55 + 0.6 * crust), 0, 1)


def fountain(rng: Generator, s: Scene, c: Cone) -> None:
    """Throw a fountain of lava out of the crater: a bright column and clots that fly in arcs."""
    size = c.rim / 36
    tall, h, w = float(rng.uniform(60, 105)) * size, int(150 * size), int(240 * size)
    t = np.linspace(0, 1, 14)
    clots = []
    for _ in range(int(rng.integers(36, 52))):
        vx, vy = float(rng.normal(0, 0.4)) * tall, tall * float(rng.uniform(1.8, 4.4))
        path = np.stack([w / 2 + vx * t, h - vy * t + vy * float(rng.uniform(0.95, 1.2)) * t * t], 1)
        a = int(rng.integers(0, 8))
        clots.append(taper(path[a : a + int(rng.integers(3, 7))], 3.5 * size, 6.0 * size))
    yy, xx = np.mgrid[0:h, 0:w].astype(np.float32)
    up = (h - yy) / tall
    column = np.exp(-(((xx - w / 2) / (size * (9 + 11 * up))) ** 2)) * noise.smoothstep(up, 1.1, 0.1)
    heat = blur(polygon(h, w, *clots), 1.2) * (0.95 - 0.3 * up) + column * (0.7 + 0.6 * noise.fbm(rng, h, w, 14.0, 3))
    s.fire(np.clip(heat, 0, 1), int(c.top - h + 6 * size), int(c.x - w / 2), 1 - 0.4 * c.depth, 0.4)


def lake(rng: Generator, s: Scene, foot: float) -> None:
    """Lay a lake before the volcanoes, its shore wooded or snowy, mirroring the glow."""
    height, shore = s.mask.shape[0], int(foot + 16)
    shrub = rgb("#c8d2da") if s.white else hue(plants.leaf_color(rng, s.attrs), 0, 0.9, 0.55)
    line = land.hills(rng, s.canvas, s.light, foot + 12, 24, 0.12, shrub, 200.0, 7.0, shore)
    cover = below(height, line)[:shore]
    s.hide(cover)
    screen(s.canvas[:shore], 0.35 * s.power * blur(s.lights, 40.0)[:shore] * cover[..., None])
    color = hue(rgb("#1c3c4c"), float(rng.uniform(-20, 20)))
    water.reflect(rng, s.canvas, shore, s.light, color, float(rng.uniform(0.1, 0.4)), squash=float(rng.uniform(1.9, 2.8)))
    s.mask[shore:], s.lights[shore:] = 0.25, 0


def woods(rng: Generator, s: Scene, foot: float) -> None:
    """Grow a forest in belts up to the eye, in the lava's light."""
    width = s.mask.shape[1]
    s.light.ambient = (s.light.ambient + s.heat[1] * 0.22 * s.power).astype(np.float32)
    before = s.canvas.copy()
    leaves = [hue(plants.leaf_color(rng, s.attrs), 0, 0.9, 0.7) for _ in range(3)]
    firs = s.white or rng.random() < 0.6
    kinds = [plants.conifer(rng, s.light, 150, 0.5 * s.white) if firs else plants.tree(rng, s.light, 130, c) for c in leaves]
    ground = rgb("#d4dce4") if s.white else hue(plants.grass_color(s.attrs), 0, 0.8, 0.5)
    land.hills(rng, s.canvas, s.light, foot + 14, 20, 0.12, ground, 260.0)
    for k in range(4):
        line = (foot + 22 + 40 * k + 10 * noise.profile(rng, width, 170.0, 3)).astype(np.float32)
        plants.forest(rng, s.canvas, kinds, line, int(width / (13 + 7 * k)), (22 + 18 * k, 38 + 30 * k))
    s.hide(style.changed(before, s.canvas))


def lava_field(rng: Generator, s: Scene, foot: float) -> None:
    """Paint dark broken lava with glowing cracks and a molten river in perspective."""
    height, width = s.mask.shape
    line = (foot + 4 + 7 * noise.profile(rng, width, 120.0, 4)).astype(np.float32)
    y0 = int(line.min()) - 2
    n, cover = height - y0, below(height, line)
    land.ground(rng, s.canvas, s.light, line, mix(s.rock * 0.5, np.float32([0.8, 0.84, 0.9]), 0.35 * s.white), foot - 40, "rock", 0.3)
    big = noise.plane(rng, n, width, -24.0, 150.0, 2.2)
    wide = noise.plane(rng, n, width, -24.0, 420.0, 3.0)
    cracks = noise.smoothstep(np.abs(big - 0.5), 0.05, 0.005) * noise.smoothstep(wide, 0.42, 0.6)
    river = noise.smoothstep(np.abs(wide - 0.5 + 0.12 * (big - 0.5)), 0.045, 0.012)
    heat = np.clip(0.75 * cracks + river * (0.7 + 0.5 * big), 0, 1) * np.linspace(0.75, 1.0, n, dtype=np.float32)[:, None] * cover[y0:]
    s.hide(cover)
    above = s.lights.copy()
    s.fire(blur(heat.astype(np.float32), 1.0), y0, 0)
    s.shine(np.clip(s.lights - above, 0, 1))
