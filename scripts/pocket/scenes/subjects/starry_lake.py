"""The Milky Way with coloured nebulae and large soft stars over a calm lake that mirrors it; boats, jetties, a tent, a campfire."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator

from .. import land, noise, plants, sky, style, terrain, water
from ..attributes import Allowed, Attributes
from ..camp import Scene, boat, campfire, jetty, tent
from ..canvas import blur, discs, hue, mix, paste, polygon, rgb, screen
from ..light import Light

NAME = "starry_lake"
ALLOWED = Allowed(time=("night", "twilight"), weather=("clear",), style=("photo", "anime", "silhouette"))
_SKIES = {  # zenith, middle, horizon, core of the Milky Way, two nebulae
    "night": (
        "#040a28 #0c2460 #2c5cb0 #dce8ff #4a88ff #b058e8",
        "#0c0628 #2a1460 #6c3ca8 #f4e0ff #a858ff #ff5ca8",
        "#02121c #063c4a #1c8080 #dcfff4 #30d0c0 #5878ff",
        "#080a24 #1e2250 #d07c3c #fff0d8 #ff8c48 #7c5ce0",
        "#0c0420 #3a0e4c #98306c #ffe4f0 #ff48a0 #6c50ff",
        "#04060e #101c34 #3c5c84 #fff0dc #ffa868 #4c90f0",
        "#060818 #142848 #a84848 #ffe8dc #ff5c58 #40a0e0",
    ),
    "twilight": (
        "#141c54 #3c4a9c #f4a478 #ffe8dc #ff80b0 #6c90ff",
        "#1c104c #603490 #f07c8c #ffe4f0 #d070ff #ff80a0",
        "#0a2444 #286488 #f4c488 #f4fff8 #48c8d8 #8088ff",
        "#24103c #7c2c68 #ff8448 #ffe8d0 #ff6080 #a060ff",
        "#101840 #445c9c #ccb4e8 #f4f0ff #78a0ff #e088ff",
        "#04282c #147070 #d8c878 #fcffe8 #48e0b0 #60a0f0",
    ),
}
_THINGS = (boat, jetty, tent, campfire)


def draw(rng: Generator, attrs: Attributes, width: int, height: int = 512) -> np.ndarray:
    """Return one scene (H, W, 3) in [0, 1]."""
    shore = float(rng.uniform(295, 345))
    names = _SKIES[attrs.time]
    turn = float(rng.uniform(-12, 12))
    c = [hue(rgb(k), turn, float(rng.uniform(0.95, 1.2))) for k in names[int(attrs.tint * 7 * len(names)) % len(names)].split()]
    light = sky.make_light(rng, attrs, width, shore)
    light.zenith, light.horizon, light.glow, light.sun = c[0], c[2], c[3], c[3] * 0.38
    light.ambient, light.haze_color = mix(c[1], c[2], 0.4) * 0.75 + 0.03, mix(c[1], c[2], 0.7)
    canvas, stars = heaven(rng, c, width, height, shore)
    front = far_shore(rng, canvas, attrs, light, shore)
    squash = float(rng.uniform(0.85, 0.95)) * shore / (height - shore)
    water.reflect(rng, canvas, shore, light, mix(c[0], c[1], 0.5), float(rng.uniform(0.04, 0.16)), squash=squash)
    mirror_stars(rng, canvas, stars * (1 - front[: int(shore), :, None]), shore, squash)
    front[int(shore) :] = 0
    s = Scene(canvas, light, front[..., None], np.zeros((height, width, 1), np.float32), rgb(str(rng.choice(["#ffb050", "#ffa040", "#ffc878"]))))
    near_shore(rng, s, attrs)
    shine = s.shine[..., 0]
    screen(canvas, np.clip(0.2 * shine + 0.6 * blur(shine, 5.0) + 1.1 * blur(shine, 24.0), 0, 1)[..., None] * s.warm)
    return style.finish(canvas, attrs, light, s.front[..., 0] * (1 - 0.95 * np.clip(1.3 * shine, 0, 1)))


def heaven(rng: Generator, c: list[np.ndarray], width: int, height: int, shore: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the sky (H, W, 3) with the Milky Way, and the light of its large stars (shore, W, 3)."""
    t = np.clip(np.arange(height) / shore, 0, 1)
    column = np.stack([np.interp(t, (0, 0.5, 1.0), [k[i] for k in c[:3]]) for i in range(3)], 1)
    canvas = np.repeat(cv2.GaussianBlur(column.astype(np.float32)[:, None], (1, 91), 0, sigmaY=24), width, axis=1)
    power = float(rng.uniform(0.68, 0.98))
    top, xs = int(shore), np.arange(width, dtype=np.float32)
    h2, w2 = top // 2, width // 2
    centre = shore * float(rng.uniform(0.38, 0.48)) + float(rng.uniform(55, 95)) * np.sin(
        xs * 2 * np.pi / float(rng.uniform(760, 1200)) + float(rng.uniform(0, 6.3))
    )
    half = (float(rng.uniform(54, 76)) + 16 * noise.profile(rng, width, 200.0, 2)).astype(np.float32)
    tex = noise.warp(rng, noise.fbm(rng, h2, w2, 42.0, 6, 0.6), 14.0, 40.0)
    slope = np.hypot(1.0, np.gradient(centre))
    d = ((2 * np.arange(h2, dtype=np.float32)[:, None] - centre[None, ::2][:, :w2]) + 46 * (tex - 0.5)) / (half * slope)[None, ::2][:, :w2]
    lane = noise.warp(rng, noise.ridged(rng, h2, w2, 55.0, 4, 0.6), 16.0, 45.0)
    rift = np.exp(-np.square((d - 0.55 * noise.profile(rng, w2, 120.0, 3)[None]) / 0.24)) * noise.smoothstep(lane, 0.1, 0.5)
    dust = np.clip(rift + noise.smoothstep(lane, 0.45, 0.8) * np.exp(-np.square(d * 1.1)), 0, 1)
    swell = np.clip(0.75 + 0.6 * noise.profile(rng, w2, 130.0, 2), 0.45, 1.15)[None]
    milk = np.exp(-d * d) * (0.08 + 0.34 * noise.smoothstep(tex, 0.36, 0.8)) + 0.5 * swell * np.exp(-np.square(d * 1.9)) * (0.5 + tex)
    glow = (milk * (1 - 0.85 * dust))[..., None] * mix(c[3], c[4], 0.15) * power + (0.2 * np.exp(-np.square(d * 0.5)))[..., None] * mix(c[1], c[4], 0.5)
    for color, cell, level in ((c[4], 75.0, 0.62), (c[5], 60.0, 0.6)):
        cloud = noise.smoothstep(noise.warp(rng, noise.fbm(rng, h2, w2, cell, 5, 0.55), 12.0, 40.0), 0.47, 0.82)
        glow += (level * cloud * np.exp(-np.square(d * 0.9)) * (1 - 0.55 * dust))[..., None] * color
    glow *= noise.smoothstep(np.arange(h2) / h2, 1.02, 0.72)[:, None, None]
    screen(canvas[:top], cv2.resize(np.clip(glow, 0, 1).astype(np.float32), (width, top), interpolation=cv2.INTER_CUBIC).clip(0, 1))
    small, large = stars(rng, top, width, centre, half)
    screen(canvas[:top], small)
    screen(canvas[:top], large)
    return canvas, large


