"""The light of a scene: sun, ambient, haze; shading of relief."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from .canvas import mix

Array = np.ndarray


@dataclass
class Light:
    """One light for the whole scene (colours float32 (3,); sun and ambient may exceed 1)."""

    sun_x: float  # px, may lie outside the frame
    sun_y: float  # px
    dx: float  # direction towards the sun in the picture: -1 left ... 1 right
    dy: float  # -1 is straight above
    sun: Array  # colour of direct light
    ambient: Array  # colour of light in the shade
    haze_color: Array
    haze_density: float  # 0.5 crisp ... 4 thick fog
    glow: Array  # colour around the sun
    zenith: Array
    horizon: Array
    strength: float = 1.0  # contrast of direct light: 1 clear ... 0.3 overcast
    night: bool = False

    def relief(self, height: Array, strength: float = 1.0) -> Array:
        """Return how lit (0 shade ... 1 facing the sun; 0.5 flat) each point of a height map (H, W) in px is."""
        gx = cv2.Sobel(height, cv2.CV_32F, 1, 0, ksize=3, scale=0.125)
        gy = cv2.Sobel(height, cv2.CV_32F, 0, 1, ksize=3, scale=0.125)
        n = -(gx * self.dx + gy * self.dy) * strength
        return 0.5 + 0.5 * n / np.sqrt(1.0 + n * n)

    def shade(self, albedo: Array, lit: Array | float) -> Array:
        """Return the colour of `albedo` ((3,) or (H, W, 3)) under light `lit` in [0, 1] (scalar or (H, W))."""
        lit = np.asarray(lit, np.float32)[..., None]
        seen: Array = np.clip(albedo * (self.ambient + self.sun * (lit * self.strength)), 0.0, 1.0).astype(np.float32)
        return seen

    @property
    def fog_color(self) -> Array:
        """Colour (3,) of fog in this light: haze with some of its sun's brightness and less of its colour."""
        color = mix(self.haze_color, np.clip(self.sun, 0, 1), 0.15)
        grey = np.full(3, float(color @ np.array([0.3, 0.59, 0.11], np.float32)), np.float32)
        fog: Array = np.clip(mix(color, grey, 0.4) * (1.0 if self.night else 1.04), 0, 1)
        return fog

    def neutral(self, amount: float) -> None:
        """Take `amount` of the colour out of sun, ambient and haze in place: for close views that show no sky."""
        for name in ("sun", "ambient", "haze_color"):
            color = getattr(self, name)
            setattr(self, name, mix(color, np.full(3, float(np.mean(color)), np.float32), amount))

    def haze_amount(self, depth: Array | float) -> Array:
        """Return how much haze hides what lies at `depth` (0 near ... 1 far), in [0, 1)."""
        amount: Array = 1.0 - np.exp(-self.haze_density * np.asarray(depth, np.float32))
        return amount

    def haze(self, layer: Array, depth: Array | float) -> Array:
        """Return `layer` ((3,) or (H, W, 3)) seen through haze; `depth` scalar or (H, W), 0 near ... 1 far."""
        return mix(layer, self.haze_color, self.haze_amount(depth))

    def tint(self, albedo: Array, lit: float = 0.55, depth: float = 0.0) -> Array:
        """Return one flat colour (3,), shaded and hazed: for small objects."""
        return self.haze(self.shade(np.asarray(albedo, np.float32), lit), depth)


def cast(height: Array, side: float, slope: float = 0.4) -> Array:
    """Return cast shadow (H, W) in [0, 1] of a height map (H, W) under a sun at `side` (-1 left, 1 right)."""
    h = height[:, ::-1] if side > 0 else height
    ramp = np.arange(h.shape[1], dtype=np.float32)[None] * slope
    s: Array = np.clip((np.maximum.accumulate(h + ramp, axis=1) - ramp - h) * 0.5, 0.0, 1.0)
    return s[:, ::-1] if side > 0 else s
