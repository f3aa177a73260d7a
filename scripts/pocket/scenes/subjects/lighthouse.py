"""Lighthouses on the headlands of a rocky coast: striped towers, keepers' houses, surf, gulls, beams in the dusk and fog."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator

from .. import land, noise, plants, style, water, weather
from ..attributes import Attributes
from ..canvas import below, blur, glow, hue, mix, over, paste, polygon, rgb, screen
from ..light import Light
from ..sky import paint_sky
from ..towers import LAMP, SNOW, house, tower

NAME = "lighthouse"
_PAINTS = ("#d0302c", "#d0302c", "#24262c", "#2858a4", "#1c7c7c", "#d87828", "#8c2434")  # beside white
_ROCKS = ("#77706a", "#8a6a52", "#54565e", "#a8644c", "#cfc6b4", "#6c7468", "#b08c64")
_SEAS = ("#1f6f88", "#24606c", "#2c5484", "#2a8a94", "#3c6474", "#1c4c68")
_ROOFS = ("#b04434", "#4c5868", "#6c4438", "#384048", "#c86c3c")
_WALLS = ("#f6f3ec", "#f6f3ec", "#f0dcb0", "#e8b868", "#c46a50", "#a8c4d0")


@dataclass
class Coast:
    """The lines (W,) of the land: its skyline, the cliffs' edge and the waterline; the headlands' centres."""

    top: np.ndarray
    edge: np.ndarray
    foot: np.ndarray
    centres: np.ndarray


def at(line: np.ndarray, x: float) -> float:
    """Return the line's value at `x`, clipped to its ends."""
    return float(line[int(np.clip(x, 0, len(line) - 1))])


def draw(rng: Generator, attrs: Attributes, width: int, height: int = 512) -> np.ndarray:
    """Return one scene (H, W, 3) in [0, 1]."""
    horizon = float(rng.uniform(255, 300))
    canvas, light = paint_sky(rng, attrs, width, height, horizon)
    light.haze_density *= 0.55 if attrs.weather == "fog" else 0.85
    white = attrs.season == "winter" or attrs.weather == "snow"
    rock = hue(rgb(_ROCKS[int(rng.integers(len(_ROCKS)))]), float(rng.uniform(-8, 8)), 1.0, float(rng.uniform(0.9, 1.1)))
    turf = SNOW if white else hue(plants.grass_color(attrs), float(rng.uniform(-14, 10)), 1.05, 0.95)
    mask = np.zeros((height, width), np.float32)
    if rng.random() < 0.7:
        line = land.hills(rng, canvas, light, horizon + 4, float(rng.uniform(30, 70)), 0.7, mix(rock, turf, 0.5), 320.0, bottom=horizon + 6)
        mask = np.maximum(mask, 0.5 * below(height, line) * (np.arange(height) < horizon)[:, None])
    color = hue(rgb(_SEAS[int(rng.integers(len(_SEAS)))]), float(rng.uniform(-10, 10)))
    water.sea(rng, canvas, horizon, light, color, chop=float(rng.uniform(0.5, 0.9)))
    rollers(rng, canvas, light, horizon + 60)
    if rng.random() < 0.65:
        brow = (horizon + 40 - 78 * noise.smoothstep(noise.profile(rng, width, 190.0, 4, 0.6), -0.55, 0.7)).astype(np.float32)
        lay(rng, canvas, light, Coast(brow, brow + 9, np.full(width, horizon + 32, np.float32), brow), rock, turf, mask, 0.36)
    coast = shape(rng, width, horizon)
    lay(rng, canvas, light, coast, rock, turf, mask, 0.07)
    before = canvas.copy()
    lamps = build(rng, canvas, attrs, light, coast, white)
    mask = np.maximum(mask, style.changed(before, canvas))
    surf(rng, canvas, light, coast, rock, mask)
    gulls(rng, canvas, light, horizon, mask)
    weather.lay(rng, canvas, attrs, light, horizon + 30, mask, flakes=0.9)
    shine(rng, canvas, attrs, light, lamps, mask)
    return style.finish(canvas, attrs, light, mask)


