"""A forest in mist: trunks or conifers in layers that fade into the fog, shafts of light between them."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator

from .. import land, noise, plants, style, water
from ..attributes import Attributes
from ..canvas import below, blur, hue, mix, over, paste, polygon, rgb, screen, taper
from ..light import Light
from ..sky import paint_sky

NAME = "misty_forest"
_BARKS = ("#5a4a3e", "#6a5a50", "#4c4440", "#74563e", "#8a8078")


def draw(rng: Generator, attrs: Attributes, width: int, height: int = 512) -> np.ndarray:
    """Return one scene (H, W, 3) in [0, 1]."""
    canvas, light = paint_sky(rng, attrs, width, height, 330, clouds=False, stars=False, disc=False)
    white = attrs.season == "winter" or attrs.weather == "snow"
    air(rng, canvas, light)
    base = canvas.copy()
    mask = np.zeros((height, width), np.float32) if attrs.style == "silhouette" else None
    if rng.random() < 0.6:
        interior(rng, canvas, base, attrs, light, white and mask is None, mask)
    else:
        slopes(rng, canvas, base, attrs, light, white and mask is None, mask)
    return style.finish(canvas, attrs, light, mask)


def air(rng: Generator, canvas: np.ndarray, light: Light) -> None:
    """Fill the canvas with luminous fog, brightest in a band at eye level and where the light breaks in."""
    height, width = canvas.shape[:2]
    yy = np.arange(height, dtype=np.float32)[:, None]
    pale = np.clip(mix(light.horizon, light.glow, 0.35) * (0.8 if light.night else 1.0), 0, 1)
    drift = blur(noise.fbm(rng, height, width, 170.0, 3, stretch=2.2), 4.0)
    glow = np.exp(-(((np.arange(width)[None] - light.sun_x) / 300.0) ** 2)) * 0.4 + 0.45
    fog = np.exp(-(((yy - 250) / 170) ** 2)) * (0.6 + 0.9 * (drift - 0.5)) * glow * 1.25
    over(canvas, pale, np.clip(fog, 0, 1).astype(np.float32))
    low = noise.smoothstep(yy, 300, 512) * np.ones((1, width), np.float32)
    over(canvas, mix(light.ambient, light.haze_color, 0.6), low * 0.6)


def veil(color: np.ndarray, base: np.ndarray, depth: float) -> np.ndarray:
    """Return a layer's colour ((3,) or (H, W, 3)) seen through the fog `base` (H, W, 3); `depth` 0 near ... 1 lost."""
    veiled: np.ndarray = base + (color - base) * (1.0 - depth)
    return veiled


def shafts(rng: Generator, canvas: np.ndarray, light: Light, strength: float) -> None:
    """Screen slanting shafts of light over the whole canvas in place: one sun, nearly parallel, fading downwards."""
    height, width = canvas.shape[:2]
    h, w = height // 4, width // 4
    yy, xx = np.mgrid[0:h, 0:w].astype(np.float32) * 4
    far_x, far_y = width / 2 + light.dx * 900.0, -760.0
    s = (xx - far_x) / (yy - far_y) * 760.0
    s = s - float(s.min())
    rays = noise.profile(rng, int(s.max()) + 8, 64.0, 3, 0.6)
    m = cv2.remap(rays[None].astype(np.float32), s, np.zeros_like(s), cv2.INTER_LINEAR)
    m = noise.smoothstep(m, 0.0, 0.75) * np.clip(1.15 - yy / 440, 0, 1) * np.clip(0.45 + yy / 160, 0, 1)
    m = cv2.resize(cv2.GaussianBlur(m, (0, 0), 1.5), (width, height), interpolation=cv2.INTER_LINEAR)
    screen(canvas, (m * strength)[..., None] * np.clip(mix(light.glow, light.sun, 0.3), 0, 1))


