"""Weather in front of a scene: falling snow, drifting fog, shafts of sunlight."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator

from . import noise
from .attributes import Attributes
from .canvas import mix, over, screen
from .light import Light

Array = np.ndarray


def lay(
    rng: Generator,
    canvas: Array,
    attrs: Attributes,
    light: Light,
    y: float,
    foreground: Array | None = None,
    *,
    flakes: float = 1.0,
    up: float = 110.0,
    down: float = 90.0,
    thick: float = 0.85,
    near: float = 0.2,
) -> None:
    """Let snow fall or fog drift before a painted scene, in place; call it just before `style.finish`.

    Fog is as `fog` says; it also thins `foreground` (H, W), which would turn dark in a silhouette.
    """
    if attrs.weather == "snow":
        snowfall(rng, canvas, light, flakes)
    if attrs.weather == "fog":
        mask = fog(rng, canvas, light, y, up, down, thick, near)
        if foreground is not None:
            foreground *= 1 - 0.8 * mask


def snowfall(rng: Generator, canvas: Array, light: Light, amount: float = 1.0) -> None:
    """Let soft flakes of 3 to 8 px fall before the canvas, in place; call it just before `style.finish`."""
    h, w = canvas.shape[:2]
    m = np.zeros((h, w), np.uint8)
    count = int(amount * w * h / 1100)
    size = 1.3 + 3.2 * rng.random(count) ** 3
    for x, y, r in zip(rng.uniform(0, w, count), rng.uniform(0, h, count), size, strict=True):
        cv2.circle(m, (round(x * 16), round(y * 16)), round(r * 16), 225, -1, cv2.LINE_AA, 4)
    mask = cv2.GaussianBlur(m, (0, 0), 1.0).astype(np.float32) / 255.0
    color = np.clip(mix(light.shade(np.ones(3, np.float32), 0.8), light.horizon, 0.2) + 0.05, 0, 1)
    over(canvas, color, mask * 0.8)


def fog(rng: Generator, canvas: Array, light: Light, y: float, up: float, down: float, thick: float, near: float) -> Array:
    """Let fog drift over a canvas, in place; return how much it hides (H, W), in [0, 1).

    It is thickest (`thick`, 0 none ... 1 opaque) on row `y`, thins out over `up` px above and `down` px below it,
    and is `near` as thick in front of what stands closest, at the lower border.
    """
    h, w = canvas.shape[:2]
    d = np.arange(h, dtype=np.float32) - y
    bank = np.exp(-np.square(d / np.where(d < 0, up, down)))
    bank = np.maximum(bank, near * (d > 0))[:, None]
    drift = cv2.GaussianBlur(noise.fbm(rng, h, w, 110.0, 4, 0.5, stretch=3.0), (0, 0), 3.0)
    mask: Array = np.clip(thick * bank * (0.6 + 0.55 * noise.smoothstep(drift, 0.2, 0.7)), 0, 0.97).astype(np.float32)
    over(canvas, light.fog_color, mask)
    return mask


def rays(rng: Generator, canvas: Array, light: Light, strength: float = 0.35, x: float | None = None, y: float | None = None) -> None:
    """Screen shafts of sunlight spreading from (x, y), by default the sun, in place."""
    h, w = canvas.shape[:2]
    x, y = light.sun_x if x is None else x, light.sun_y if y is None else y
    yy, xx = np.mgrid[0 : h // 4, 0 : w // 4].astype(np.float32) * 4
    dx, dy = xx - x, yy - y
    angle = (np.arctan2(dy, dx) / np.pi * 0.5 + 0.5) * 719
    comb = noise.smoothstep(noise.profile(rng, 720, 30.0, 3, 0.5), -0.1, 0.8)
    beam = cv2.remap(comb[None].astype(np.float32), angle.astype(np.float32), np.zeros_like(angle), cv2.INTER_LINEAR)
    d = np.sqrt(dx * dx + dy * dy)
    beam *= strength * np.exp(-d / (0.9 * h)) * np.clip(d / 60.0, 0, 1)
    beam = cv2.resize(cv2.GaussianBlur(beam, (0, 0), 1.5), (w, h), interpolation=cv2.INTER_LINEAR)
    screen(canvas, beam[..., None] * light.glow)