def shape(rng: Generator, width: int, horizon: float) -> Coast:
    """Draw headlands with steep flanks, one for each lighthouse, and bays between them."""
    xs, step = np.arange(width, dtype=np.float32), float(rng.uniform(340, 400))
    centres = np.arange(float(rng.uniform(-80, 250)), width + 200, step)
    centres = centres + rng.uniform(-15, 15, len(centres))
    foot = (horizon + float(rng.uniform(128, 160)) + 10 * noise.profile(rng, width, 140.0, 3)).astype(np.float32)
    top: np.ndarray = foot + 12
    rough = 0.2 * noise.profile(rng, width, 64.0, 4, 0.7)
    thick: np.ndarray = np.zeros(width, np.float32)
    for c in (*(centres[:1] - step), *centres):
        rise, half = float(rng.uniform(75, 150)), rng.uniform(95, 165, 2)
        d = np.abs(xs - c) / np.where(xs < c, *half) + rough
        form = (
            0.55 * noise.smoothstep(d, 1.0, 0.82)
            + 0.2 * noise.smoothstep(d, 1.22, 1.1)
            + 0.25 * noise.smoothstep(d, 1.5, 1.3)
            + 0.1 * noise.smoothstep(d, 0.9, 0.1)
        )
        top = np.minimum(top, foot + 12 - (rise + 12) * form)
        thick = np.maximum(thick, noise.smoothstep(d, 1.02, 0.6) * float(rng.uniform(22, 38)))
    top = top + 2.5 * noise.profile(rng, width, 36.0, 3)
    edge = top + thick * (1 + 0.45 * noise.profile(rng, width, 44.0, 4, 0.65))
    return Coast(top.astype(np.float32), edge.astype(np.float32), foot, centres)


def rollers(rng: Generator, canvas: np.ndarray, light: Light, start: float) -> None:
    """Roll lines of breaking waves, larger towards the eye, from row `start` to the lower border."""
    height, width = canvas.shape[:2]
    white = light.shade(np.array([0.96, 0.98, 1.0], np.float32), 0.85)
    tex = noise.fbm(rng, height, width, 16.0, 3, stretch=2.5)
    for k in range(6):
        t = (k + float(rng.uniform(0.2, 0.8))) / 6
        line = start + (height - start) * t + (4 + 6 * t) * noise.profile(rng, width, 130.0, 3)
        strong = np.clip(noise.profile(rng, width, 120.0, 3) * 1.9 - 0.1, 0, 1)[None]
        y0, y1 = int(line.min()) - 12, min(int(line.max()) + 40, height)
        d = (np.arange(y0, y1, dtype=np.float32)[:, None] - line[None]) / ((4 + 8 * t) * (0.3 + strong))
        canvas[y0:y1] *= 1 - (0.3 * np.exp(-((d - 1.4) ** 2)) * strong)[..., None]
        foam = noise.smoothstep(d, -0.9, -0.2) * noise.smoothstep(d + 4.5 * (tex[y0:y1] - 0.5), 1.2, 0.2) * strong
        over(canvas, white, (foam * 0.85).astype(np.float32), y0)


def lay(rng: Generator, canvas: np.ndarray, light: Light, coast: Coast, rock: np.ndarray, turf: np.ndarray, mask: np.ndarray, depth: float) -> None:
    """Paint the cliffs and the turf or snow on their heads; the sea stays below the waterline."""
    height, width = canvas.shape[:2]
    sea, low = canvas.copy(), int(coast.foot.max()) + 8
    land.cliff(rng, canvas, light, coast.top, low, rock, depth, turf * 0.95, float(rng.uniform(0.2, 0.9)))
    y0 = int(coast.top.min()) - 2
    yy = np.arange(y0, low, dtype=np.float32)[:, None]
    v = (yy - coast.top[None]) / np.maximum(coast.edge - coast.top, 1.0)[None]
    tex = noise.fbm(rng, low - y0, width, 30.0, 4, 0.6, stretch=2.0)
    heath = mix(turf, hue(turf, float(rng.choice([-30, 25, 60])), 1.0, 0.85), noise.smoothstep(tex, 0.5, 0.7)[..., None] * 0.6)
    lit = np.clip(0.72 + 0.9 * (tex - 0.5) - 0.25 * v, 0.05, 1)
    cover = below(low, coast.top)[y0:] * noise.smoothstep(v + 0.5 * (tex - 0.5), 1.05, 0.85)
    over(canvas, light.haze(light.shade(heath, lit), depth), cover.astype(np.float32), y0)
    wet = noise.smoothstep(coast.foot[None] - yy, 26, 4) * below(low, coast.top)[y0:]
    canvas[y0:low] *= 1 - 0.45 * wet[..., None]
    drowned = below(height, coast.foot, 2.0)
    over(canvas, sea, drowned)
    np.maximum(mask, below(height, coast.top) * (1 - drowned) * (1 - depth), out=mask)
    line = np.exp(-(((yy - coast.foot[None] - 2) / 3.0) ** 2)) * np.clip((coast.foot - coast.top) / 12.0, 0, 1)[None]
    over(canvas, light.haze(light.shade(SNOW, 0.85), depth), (line * 0.8).astype(np.float32), y0)


