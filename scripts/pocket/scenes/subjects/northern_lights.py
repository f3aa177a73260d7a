"""Northern lights over a lake, mirrored, with snowy mountains and firs."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from .. import noise, plants, sky, style, terrain, water
from ..attributes import Allowed, Attributes
from ..canvas import hue, rgb

NAME = "northern_lights"
ALLOWED = Allowed(time=("night",), weather=("clear",), style=("photo", "silhouette", "anime"))
_AURORAS = (
    ("#38f0a0", "#30b8a0", "#7040c0"),
    ("#60ff80", "#20c890", "#2060a0"),
    ("#ff5090", "#c040c0", "#5030a0"),
    ("#40e8e0", "#4090f0", "#7050e0"),
    ("#b0ff60", "#40e080", "#c04090"),
    ("#ff8060", "#e04080", "#6030a0"),
    ("#c070ff", "#7060f0", "#30a0c0"),
)


def draw(rng: Generator, attrs: Attributes, width: int, height: int = 512) -> np.ndarray:
    """Return one scene (H, W, 3) in [0, 1]."""
    shore = float(rng.uniform(290, 350))
    canvas, light = sky.paint_sky(rng, attrs, width, height, shore, clouds=False, disc=bool(rng.random() < 0.2))
    kind = _AURORAS[int(attrs.tint * 7.0 * len(_AURORAS)) % len(_AURORAS)]
    colors = [hue(rgb(c), float(rng.uniform(-10, 10))) for c in kind]
    sky.aurora(rng, canvas, shore, colors, int(rng.integers(2, 5)), float(rng.uniform(0.85, 1.15)))
    shine = np.mean(canvas[: int(shore)], axis=(0, 1))
    light.ambient = light.ambient * 0.8 + shine * 0.35
    light.haze_color = light.haze_color * 0.4 + shine * 0.6
    light.sun = light.sun * 0.5 + colors[0] * 0.25
    t = terrain.make(rng, width, height, light, shore - 6, float(rng.uniform(60, 130)), 4.0, float(rng.uniform(3.0, 4.5)))
    snow = 0.9 if attrs.season in ("winter", "spring") else 0.45
    t.paint(canvas, terrain.rock_and_snow(rng, t, light, rgb("#4a5058"), snow))
    before = canvas.copy()
    line = np.full(width, shore, np.float32)
    firs = [plants.conifer(rng, light, 150, 0.7 * (snow > 0.6), depth=0.1) for _ in range(4)]
    size = 20 + 34 * noise.smoothstep(noise.profile(rng, width, 160.0, 3), -0.4, 0.8)
    for low, high in ((0.4, 0.8), (0.6, 1.2)):
        keep = float(np.median(size))
        plants.forest(rng, canvas, firs, line, width // 12, (keep * low, keep * high * 1.5))
    mask = np.maximum(t.mask, style.changed(before, canvas))
    water.reflect(rng, canvas, shore, light, rough=float(rng.uniform(0.1, 0.45)), color=rgb("#18303c"))
    mask[int(shore) :] = 0.0
    return style.finish(canvas, attrs, light, mask)
