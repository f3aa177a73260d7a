"""A chain of erupting volcanoes: gullied cones, glowing craters and lava streams, ash plumes; lava field, forest or lake in front."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator

from .. import land, noise, plants, style, water, weather
from ..attributes import Attributes
from ..canvas import below, blur, hue, mix, over, rgb, screen
from ..eruption import Cone, Scene, crater, fountain, plume, sky_glow, streams
from ..light import Light
from ..sky import paint_sky

NAME = "volcano"
_ROCKS = ("#4a4444", "#6a4a40", "#585460", "#3c3a40", "#7a5a48", "#5c4a58", "#50564c")
_ASHES = ("#4a4448", "#6c645f", "#38343c", "#8c8480", "#5c4c4a", "#b4aca8")
_HEATS = (("#a01808", "#ff5a10", "#ffd860"), ("#8c1010", "#ff3c18", "#ffb040"), ("#b02c00", "#ff7c10", "#fff0a0"), ("#90102c", "#ff4838", "#ffc878"))


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
    weather.lay(rng, canvas, attrs, light, foot - 20, s.mask, flakes=0.8)
    return style.finish(canvas, attrs, light, s.dark())


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
        albedo = mix(albedo, np.array([0.93, 0.95, 1.0], np.float32), cap * 0.92)
    else:
        green = hue(plants.grass_color(s.attrs), 8, 0.75, 0.55)
        albedo = mix(albedo, green, noise.smoothstep(t + 0.6 * (gully - 0.5) + 0.3 * (fine - 0.5), 0.55, 0.95) * 0.85)
    rim = c.rim * (0.15 * np.sqrt(np.clip(1 - u * u, 0, 1)) + 0.1 * noise.profile(rng, bw, 16.0, 3)[None])
    wobble = 0.06 * noise.profile(rng, n, 60.0, 3)[:, None]
    body = np.clip((1 + wobble - np.abs(u)) * half / 1.5 + 0.5, 0, 1) * np.clip((v - rim) / 1.5 + 0.5, 0, 1)
    over(s.canvas, s.light.haze(s.light.shade(albedo, np.clip(lit, 0.02, 1)), c.depth * (0.7 + 0.7 * np.clip(t, 0, 1))), body, top, left)
    s.hide(body, top, left, 1 - 0.5 * c.depth)
    s.fire(streams(rng, c, n, bw, top) * (0.85 + 0.3 * gully) * body, top, left, 1 - 0.5 * c.depth)


def lake(rng: Generator, s: Scene, foot: float) -> None:
    """Lay a lake before the volcanoes, its shore wooded or snowy, mirroring the glow."""
    height, shore = s.mask.shape[0], int(foot + 16)
    shrub = rgb("#c8d2da") if s.white else hue(plants.leaf_color(rng, s.attrs), 0, 0.9, 0.55)
    line = land.hills(rng, s.canvas, s.light, foot + 12, 24, 0.12, shrub, 200.0, 7.0, shore)
    cover = below(height, line)[:shore]
    s.hide(cover)
    screen(s.canvas[:shore], 0.35 * s.power * blur(s.lights, 40.0)[:shore] * cover[..., None])
    color = hue(rgb("#1c3c4c"), float(rng.uniform(-20, 20)))
    dark = s.dark()
    water.reflect(rng, s.canvas, shore, s.light, color, float(rng.uniform(0.1, 0.4)), squash=float(rng.uniform(1.9, 2.8)), foreground=dark)
    s.mask[shore:], s.lights[shore:] = dark[shore:], 0


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
    land.ground(rng, s.canvas, s.light, line, mix(s.rock * 0.5, np.array([0.8, 0.84, 0.9], np.float32), 0.35 * s.white), foot - 40, "rock", 0.3)
    big = noise.plane(rng, n, width, -24.0, 150.0, 2.2)
    wide = noise.plane(rng, n, width, -24.0, 420.0, 3.0)
    cracks = noise.smoothstep(np.abs(big - 0.5), 0.05, 0.005) * noise.smoothstep(wide, 0.42, 0.6)
    river = noise.smoothstep(np.abs(wide - 0.5 + 0.12 * (big - 0.5)), 0.045, 0.012)
    heat = np.clip(0.75 * cracks + river * (0.7 + 0.5 * big), 0, 1) * np.linspace(0.75, 1.0, n, dtype=np.float32)[:, None] * cover[y0:]
    s.hide(cover)
    above = s.lights.copy()
    s.fire(blur(heat.astype(np.float32), 1.0), y0, 0)
    s.shine(np.clip(s.lights - above, 0, 1))
