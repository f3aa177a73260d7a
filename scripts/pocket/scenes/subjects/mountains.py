"""A mountain range: perspective peaks with cast shadows and haze, woods and sometimes a lake in front."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from .. import land, noise, plants, style, terrain, water, weather
from ..attributes import Attributes
from ..canvas import hue, rgb
from ..light import Light
from ..sky import paint_sky

NAME = "mountains"
_ROCKS = ("#6c6a70", "#7c6a5c", "#5c6470", "#8c7262", "#6e5a58")


def draw(rng: Generator, attrs: Attributes, width: int, height: int = 512) -> np.ndarray:
    """Return one scene (H, W, 3) in [0, 1]."""
    horizon = float(rng.uniform(320, 370))
    canvas, light = paint_sky(rng, attrs, width, height, horizon)
    light.haze_density *= 0.9
    rock = hue(rgb(_ROCKS[int(rng.integers(len(_ROCKS)))]), float(rng.uniform(-10, 10)))
    snow = {"winter": 0.9, "spring": 0.62, "autumn": 0.5, "summer": 0.4}[attrs.season] * float(rng.uniform(0.75, 1.15))
    if attrs.weather == "snow":
        snow = 0.95
    t = terrain.make(rng, width, height, light, horizon, float(rng.uniform(170, 260)), float(rng.uniform(2.5, 4.5)), float(rng.uniform(3.4, 5.4)))
    green = hue(plants.grass_color(attrs), 10, 0.8, 0.6)
    t.paint(canvas, terrain.rock_and_snow(rng, t, light, rock, snow, green))
    mask = t.mask * 0.82
    lake = rng.random() < 0.4
    line = np.full(width, horizon + 40.0, np.float32)
    if lake:
        water.fog_bank(rng, canvas, light, horizon + 8, 40, 0.5)
        shore = horizon + 38
        firs = [plants.conifer(rng, light, 110, 0.6 * (snow > 0.73), depth=0.25) for _ in range(3)]
        plants.forest(rng, canvas, firs, line, width // 16, (16, 34))
        water.reflect(rng, canvas, shore, light, rough=float(rng.uniform(0.15, 0.5)), foreground=mask)
    else:
        meadow(rng, canvas, attrs, light, horizon, snow)
    firs = [plants.conifer(rng, light, 220, 0.8 * (snow > 0.73)) for _ in range(4)]
    front = height - 6 + 10 * noise.profile(rng, width, 200.0)
    before = canvas.copy() if attrs.style == "silhouette" else canvas
    if lake or rng.random() < 0.6:
        land.ground(rng, canvas, light, front - 8, plants.grass_color(attrs) * 0.5, kind="grass", depth=0.1, horizon=horizon)
        plants.forest(rng, canvas, firs, front, width // 70, (70, 190))
    if attrs.style == "silhouette":
        mask = np.maximum(mask, style.changed(before, canvas))
    weather.lay(rng, canvas, attrs, light, horizon, mask, up=90, down=80)
    return style.finish(canvas, attrs, light, mask)


def meadow(rng: Generator, canvas: np.ndarray, attrs: Attributes, light: Light, horizon: float, snow: float) -> None:
    """Paint wooded foothills and a meadow before the range."""
    width = canvas.shape[1]
    color = hue(plants.grass_color(attrs), float(rng.uniform(-10, 10)), 0.9, 0.85)
    land.hills(rng, canvas, light, horizon + 60, 50, 0.35, rgb("#34543a") if attrs.season != "winter" else rgb("#9aa8b0"), woods=9.0)
    water.fog_bank(rng, canvas, light, horizon + 62, 34, 0.55)
    top = horizon + 80 + 16 * noise.profile(rng, width, 260.0, 3)
    firs = [plants.conifer(rng, light, 150, 0.7 * (snow > 0.73), depth=0.15) for _ in range(4)]
    plants.forest(rng, canvas, firs, top + 6, width // 22, (26, 60))
    land.ground(rng, canvas, light, top.astype(np.float32), color, kind="snow" if attrs.season == "winter" else "grass")