def build(rng: Generator, canvas: np.ndarray, attrs: Attributes, light: Light, coast: Coast, white: bool) -> list[tuple[float, float, float]]:
    """Set a keeper's house and a lighthouse on every headland; return x, y and the radius of the lamps and lit windows."""
    lamps, lit = [], attrs.time != "noon" or attrs.weather == "fog"
    paint = hue(rgb(_PAINTS[int(rng.integers(len(_PAINTS)))]), float(rng.uniform(-8, 8)))
    roof = hue(rgb(_ROOFS[int(rng.integers(len(_ROOFS)))]), float(rng.uniform(-8, 8)))
    roof, face = mix(roof, SNOW, 0.85 * white), rgb(_WALLS[int(rng.integers(2 + white, len(_WALLS)))] if rng.random() < 0.4 + white else _WALLS[0])
    kind = str(rng.choice(["bands", "bands", "spiral", "plain"]))
    for c in coast.centres:
        tall, side = float(rng.uniform(155, 215)), float(rng.choice([-1, 1]))
        x, y = c + side * 8, at(coast.top, c) + 11
        tall = min(tall, y - 26)
        for hx, size in ((c - side * 62, 1.0), (c + side * 52, 0.7)):
            foot = max(at(coast.top, hx - 34 * size), at(coast.top, hx + 34 * size)) + 5  # no wall hangs over the cliff
            if foot < y + 22 and (size == 1.0 or rng.random() < 0.5):
                paste(canvas, house(rng, light, roof, face, size, lit), hx, foot)
        paste(canvas, tower(rng, light, tall, paint, kind, lit, white), x, y)
        lamps.append((float(x), y - tall * 0.865, tall * 0.05))
    return lamps


def surf(rng: Generator, canvas: np.ndarray, light: Light, coast: Coast, rock: np.ndarray, mask: np.ndarray) -> None:
    """Strew boulders along the waterline, let the sea foam around them and burst into spray."""
    height, width = canvas.shape[:2]
    stones = [land.boulder(rng, light, 90, rock * 0.75, 0.05, 0.9) for _ in range(4)]
    before = canvas.copy()
    for x in np.arange(-10, width + 20, 21.0):
        ashore = at(coast.top, x) < at(coast.foot, x) - 4
        if rng.random() < (0.75 if ashore else 0.25):
            y = at(coast.foot, x) + float(rng.uniform(2, 12 if ashore else 30))
            paste(canvas, stones[int(rng.integers(4))], x + float(rng.uniform(-8, 8)), y, float(rng.uniform(10, 26)))
    np.maximum(mask, style.changed(before, canvas), out=mask)
    y0 = int(coast.foot.min()) - 20
    tex = noise.fbm(rng, height - y0, width, 18.0, 4, 0.6, stretch=1.8)
    d = np.arange(y0, height, dtype=np.float32)[:, None] - coast.foot[None] - 5 * noise.profile(rng, width, 40.0, 3)[None]
    near = np.clip((coast.foot - coast.top) / 30.0, 0.25, 1)[None]
    foam = noise.smoothstep(d, -5, 4) * noise.smoothstep(d / near + 44 * (tex - 0.5), 30, 10) * (0.4 + 0.6 * near)
    white = light.shade(np.array([0.96, 0.98, 1.0], np.float32), 0.9)
    over(canvas, white, (foam * 0.95).astype(np.float32), y0)
    mask[y0:] *= 1 - 0.9 * foam
    for x in np.arange(float(rng.uniform(0, 60)), width, float(rng.uniform(70, 120))):
        if at(coast.top, x) < at(coast.foot, x) - 20:
            s = float(rng.uniform(24, 58))
            water.mist(rng, canvas, light, x, at(coast.foot, x) - s * 0.2, s * 1.3, s, 0.6)


