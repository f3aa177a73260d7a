"""Rounded bodies built of tapered limbs: animals, people, fish."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import cv2
import numpy as np

from . import noise
from .canvas import blur, sprite
from .light import Light

Array = np.ndarray
Limb = tuple[float, float, float, float, float, float]


def body(height: int, width: int, limbs: Iterable[Limb], fillet: float = 0.0) -> tuple[Array, Array]:
    """Return the mask (H, W) in [0, 1] and the rounded height map (H, W) in px of a union of tapered limbs.

    A limb is (x0, y0, r0, x1, y1, r1) in px; `fillet` px rounds the joints.
    """
    inside = np.full((height, width), -9.0, np.float32)
    bulge = np.zeros((height, width), np.float32)
    for x0, y0, r0, x1, y1, r1 in limbs:
        m = max(r0, r1) + 3
        left, right = int(max(min(x0, x1) - m, 0)), int(min(max(x0, x1) + m + 1, width))
        top, low = int(max(min(y0, y1) - m, 0)), int(min(max(y0, y1) + m + 1, height))
        if left >= right or top >= low:
            continue
        dx, dy = x1 - x0, y1 - y0
        px = np.arange(left, right, dtype=np.float32)[None] - x0
        py = np.arange(top, low, dtype=np.float32)[:, None] - y0
        t = np.clip((px * dx + py * dy) / max(dx * dx + dy * dy, 1e-4), 0, 1)
        r = r0 + (r1 - r0) * t
        d2 = (px - t * dx) ** 2 + (py - t * dy) ** 2
        box = (slice(top, low), slice(left, right))
        np.maximum(inside[box], r - np.sqrt(d2), out=inside[box])
        np.maximum(bulge[box], np.sqrt(np.clip(r * r - d2, 0, None)), out=bulge[box])
    mask = np.clip(inside + 0.5, 0, 1)
    if fillet > 0:
        soft = cv2.GaussianBlur(mask, (0, 0), fillet)
        mask = np.maximum(mask, noise.smoothstep(soft, 0.42, 0.58))
    return mask, bulge


def chain(points: Iterable[tuple[float, float, float]]) -> list[Limb]:
    """Return the limbs that join successive (x, y, r) points."""
    p = list(points)
    return [(*a, *b) for a, b in itertools.pairwise(p)]


def solid(light: Light, mask: Array, bulge: Array, albedo: Array, depth: float = 0.0, soft: float = 2.0, bias: float = 0.0) -> Array:
    """Return the sprite (h, w, 4) of a body shaded as a round thing; `bias` is added to how lit it is."""
    lit = light.relief(blur(bulge, soft), 0.8)
    lit = np.clip(0.1 + 0.95 * lit + bias, 0.03, 1)
    return sprite(light.haze(light.shade(np.broadcast_to(albedo, (*mask.shape, 3)), lit), depth), mask)


def patch(mask: Array, bulge: Array, coat: Array, color: Array, limbs: list[Limb]) -> None:
    """Lay a part of another colour on a body's mask, bulge (h, w) and coat (h, w, 3), in place."""
    h, w = mask.shape
    ends = np.array([[x, y, r] for x0, y0, r0, x1, y1, r1 in limbs for x, y, r in ((x0, y0, r0), (x1, y1, r1))])
    x0, y0 = np.maximum((ends[:, :2] - ends[:, 2:] - 3).min(axis=0).astype(int), 0).tolist()
    x1, y1 = np.minimum((ends[:, :2] + ends[:, 2:] + 4).max(axis=0).astype(int), (w, h)).tolist()
    if x0 >= x1 or y0 >= y1:
        return
    m, b = body(y1 - y0, x1 - x0, [(p - x0, q - y0, r, s - x0, t - y0, u) for p, q, r, s, t, u in limbs])
    box = (slice(y0, y1), slice(x0, x1))
    coat[box] += (color - coat[box]) * m[..., None]
    np.maximum(mask[box], m, out=mask[box])
    bulge[box] = np.where(m > 0.3, b + 0.6 * bulge[box], bulge[box])


def stack(*sprites: Array) -> Array:
    """Composite premultiplied sprites of one size, the first at the back."""
    out = sprites[0].copy()
    for s in sprites[1:]:
        out *= 1 - s[..., 3:]
        out += s
    return out
