"""Boats in side view: sailing boats, fishing boats and rowing boats, moored over their reflections."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator

from .boxes import CREAM, SNOW, WARM, Box, Place, pick, rect
from .canvas import mix, over, rgb

HULLS = ("#c43a30", "#2c5ca0", "#2c8c74", "#f0ece0", "#e0a030", "#1c3c5c", "#48a0c0", "#8c2c34", "#347044")
_COVERS = ("#2c4c90", "#b83c34", "#e8dcc0", "#2c7c6c", "#e8e8ec", "#c08038")


def moor(canvas: np.ndarray, place: Place, box: Box, rip: np.ndarray, x: float, y: float, depth: float) -> None:
    """Set a boat on the water over its broken reflection."""
    n, left = min(box.h, canvas.shape[0] - int(y)), int(x - box.w / 2)
    wave = rip[int(y) : int(y) + n, np.clip(np.arange(left, left + box.w), 0, canvas.shape[1] - 1)]
    yy, xx = np.mgrid[0:n, 0 : box.w].astype(np.float32)
    image = cv2.remap(box.rgba[::-1], xx + wave * (1.5 + yy * 0.06), yy * 1.15 + wave * (1 + yy * 0.12), cv2.INTER_LINEAR)
    image = cv2.GaussianBlur(image, (0, 0), 1.0, sigmaY=2.2)
    alpha = image[..., 3] * (0.72 - 0.4 * yy / box.h)
    over(canvas, place.light.haze(image[..., :3] / np.maximum(image[..., 3:], 1e-3) * 0.72, depth), alpha, int(y) - 1, left)
    over(place.mask[..., None], np.ones(1, np.float32), alpha * 0.8, int(y) - 1, left)
    place.put(canvas, box, x, y, depth)


def hull(rng: Generator, place: Place, length: float, side: float, tall: float, stern: float, bow: float) -> Box:
    """Return the box of a boat, `tall` hull lengths high, that holds its hull: the sheer, a rub strake, a red foot."""
    box = Box(place, tall * length + 2, length * 1.2, length * 0.1, length, side)
    t = np.linspace(0, 1, 14)
    sheer = np.stack([t, stern + (bow - stern) * t**2 - 0.045 * np.sin(np.pi * t)], 1)
    up = (box.h - np.arange(box.h, dtype=np.float32)[:, None]) / (bow * length)
    lit = np.clip(0.42 + 0.35 * box.across() + 0.3 * up + 0.2 * box.texture(rng), 0.05, 1).astype(np.float32)
    color = pick(rng, HULLS)
    box.part(color, [*sheer, (0.965, bow * 0.4), (0.9, 0), (0.06, 0)], lit=lit)
    box.part(CREAM if color.mean() < 0.7 else rgb("#2c4c6c"), [*sheer, *(sheer[::-1] - (0, 0.035))], lit=np.clip(lit + 0.15, 0, 1))
    box.part(rgb("#8c3028") if color[0] < 0.7 else rgb("#283848"), [(0.045, 0.035), (0.915, 0.035), (0.9, 0), (0.06, 0)], lit=lit)
    return box


def sloop(rng: Generator, place: Place, length: float, side: float) -> Box:
    """Return a sailing boat: a tall mast with stays, a furled or a hoisted sail, a low cabin."""
    tall, on = float(rng.uniform(1.25, 1.55)), place.lit > 0.25
    box = hull(rng, place, length, side, tall + 0.1, 0.13, 0.2)
    box.part(SNOW if place.white else CREAM, [(0.24, 0.12), (0.26, 0.2), (0.57, 0.2), (0.72, 0.14)], lit=0.75)
    for k in range(3):
        box.pane(0.34 + 0.088 * k, 0.135, 0.03, 0.045, on)
    cover, thick = pick(rng, _COVERS), max(0.017, 1.5 / length)
    box.part(rgb("#787878"), [(0.55, tall), (0.01, 0.13), (0.03, 0.13)], lit=0.5)
    if rng.random() < 0.3:
        belly, sail = np.clip(0.7 + 0.7 * box.across() + np.zeros((box.h, 1)), 0, 1), cover if rng.random() < 0.5 else CREAM
        box.part(sail, [(0.55, tall * 0.96), (0.55, 0.27), (0.05, 0.27), (0.29, tall * 0.55)], lit=belly)
        box.part(sail, [(0.58, tall * 0.86), (0.58, 0.24), (0.97, 0.22)], lit=np.clip(belly + 0.15, 0, 1))
    else:
        box.part(cover, [(0.55, 0.32), (0.35, 0.325), (0.05, 0.295), (0.05, 0.25), (0.55, 0.245)], lit=0.5)
        box.part(cover, [(0.55, 0.32), (0.05, 0.295), (0.05, 0.282), (0.55, 0.3)], lit=1.0)
    box.part(CREAM, [(0.54, tall), (0.56, tall), (0.83, 0.5), (1.0, 0.2), (0.8, 0.5)], lit=0.7)
    wood = rgb("#d8d0c0") if rng.random() < 0.6 else rgb("#8c5c34")
    box.part(wood, rect(0.55 - thick, 0.2, 0.55 + thick, tall), rect(0.47, tall * 0.62, 0.63, tall * 0.62 + thick))
    box.part(pick(rng, ("#d83a3a", "#f0c030", "#3a6cd0")), [(0.55, tall), (0.41, tall + 0.05), (0.55, tall + 0.1)], lit=0.8)
    return box


def trawler(rng: Generator, place: Place, length: float, side: float) -> Box:
    """Return a fishing boat: a high bow, a wheelhouse, a mast with its derrick, heaps of nets, fenders."""
    box, on, thick = hull(rng, place, length, side, 1.0, 0.19, 0.33), place.lit > 0.25, max(0.018, 1.8 / length)
    cabin, spar = mix(pick(rng, HULLS), CREAM, 0.85 * (rng.random() < 0.7)), rgb("#c8a050")
    box.part(rgb("#70685c"), [(0.6, 0.93), (0.97, 0.31), (0.99, 0.33), (0.6, 0.96)], lit=0.5)
    box.part(pick(rng, ("#d87830", "#3c8c78", "#38609c")), [(0.63, 0.16), (0.66, 0.26), (0.72, 0.31), (0.86, 0.22)])
    box.part(cabin, [(0.14, 0.15), (0.44, 0.15), (0.46, 0.47), (0.14, 0.47)], lit=0.75)
    box.part(cabin * 0.7, rect(0.14, 0.15, 0.2, 0.47), lit=0.5)
    for k in range(2):
        box.pane(0.275 + 0.115 * k, 0.33, 0.047, 0.09, on)
    box.part(SNOW if place.white else pick(rng, HULLS), rect(0.11, 0.47, 0.5, 0.51))
    box.part(rgb("#c83c30"), rect(0.17, 0.51, 0.25, 0.6))
    box.part(spar, rect(0.6 - thick, 0.15, 0.6 + thick, 0.96), [(0.6, 0.36), (0.6, 0.4), (0.03, 0.74), (0.03, 0.715)])
    if on:
        box.part(WARM, rect(0.57, 0.72, 0.63, 0.78), shine=1.0)
    u = np.linspace(0, 2 * np.pi, 13)
    for x, y in ((0.23, 0.1), (0.46, 0.12), (0.69, 0.18)):
        box.part(rgb("#f08030"), np.stack([x + 0.034 * np.cos(u), y + 0.034 * np.sin(u)], 1), lit=0.6)
    return box


def dinghy(rng: Generator, place: Place, length: float, side: float) -> Box:
    """Return an open rowing boat with its oar laid in."""
    box = hull(rng, place, length, side, 0.36, 0.19, 0.25)
    box.part(rgb("#5c4430"), [(0.05, 0.19), (0.95, 0.235), (0.5, 0.155)], lit=0.35)
    box.part(rgb("#c89858"), [(0.16, 0.2), (0.7, 0.3), (0.71, 0.33), (0.15, 0.23)], lit=0.8)
    return box