def gulls(rng: Generator, canvas: np.ndarray, light: Light, horizon: float, mask: np.ndarray) -> None:
    """Let gulls sail about the towers."""
    width = canvas.shape[1]
    t = np.linspace(0, 1, 9)
    for _ in range(max(int(width / 110), 3)):
        s, x, y = float(rng.uniform(13, 24)), float(rng.uniform(0, width)), float(rng.uniform(0.12, 0.95)) * horizon
        lift = float(rng.uniform(0.35, 0.8)) * np.sin(np.pi * np.minimum(t * 0.75, 1)) * s
        c, wing = s + 4, np.stack([t * s, lift], 1)
        thick = s * 0.2 * (1 - t) ** 0.6 + 0.8
        upper, lower = wing[:, 1] + thick / 2, wing[:, 1] - thick
        arms = [np.concatenate([np.stack([c + k * t * s, c - upper], 1), np.stack([c + k * t * s, c - lower], 1)[::-1]]) for k in (-1, 1)]
        m = cv2.warpAffine(polygon(int(2 * c), int(2 * c), *arms), cv2.getRotationMatrix2D((c, c), float(rng.uniform(-18, 18)), 1.0), (int(2 * c), int(2 * c)))
        over(canvas, light.tint(rgb("#fbfbf8") if y > horizon * 0.8 or light.night else rgb("#5c6470"), 0.85, 0.05), m, int(y - c), int(x - c))
        over(mask[..., None], np.ones(1, np.float32), m, int(y - c), int(x - c))


def shine(rng: Generator, canvas: np.ndarray, attrs: Attributes, light: Light, lamps: list[tuple[float, float, float]], mask: np.ndarray) -> None:
    """Let the lamps glow and, in dusk, night and fog, throw their beams over the sea."""
    height, width = canvas.shape[:2]
    if attrs.time == "noon" and attrs.weather != "fog":
        return
    strength = {"dawn": 0.25, "noon": 0.3, "sunset": 0.45, "twilight": 0.75, "night": 0.9}[attrs.time] + 0.2 * (attrs.weather == "fog")
    yy, xx = np.mgrid[0 : height // 4, 0 : width // 4].astype(np.float32) * 4
    beam, reach = np.zeros((height // 4, width // 4), np.float32), 230.0 if attrs.weather == "fog" else 380.0
    dots = np.zeros((height, width), np.float32)
    for x, y, r in lamps:
        tilt = float(rng.uniform(-0.24, 0.24))
        dx, dy = xx - x, yy - y
        along, off = dx * np.cos(tilt) + dy * np.sin(tilt), dy * np.cos(tilt) - dx * np.sin(tilt)
        spread = 4 + 0.15 * np.abs(along)
        ray = np.exp(-((off / spread) ** 4)) * np.exp(-np.abs(along) / reach) * np.where(along * light.dx < 0, 0.9, 0.6)
        beam = 1 - (1 - beam) * (1 - ray)
        cv2.circle(dots, (int(x), int(y)), int(r), 1.0, -1, cv2.LINE_AA)
    if attrs.time != "dawn" or attrs.weather == "fog":
        screen(canvas, (strength * cv2.resize(blur(beam, 1.2), (width, height)))[..., None] * LAMP)
    glow(canvas, dots, LAMP, 4.0, 1.2)
    glow(canvas, dots, LAMP, 22.0, 3.0 * strength)
    mask *= 1 - np.clip(blur(dots, 3.0) * 1.6, 0, 1)
