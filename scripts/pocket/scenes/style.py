"""Finishing of a scene in its style, and the final band limit."""

from __future__ import annotations

import cv2
import numpy as np

from .attributes import Attributes
from .canvas import blur, hue, mix, screen
from .light import Light

Array = np.ndarray


def finish(canvas: Array, attrs: Attributes, light: Light, foreground: Array | None = None) -> Array:
    """Return the finished image (H, W, 3) in [0, 1].

    `foreground` (H, W) is the mask of everything that turns dark in the silhouette style: always pass it if the
    subject allows silhouettes.
    """
    image = np.clip(canvas, 0.0, 1.0).astype(np.float32)
    if attrs.style == "cartoon":
        image = cartoon(image)
    elif attrs.style == "anime":
        image = anime(image, light)
    elif attrs.style == "silhouette":
        image = silhouette(image, light, foreground)
    else:
        image = photo(image, light)
    return np.clip(cv2.GaussianBlur(image, (0, 0), 0.6), 0.0, 1.0)


def photo(image: Array, light: Light) -> Array:
    """Bloom and a gentle tone curve; night scenes are lifted so that forms stay readable."""
    bright = np.clip(cv2.resize(image, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA) - 0.55, 0, 1)
    soft = cv2.resize(cv2.GaussianBlur(bright, (0, 0), 5.0), image.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    screen(image, soft * 0.45)
    x = np.linspace(0, 1, 1024, dtype=np.float32) ** (0.88 if light.night else 0.96)
    curve = x + (x * x * (3 - 2 * x) - x) * 0.35
    image = curve.take((np.clip(image, 0, 1) * 1023 + 0.5).astype(np.int16))
    return hue(image, 0, 1.08, 1.02)


def levels(x: Array, steps: int, soft: float = 0.3) -> Array:
    """Posterise [0, 1] to `steps` tones with soft borders."""
    y = x * steps
    k = np.floor(y)
    f = np.clip((y - k - 0.5) / soft + 0.5, 0, 1)
    tones: Array = (k + f) / steps
    return tones


def cartoon(image: Array) -> Array:
    """Flat posterised tones, clean saturated colours and soft dark outlines."""
    h, w = image.shape[:2]
    image = image ** (0.72 if float(image.mean()) < 0.3 else 0.9)
    half = cv2.resize(image, (w // 2, h // 2), interpolation=cv2.INTER_AREA)
    flat: Array = (half * 255).astype(np.uint8)
    for _ in range(2):
        flat = cv2.bilateralFilter(flat, 7, 38, 3.5)
    flat = cv2.medianBlur(flat, 3).astype(np.float32) / 255.0
    grey = flat @ np.array([0.3, 0.59, 0.11], np.float32)
    tone = levels(np.clip(grey * 1.08, 0, 1), 7)
    flat = hue(flat * ((tone + 0.05) / (grey + 0.05))[..., None], 0, 1.4, 1.05)
    soft = cv2.GaussianBlur(grey, (0, 0), 1.1)
    slope = np.hypot(cv2.Sobel(soft, cv2.CV_32F, 1, 0), cv2.Sobel(soft, cv2.CV_32F, 0, 1))
    edge = cv2.GaussianBlur(np.clip((slope - 0.45) * 2.0, 0, 0.7), (0, 0), 0.6)
    flat = mix(flat, flat * np.array([0.2, 0.17, 0.26], np.float32), edge)
    return cv2.resize(flat, (w, h), interpolation=cv2.INTER_CUBIC)


def anime(image: Array, light: Light) -> Array:
    """Pastel, saturated gradients: smoothed texture, shadows lifted to the sky's colour, glowing lights."""
    h, w = image.shape[:2]
    half = cv2.resize(image, (w // 2, h // 2), interpolation=cv2.INTER_AREA)
    flat = cv2.medianBlur((half * 255).astype(np.uint8), 5).astype(np.float32) / 255.0
    image = mix(cv2.resize(flat, (w, h), interpolation=cv2.INTER_CUBIC), image, 0.3)
    grey = image @ np.array([0.3, 0.59, 0.11], np.float32)
    lift = mix(light.zenith, light.ambient, 0.5) * (0.24 if light.night else 0.34)
    image = image + lift * np.square(1 - grey)[..., None] * (1 - image)
    image = hue(image, 0, 1.38, 1.04)
    screen(image, np.clip(blur(image, 9.0) - 0.5, 0, 1) * 0.35)
    return image


def changed(before: Array, after: Array) -> Array:
    """Return the soft mask (H, W) of what was painted between two copies of a canvas: for silhouettes."""
    mask: Array = np.clip(np.abs(after - before).sum(axis=2) * 20 - 0.1, 0, 1)
    return mask


def silhouette(image: Array, light: Light, foreground: Array | None) -> Array:
    """Dark foreground against a luminous sky; without a mask the darker parts go dark."""
    grey = image @ np.array([0.3, 0.59, 0.11], np.float32)
    if foreground is None:
        foreground = np.clip((float(np.quantile(grey, 0.5)) - grey) * 4 + 0.5, 0, 1)
    lum = hue(image, 0, 1.25, 1.0) ** (0.75 if light.night else 0.9)
    dark = mix(light.ambient, light.zenith, 0.5) * 0.12 + image * 0.1
    return mix(np.clip(lum, 0, 1), dark, foreground)