def stars(rng: Generator, top: int, width: int, centre: np.ndarray, half: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the light (top, W, 3) of the small stars, crowded along the Milky Way, and of the large glowing ones."""
    out = []
    for groups in (((420, 0.7, 1.1, 0.6), (900, 1.2, 1.9, 0.85)), ((6500, 1.9, 2.7, 0.95), (19000, 2.8, 4.2, 1.0))):
        light = np.zeros((top, width, 3), np.float32)
        for area, lo, hi, lum in groups:
            for color in ("#eaf2ff", "#fff0dc"):
                n = max(int(width * top / area / 2), 2)
                xs, ys = rng.uniform(0, width, n), top * 0.95 * rng.random(n) ** 1.25
                at = xs.astype(int)
                ys = np.where(rng.random(n) < 0.45, centre[at] + half[at] * rng.normal(0, 0.7, n), ys)
                r = rng.uniform(lo, hi, n)
                m = discs(top, width, xs, ys, r)
                if hi > 4:
                    arms = [[(x - 4 * s, y), (x, y - 1.4), (x + 4 * s, y), (x, y + 1.4)] for x, y, s in zip(xs, ys, r, strict=True)]
                    arms += [[(x, y - 4 * s), (x + 1.4, y), (x, y + 4 * s), (x - 1.4, y)] for x, y, s in zip(xs, ys, r, strict=True)]
                    m = np.maximum(m, 0.6 * blur(polygon(top, width, *arms), 0.8))
                m = blur(m, 0.7) * lum + (1.3 * blur(m, 4.5) if hi > 2 else 0.0)
                light += m[..., None] * rgb(color)
        out.append(np.clip(light * noise.smoothstep(np.arange(top) / top, 1.0, 0.8)[:, None, None], 0, 1).astype(np.float32))
    return out[0], out[1]


def far_shore(rng: Generator, canvas: np.ndarray, attrs: Attributes, light: Light, shore: float) -> np.ndarray:
    """Paint dark mountains or ridges and firs at the far shore; return the mask (H, W) of all of it."""
    (height, width), before = canvas.shape[:2], canvas.copy()
    white = attrs.season == "winter"
    if rng.random() < 0.55:
        t = terrain.make(rng, width, height, light, shore - 4, float(rng.uniform(60, 115)), 4.2, float(rng.uniform(3.2, 4.6)), bottom=shore + 2)
        t.paint(canvas, terrain.rock_and_snow(rng, t, light, rgb("#3c4250"), {"winter": 0.9, "spring": 0.6}.get(attrs.season, 0.3)))
    else:
        rise = float(rng.uniform(46, 92))
        for k in range(3):
            albedo = rgb("#9aa8bc") if white else rgb("#303848")
            land.ridge(rng, canvas, light, shore + 2, rise * (1 - 0.25 * k), 0.95 - 0.32 * k, albedo, 0.3 * white, cell=230.0 - 50 * k)
    if rng.random() < 0.75:
        leaf = rgb("#a86830") if attrs.season == "autumn" else None
        firs = [plants.conifer(rng, light, 140, 0.6 * white, leaf if k == 0 else rgb("#1c3830"), 0.12) for k in range(4)]
        size = 16 + 30 * noise.smoothstep(noise.profile(rng, width, 170.0, 3), -0.35, 0.8)
        for k in np.argsort(rng.random(width // 8)):
            paste(canvas, firs[int(rng.integers(4))], 8.0 * k + float(rng.uniform(-5, 5)), shore + 1, float(size[8 * k]) * float(rng.uniform(0.7, 1.5)))
    water.fog_bank(rng, canvas, light, shore - 4, 16, 0.4)
    return style.changed(before, canvas)


def mirror_stars(rng: Generator, canvas: np.ndarray, stars: np.ndarray, shore: float, squash: float) -> None:
    """Let the large stars (shore, W, 3) gleam in the water, drawn out a little downwards."""
    top, n = int(shore), canvas.shape[0] - int(shore)
    rows = min(int(n * squash), top)
    up = cv2.resize(stars[top - rows :][::-1], (canvas.shape[1], n), interpolation=cv2.INTER_AREA)
    broken = 0.75 + 0.5 * water.ripples(rng, n, canvas.shape[1])[..., None]
    screen(canvas[top:], np.clip(blur(up, 1.0, 3.0) * 1.3 * broken, 0, 1))


def near_shore(rng: Generator, s: Scene, attrs: Attributes) -> None:
    """Lay the near bank with grass and stones, and one thing every 250 px: boat, jetty, tent or campfire."""
    height, width = s.canvas.shape[:2]
    things = [_THINGS[int(k)] for k in rng.permutation(4)]
    step = float(rng.uniform(235, 300))
    xs = np.arange(float(rng.uniform(50, 200)) - step, width + step, step)
    line = height - 14 - 34 * noise.profile(rng, width, 240.0, 3)
    for k, x in enumerate(xs):
        rise = {tent: 58.0, campfire: 54.0, jetty: 20.0, boat: -10.0}[things[k % 4]]
        line += (height - rise - line) * np.exp(-(((np.arange(width) - x) / 95.0) ** 4))
    for k, x in enumerate(xs):
        if things[k % 4] is boat:
            boat(rng, s, float(x), height - float(rng.uniform(60, 105)))
    albedo = {"winter": "#e4ecf6", "autumn": "#8c6c3c", "spring": "#5c7c48", "summer": "#4c6440"}[attrs.season]
    line = line.astype(np.float32)
    land.ground(
        rng,
        s.canvas,
        s.light,
        line,
        rgb(albedo) * (0.7 if attrs.season == "winter" else 0.55),
        height - 130,
        "snow" if attrs.season == "winter" else "grass",
        0.0,
    )
    s.front[..., 0] = np.maximum(s.front[..., 0], np.clip(np.arange(height)[:, None] - line[None] + 0.5, 0, 1))
    stones = [land.boulder(rng, s.light, 60, rgb("#50545c"), 0.0, 0.7) for _ in range(3)]
    for x in np.arange(-10, width + 20, 46.0) + float(rng.uniform(0, 40)):
        y = float(line[int(np.clip(x, 0, width - 1))]) + 8
        if y < height + 6 and rng.random() < 0.6:
            before = s.canvas.copy()
            paste(s.canvas, stones[int(rng.integers(3))], float(x), y, float(rng.uniform(12, 26)))
            s.front[..., 0] = np.maximum(s.front[..., 0], style.changed(before, s.canvas))
    for k, x in enumerate(xs):
        if things[k % 4] is not boat:
            things[k % 4](rng, s, float(x), float(line[int(np.clip(x, 0, width - 1))]) + 16)
