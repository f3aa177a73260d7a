"""Colours of the sky and of the light by time of day, several per time, turned by the free tint."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from .attributes import Attributes
from .canvas import hue, mix, rgb

Array = np.ndarray

# zenith, middle, horizon, glow around the sun, direct light, ambient light
_SKIES: dict[str, tuple[str, ...]] = {
    "dawn": (
        "#5b7fb8 #c9b6cf #ffd9b0 #fff0c8 #ffd9a8 #7a86a8",
        "#6a6fb0 #e2a9bd #ffc9a0 #ffe2b0 #ffc4a0 #7c78a4",
        "#7fb0c8 #cfe0d2 #fff1c0 #fffbe0 #fff0b8 #7d97a0",
        "#8a94b8 #d9c6d4 #f7dcd8 #fff0e4 #ffdcc8 #8c8ea8",
        "#3f6fa8 #8cc0d0 #ffe0a0 #fff4c0 #ffe098 #64829c",
        "#9a7fb4 #f0a890 #ffd070 #fff0a0 #ffcf80 #8a7690",
    ),
    "noon": (
        "#2166c0 #5fa4e6 #c8e4f6 #ffffff #fff6e2 #86a4c8",
        "#0f4fa0 #3f8fdc #a6d8f0 #ffffff #fffaea #7898c4",
        "#3c86b4 #86c6d8 #e0f2ea #ffffff #fff8e0 #8cb0b8",
        "#5878b0 #9cb4dc #e8e6f0 #fffdf4 #fff2e0 #969cc0",
        "#1a7ac8 #62c2ee #dff6f0 #ffffff #fffce8 #82b0c8",
        "#7a9cc0 #b4cce0 #f4ecd8 #fffff0 #fff4d4 #a0a8b4",
    ),
    "sunset": (
        "#3a3f80 #c8607a #ff9a50 #ffd890 #ff9c58 #6a5480",
        "#2a4a88 #e08a6a #ffc060 #fff0a8 #ffb060 #5c6088",
        "#54285e #d03c58 #ff7038 #ffb860 #ff7848 #6c3e62",
        "#7a5a98 #f090a8 #ffc8a0 #ffe8c0 #ffb090 #826890",
        "#2f6a90 #e8b070 #ffdc60 #fff8b0 #ffc850 #5c7488",
        "#6a1f38 #c84830 #ff9030 #ffd060 #ff8038 #6a3844",
        "#4a5aa8 #b884c8 #ff9cb0 #ffd8b8 #ff9c98 #6a64a0",
    ),
    "twilight": (
        "#141c48 #4a4088 #d07890 #ffb098 #9a7ab0 #3c3f70",
        "#0c2a50 #2a6a90 #e8a880 #ffd0a0 #8fa0b0 #34506e",
        "#2a1448 #743a84 #e86a78 #ffa080 #b070a8 #48356a",
        "#10343c #2c7878 #c8c890 #f0e8b0 #90b0a0 #305258",
        "#1c2030 #50586c #b89a98 #f0c8b0 #94909c #3c4250",
        "#301830 #8a3050 #f08050 #ffc070 #c07868 #523448",
        "#182868 #5868c0 #c8a8e0 #f0d0f0 #98a0e0 #3c4a84",
    ),
    "night": (
        "#050a22 #10204c #2c4a80 #dfe8ff #7888b8 #1c2646",
        "#020c14 #06303c #186068 #d8fff4 #70a8a4 #123038",
        "#0c061e #281850 #5c4088 #f0e0ff #8c78c0 #2a1f48",
        "#04060c #141c28 #3c4858 #ffffff #8c98a8 #222a36",
        "#060c2c #182c70 #3c70c0 #e4f0ff #7898d8 #1e3060",
        "#0c0c1e #2c2444 #6c5460 #ffecc8 #a8988c #2c283c",
    ),
}
_POWER = {"dawn": (0.95, 0.85), "noon": (0.85, 0.75), "sunset": (1.15, 0.9), "twilight": (0.85, 0.95), "night": (0.75, 1.0)}


def sky_colors(rng: Generator, attrs: Attributes) -> list[Array]:
    """Return zenith, middle, horizon, glow, sun and ambient colours, each float32 (3,)."""
    skies = _SKIES[attrs.time]
    at = attrs.tint * len(skies)
    a = [rgb(c) for c in skies[int(at)].split()]
    b = [rgb(c) for c in skies[(int(at) + 1) % len(skies)].split()]
    turn, sat = float(rng.uniform(-9, 9)), float(rng.uniform(0.85, 1.15))
    out = [hue(mix(p, q, 0.35 * (at % 1.0)), turn, sat) for p, q in zip(a, b, strict=True)]
    grey = {"clear": 0.0, "cloudy": 0.35, "fog": 0.5, "snow": 0.4}[attrs.weather]
    if grey:
        out = [_veil(c, out[2], grey * k) for c, k in zip(out, (1, 1, 0.6, 0.6, 0.8, 0.6), strict=True)]
    if attrs.style in ("cartoon", "anime"):
        out = [hue(c, 0.0, 1.2, 1.03) for c in out]
    direct, shade = _POWER[attrs.time]
    out[4], out[5] = out[4] * direct, out[5] * shade
    return out


def _veil(color: Array, horizon: Array, amount: float) -> Array:
    """Mix a colour with the washed-out horizon."""
    pale = hue(horizon, 0.0, 0.45, 0.92)
    return mix(color, pale * (0.35 + 0.65 * float(np.mean(color)) / max(float(pale.mean()), 0.05)), amount)
