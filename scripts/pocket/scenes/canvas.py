"""Canvas helpers. A canvas is a float32 array (H, W, 3) in [0, 1], sRGB; masks are float32 (H, W) in [0, 1]."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

Array = np.ndarray
Points = Sequence[Sequence[float]] | Array  # (N, 2) x, y
_SHIFT = 4


def rgb(code: str) -> Array:
    """Return the colour '#rrggbb' as float32 (3,) in [0, 1]."""
    code = code.lstrip("#")
    return np.array([int(code[i : i + 2], 16) for i in (0, 2, 4)], np.float32) / 255.0


def mix(a: Array, b: Array, t: float | Array) -> Array:
    """Return a + (b - a) t; `t` (H, W) is broadcast over the colour channels."""
    t = np.asarray(t, np.float32)
    if t.ndim >= 2 and t.ndim == max(np.ndim(a), np.ndim(b), 3) - 1:
        t = t[..., None]
    mixed: Array = (np.asarray(a) + (np.asarray(b) - np.asarray(a)) * t).astype(np.float32)
    return mixed


def hue(color: Array, degrees: float = 0.0, saturation: float = 1.0, gain: float = 1.0) -> Array:
    """Rotate the hue of a colour (3,) or image (..., 3) and scale its saturation and brightness."""
    c, s = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    k, q = (1 - c) / 3, s / np.sqrt(3)
    m: Array = np.array([[c + k, k - q, k + q], [k + q, c + k, k - q], [k - q, k + q, c + k]], np.float32)
    grey = np.tile(np.array([0.3, 0.59, 0.11], np.float32), (3, 1))
    m = gain * ((1 - saturation) * grey + saturation * np.eye(3, dtype=np.float32)) @ m
    color = np.asarray(color, np.float32)
    out = cv2.transform(color, m) if color.ndim == 3 else color @ m.T
    return np.clip(out, 0.0, 1.0).astype(np.float32, copy=False)


def over(canvas: Array, color: Array, mask: Array | float, top: int = 0, left: int = 0) -> None:
    """Blend `color` ((3,) or (h, w, 3)) into the canvas in place where `mask` (h, w) says; clipped at the borders."""
    if not isinstance(mask, np.ndarray) or mask.ndim == 0:
        canvas += (color - canvas) * mask
        return
    h, w = mask.shape
    y0, x0 = max(top, 0), max(left, 0)
    y1, x1 = min(top + h, canvas.shape[0]), min(left + w, canvas.shape[1])
    if y0 >= y1 or x0 >= x1:
        return
    cut = (slice(y0 - top, y1 - top), slice(x0 - left, x1 - left))
    part = canvas[y0:y1, x0:x1]
    part += ((color[cut] if np.ndim(color) == 3 else color) - part) * mask[cut][..., None]


def paste(canvas: Array, sprite: Array, x: float, y: float, size: float | None = None, alpha: float = 1.0) -> None:
    """Paste a premultiplied RGBA sprite (h, w, 4), its bottom centre at (x, y), in place.

    `size` is the wanted height in px (resampled with an area kernel when smaller).
    """
    if size is not None:
        k = max(size, 3.0) / sprite.shape[0]
        new = (max(2, round(sprite.shape[1] * k)), max(3, round(size)))
        sprite = cv2.resize(sprite, new, interpolation=cv2.INTER_AREA if k < 1 else cv2.INTER_LINEAR)
    h, w = sprite.shape[:2]
    top, left = round(y) - h, round(x - w / 2)
    y0, x0 = max(top, 0), max(left, 0)
    y1, x1 = min(top + h, canvas.shape[0]), min(left + w, canvas.shape[1])
    if y0 >= y1 or x0 >= x1:
        return
    s = sprite[y0 - top : y1 - top, x0 - left : x1 - left]
    s = s * alpha if alpha != 1.0 else s
    part = canvas[y0:y1, x0:x1]
    part *= 1.0 - s[..., 3:]
    part += s[..., :3]


def sprite(color: Array, mask: Array) -> Array:
    """Return the premultiplied RGBA sprite (h, w, 4) of `color` ((3,) or (h, w, 3)) under `mask` (h, w)."""
    out = np.empty((*mask.shape, 4), np.float32)
    out[..., :3] = color * mask[..., None]
    out[..., 3] = mask
    return out


def below(height: int, profile: Array, soft: float = 1.0) -> Array:
    """Return the mask (H, W) of what lies under the profile (W,) of y values, with a `soft` px edge."""
    yy = np.arange(height, dtype=np.float32)[:, None]
    mask: Array = np.clip((yy - profile[None].astype(np.float32)) / soft + 0.5, 0.0, 1.0)
    return mask


def polygon(height: int, width: int, *polygons: Points) -> Array:
    """Return the antialiased mask (H, W) of filled polygons given as (N, 2) x, y points."""
    m = np.zeros((height, width), np.uint8)
    for p in polygons:
        pts = np.round(np.asarray(p, np.float64) * (1 << _SHIFT)).astype(np.int32)
        cv2.fillPoly(m, [pts], 255, cv2.LINE_AA, _SHIFT)
    return m.astype(np.float32) / 255.0


def lines(height: int, width: int, paths: Sequence[Array], thickness: int = 3) -> Array:
    """Return the antialiased mask (H, W) of open polylines of (N, 2) x, y points."""
    m = np.zeros((height, width), np.uint8)
    pts = [np.round(np.asarray(p, np.float64) * (1 << _SHIFT)).astype(np.int32) for p in paths]
    cv2.polylines(m, pts, False, 255, thickness, cv2.LINE_AA, _SHIFT)
    return m.astype(np.float32) / 255.0


def taper(path: Array, w0: float, w1: float) -> Array:
    """Return the outline (2N, 2) of a limb along the (N, 2) path, `w0` wide at its start and `w1` at its end."""
    path = np.asarray(path, np.float32)
    d = np.gradient(path, axis=0)
    n = np.stack([-d[:, 1], d[:, 0]], 1) / (np.linalg.norm(d, axis=1, keepdims=True) + 1e-6)
    half = np.linspace(w0, w1, len(path), dtype=np.float32)[:, None] / 2
    return np.concatenate([path + n * half, (path - n * half)[::-1]])


def discs(height: int, width: int, xs: Array, ys: Array, radii: Array) -> Array:
    """Return the antialiased mask (H, W) of filled discs."""
    m = np.zeros((height, width), np.uint8)
    k = 1 << _SHIFT
    for x, y, r in zip(xs, ys, radii, strict=True):
        cv2.circle(m, (round(x * k), round(y * k)), round(r * k), 255, -1, cv2.LINE_AA, _SHIFT)
    return m.astype(np.float32) / 255.0


def blur(image: Array, sigma: float, sigma_y: float | None = None) -> Array:
    """Gaussian blur (H, W[, C]); large sigmas are taken at lower resolution, so it is always fast."""
    sy = sigma if sigma_y is None else sigma_y
    k = int(max(1, min(sigma, sy) // 2.5))
    if k == 1:
        return cv2.GaussianBlur(image, (0, 0), sigma, sigmaY=sy)
    h, w = image.shape[:2]
    small = cv2.resize(image, (max(2, w // k), max(2, h // k)), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), sigma / k, sigmaY=sy / k)
    return cv2.resize(small, (w, h), interpolation=cv2.INTER_LINEAR)


def screen(canvas: Array, glow: Array) -> None:
    """Add light (H, W, 3) to the canvas in place without clipping: 1 - (1 - a)(1 - b)."""
    canvas += glow * np.clip(1.0 - canvas, 0.0, 1.0)


def glow(canvas: Array, mask: Array, color: Array, sigma: float, strength: float = 1.0) -> None:
    """Let `mask` (H, W) shine: its blurred light of `color` (3,) is screened over the canvas in place."""
    screen(canvas, np.clip(blur(mask, sigma) * strength, 0, 1)[..., None] * color)


def shadow(canvas: Array, mask: Array, dx: float, dy: float, sigma: float, strength: float = 0.5) -> None:
    """Darken the canvas in place by the shadow of `mask` (H, W) thrown (dx, dy) px away and blurred."""
    m = np.array([[1, 0, dx], [0, 1, dy]], np.float32)
    moved = cv2.warpAffine(blur(mask, sigma), m, (mask.shape[1], mask.shape[0]))
    canvas *= 1.0 - strength * moved[..., None]