def interior(rng: Generator, canvas: np.ndarray, base: np.ndarray, attrs: Attributes, light: Light, white: bool, mask: np.ndarray | None) -> None:
    """Paint the inside of a wood: five layers of trunks with leaves above and undergrowth below."""
    width = canvas.shape[1]
    bark = hue(rgb(_BARKS[int(rng.integers(len(_BARKS)))]), float(rng.uniform(-8, 8)))
    leaf = rgb("#b4c0c8") if white else hue(plants.leaf_color(rng, attrs), 0, 0.9, 0.8)
    moss = rgb("#dfe7ee") if white else hue(plants.grass_color(attrs), float(rng.uniform(0, 20)), 0.8, 0.7)
    firs = rng.random() < 0.45
    spread = float(rng.uniform(0.85, 1.2))
    ray = float(rng.uniform(0.55, 0.85)) * {"clear": 1.0, "cloudy": 0.6, "fog": 0.55, "snow": 0.5}[attrs.weather] * (0.6 if attrs.dark else 1)
    for k, (fog, ground, thick, gap) in enumerate(((0.86, 318, 9, 30), (0.72, 334, 14, 44), (0.52, 358, 22, 66), (0.28, 396, 36, 120), (0.06, 462, 62, 260))):
        before = canvas.copy() if mask is not None else None
        line = (ground + (6 + 6 * k) * noise.profile(rng, width, 120.0 + 40 * k, 3)).astype(np.float32)
        trunks(rng, canvas, base, light, bark, line, thick, gap * spread, fog)
        if firs and k in (1, 2, 3):
            saplings(rng, canvas, base, light, line, (60 + 50 * k), width // (40 + 30 * k), fog, white)
        elif not firs and k > 0:
            canopy(rng, canvas, base, light, leaf, 70 + 26 * k, 20.0 + 9 * k, fog)
        floor(rng, canvas, base, light, line, moss, fog, k)
        if mask is not None and before is not None:
            np.maximum(mask, style.changed(before, canvas) * (0, 0.25, 0.5, 0.8, 1.0)[k], out=mask)
        if k < 4:
            water.fog_bank(rng, canvas, light, ground + 4, 26 + 10 * k, 0.5 - 0.09 * k)
        if k in (2, 3):
            shafts(rng, canvas, light, ray * (1.0 if k == 2 else 0.5))
    growth(rng, canvas, attrs, light, white)


def trunks(
    rng: Generator, canvas: np.ndarray, base: np.ndarray, light: Light, bark: np.ndarray, line: np.ndarray, thick: float, gap: float, fog: float
) -> None:
    """Paint one layer of trunks standing on the line (W,), `thick` px wide, `gap` px apart, behind `fog`."""
    height, width = canvas.shape[:2]
    x = float(rng.uniform(-gap / 2, gap / 2))
    while x < width + thick:
        w = thick * float(np.exp(rng.normal(0, 0.22)))
        foot = float(line[int(np.clip(x, 0, width - 1))]) + w * 0.3
        box = int(w * 2.4) + 8
        h = int(min(foot + w * 0.5, height))
        lean = float(rng.normal(0, 0.035)) * h
        t = np.linspace(0, 1, 9)
        path = np.stack([box / 2 + lean * t * 0.3 + w * 0.1 * np.sin(3 * t + x), foot * (1 - t) - 4 * t], 1)
        flare = np.stack([[box / 2 - w * 0.95, foot + 2], [box / 2, foot - w * 1.6], [box / 2 + w * 0.95, foot + 2]])
        m = polygon(h, box, taper(path, w * 1.1, w * 0.62), flare)
        if w > 11:
            m = limb(rng, m, box, h, w)
        u = (np.arange(box, dtype=np.float32) - box / 2)[None] / w
        lit = np.clip(0.4 + 0.75 * u * light.dx, 0.05, 1)
        if thick > 20:
            rough = noise.fbm(rng, h, box, w * 1.1, 3, 0.6, stretch=0.16) - 0.5
            lit = np.clip(lit + 1.1 * rough, 0.02, 1)
        left = int(x - box / 2)
        x0, x1 = max(left, 0), min(left + box, width)
        if x0 < x1:
            color = np.broadcast_to(light.shade(bark, lit * 0.8), (h, box, 3))[:, x0 - left : x1 - left]
            over(canvas, veil(color, base[:h, x0:x1], fog), m[:, x0 - left : x1 - left], 0, x0)
        x += gap * float(rng.uniform(0.55, 1.5)) + w


def limb(rng: Generator, m: np.ndarray, box: int, h: int, w: float) -> np.ndarray:
    """Return the trunk's mask (h, box) with a few short snags."""
    snags = []
    for _ in range(int(rng.integers(1, 4))):
        y, side = h * float(rng.uniform(0.15, 0.6)), float(rng.choice([-1, 1]))
        snags.append(taper(np.array([[box / 2, y], [box / 2 + side * w * 0.7, y - w * 0.3], [box / 2 + side * w * 1.1, y - w * 0.75]]), w * 0.3, 3.0))
    mask: np.ndarray = np.maximum(m, polygon(h, box, *snags))
    return mask


def canopy(rng: Generator, canvas: np.ndarray, base: np.ndarray, light: Light, leaf: np.ndarray, reach: float, cell: float, fog: float) -> None:
    """Hang foliage from the upper border, about `reach` px down, in clumps of `cell` px."""
    width, h = canvas.shape[1], int(reach * 1.8)
    t = np.arange(h, dtype=np.float32)[:, None] / reach
    mass = noise.fbm(rng, h, width, cell * 2.6, 5, 0.66, stretch=1.4)
    leaves = noise.fbm(rng, h, width, max(cell * 0.55, 8.0), 3, 0.7)
    m = noise.smoothstep(mass + 0.62 - 0.85 * t + 0.5 * (leaves - 0.5), 0.5, 0.6)
    lit = np.clip(0.2 + 0.35 * t + 1.3 * (leaves - 0.5) + 0.7 * (0.6 - mass), 0.02, 1)
    color = light.shade(mix(hue(leaf, -8, 1, 0.65), hue(leaf, 8, 1, 1.15), lit), lit)
    over(canvas, veil(color, base[:h], fog), cv2.GaussianBlur(m, (0, 0), 0.8))


def saplings(rng: Generator, canvas: np.ndarray, base: np.ndarray, light: Light, line: np.ndarray, size: float, count: int, fog: float, white: bool) -> None:
    """Stand firs between the trunks of one layer."""
    width = canvas.shape[1]
    veil_color = base[330, :: max(width // 8, 1)].mean(axis=0)
    kinds = []
    for _ in range(2):
        fir = plants.conifer(rng, light, int(min(size * 1.3, 240)), 0.8 if white else 0.0)
        kinds.append(sprite_fog(fir, veil_color, fog))
    plants.forest(rng, canvas, kinds, line + 2, max(count, 2), (size * 0.7, size * 1.6))


def sprite_fog(image: np.ndarray, color: np.ndarray, fog: float) -> np.ndarray:
    """Return a premultiplied sprite seen through fog of `color` (3,)."""
    out = image.copy()
    out[..., :3] += (color * image[..., 3:] - image[..., :3]) * fog
    return out


def floor(rng: Generator, canvas: np.ndarray, base: np.ndarray, light: Light, line: np.ndarray, moss: np.ndarray, fog: float, k: int) -> None:
    """Paint the ground of one layer below the line (W,)."""
    height = canvas.shape[0]
    if k >= 3:
        land.ground(rng, canvas, light, line + 4 * k, moss * (0.95 - 0.1 * k), horizon=300.0, kind="sand", depth=0.5)
        return
    y0 = int(line.min()) - 2
    tone = light.shade(moss, 0.4)
    over(canvas, veil(tone, base[y0:], fog), below(height, line, 6.0)[y0:], y0)


def growth(rng: Generator, canvas: np.ndarray, attrs: Attributes, light: Light, white: bool) -> None:
    """Set ferns and bushes into the foreground."""
    height, width = canvas.shape[:2]
    colors = [rgb("#d4dee8")] * 2 if white else [hue(plants.leaf_color(rng, attrs), 0, 0.9, 0.7), hue(plants.grass_color(attrs), 10, 0.9, 0.65)]
    kinds = [plants.bush(rng, light, 70, c, 0.05) for c in colors]
    heap = noise.profile(rng, width, 130.0, 2)
    for x in np.arange(-10, width + 30, 46):
        level = float(heap[int(np.clip(x, 0, width - 1))])
        if level > -0.1:
            paste(canvas, kinds[int(rng.integers(2))], float(x), height + 10, 26 + 50 * level)


def slopes(rng: Generator, canvas: np.ndarray, base: np.ndarray, attrs: Attributes, light: Light, white: bool, mask: np.ndarray | None) -> None:
    """Paint wooded slopes of firs, one behind another, with fog between them."""
    height, width = canvas.shape[:2]
    tone = hue(rgb("#2f5640"), float(rng.uniform(-25, 20)), float(rng.uniform(0.8, 1.1)))
    warm = hue(plants.leaf_color(rng, attrs), 0, 0.85, 0.75) if attrs.season == "autumn" else tone
    firs = [plants.conifer(rng, light, 230, 0.8 if white else 0.0, warm if k == 2 else tone) for k in range(4)]
    pale = base[240, :: max(width // 8, 1)].mean(axis=0)
    ray = float(rng.uniform(0.22, 0.45)) * (0.3 if attrs.dark else 1.0)
    for k, (fog, y, size, gap) in enumerate(((0.85, 170, 34, 9), (0.7, 226, 54, 14), (0.5, 290, 84, 24), (0.26, 372, 130, 46), (0.0, 506, 250, 120))):
        before = canvas.copy() if mask is not None else None
        line = (y + (34 - 2 * k) * noise.profile(rng, width, 210.0, 2)).astype(np.float32)
        kinds = [sprite_fog(f, pale, fog) for f in firs]
        small = [cv2.resize(s, None, fx=size * 1.35 / 230, fy=size * 1.35 / 230, interpolation=cv2.INTER_AREA) for s in kinds] if k < 4 else kinds
        plants.forest(rng, canvas, small, line, width // gap, (size * 0.65, size * 1.3), 0.1)
        dark = light.shade(rgb("#cdd8e0") if white else tone * 0.8, 0.35)
        y0 = int(line.min()) - 2
        over(canvas, veil(dark, base[y0:], fog), below(height, line, 5.0)[y0:], y0)
        if mask is not None and before is not None:
            np.maximum(mask, style.changed(before, canvas) * (0, 0.3, 0.5, 0.8, 1.0)[k], out=mask)
        if k < 4:
            water.fog_bank(rng, canvas, light, y + 44, 46 + 6 * k, 0.85 - 0.1 * k)
        if k == 3:
            shafts(rng, canvas, light, ray)
