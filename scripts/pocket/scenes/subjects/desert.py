"""A desert: sweeping dunes in perspective with crisp crests and wind ripples, a caravan or an oasis with date palms."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.random import Generator

from .. import noise, plants, style, terrain, water, weather
from ..attributes import Allowed, Attributes
from ..canvas import blur, hue, mix, over, paste, rgb
from ..forms import Limb, body, chain, solid, stack
from ..light import Light, cast
from ..sky import paint_sky

NAME = "desert"
ALLOWED = Allowed(weather=("clear", "cloudy", "fog"), season=("spring", "summer", "autumn"))
_SANDS = ("#d8a050", "#e8dcc8", "#c8603c", "#e8b4a0", "#b8a0c0", "#e8c888", "#b87844", "#d88c5c", "#dcc49c", "#c89480")
_CLOTHS = ("#b83a34", "#2f6ca8", "#e0b040", "#7c3c84", "#2c8478", "#e8e0d0", "#c8602c")
_F, _SIDE = 512.0, 240  # focal length in px; columns beyond the frame that may cast shadows into it


@dataclass
class Wind:
    """What shaped all dunes of one scene: the way across the crests, their distance, the waves of the crests."""

    angle: float
    length: float
    bend: np.ndarray
    size: np.ndarray


def draw(rng: Generator, attrs: Attributes, width: int, height: int = 512) -> np.ndarray:
    """Return one scene (H, W, 3) in [0, 1]."""
    horizon = float(rng.uniform(225, 275))
    canvas, light = paint_sky(rng, attrs, width, height, horizon + 10)
    sand = hue(
        rgb(_SANDS[int(attrs.tint * 89) % len(_SANDS)]), float(rng.uniform(-7, 7)), float(rng.uniform(0.85, 1.25)), 0.84 if attrs.time == "noon" else 1.0
    )
    light.haze_density *= 0.6 if attrs.weather == "fog" else 0.9
    light.haze_color = mix(light.haze_color, light.tint(sand, 0.7), 0.55 if attrs.weather == "fog" else 0.25)
    wind = Wind(float(rng.uniform(-0.5, 0.5)), float(rng.uniform(2.0, 2.9)), waves(rng, 3.0), waves(rng, 3.0))
    mask = np.zeros((height, width), np.float32) if attrs.style == "silhouette" else None
    split = float(rng.uniform(3.0, 4.2))
    far, _ = dunes(rng, light, replace(wind, length=wind.length * 1.8), attrs, width, height, horizon, (split, 14.0))
    paint(rng, canvas, light, far, sand, mask, 0.62)
    water.fog_bank(rng, canvas, light, horizon - 4, 36, 0.4)
    oasis = rng.random() < 0.32
    near, pools = dunes(rng, light, wind, attrs, width, height, horizon, (0.42, split), oasis)
    paint(rng, canvas, light, near, sand, mask, 0.95)
    before = canvas if mask is None else canvas.copy()
    wet = spring(rng, canvas, light, attrs, near, pools) if oasis else 0.0
    if rng.random() < (0.35 if oasis else 0.85):
        caravan(rng, canvas, light, near)
    if mask is not None:
        mask = np.maximum(mask, np.clip(np.abs(canvas - before).sum(axis=2) * 8, 0, 1)) * (1 - 0.75 * wet)
    weather.lay(rng, canvas, attrs, light, horizon - 10, mask, down=60, thick=0.75)
    return style.finish(canvas, attrs, light, mask)


def waves(rng: Generator, shortest: float) -> np.ndarray:
    """Return wave numbers and phases (6, 3) of smooth plane waves at least `shortest` world units long."""
    a, k = rng.uniform(0, 2 * np.pi, 6), 2 * np.pi / (shortest * rng.uniform(1.0, 3.0, 6))
    return np.stack([k * np.cos(a), k * np.sin(a), rng.uniform(0, 2 * np.pi, 6)], 1).astype(np.float32)


def relief(wind: Wind, x: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Return the height of the sand at the world's points (x, z): two families of dunes, each with a crest and a slip face."""
    bend, size = (0.13 * sum(np.sin(x * p + z * q + r) for p, q, r in some) for some in (wind.bend, wind.size))
    out = np.zeros_like(x)
    for turn, length, gain in ((0.0, 1.0, 1.0), (1.15, 1.4, 0.45)):
        a = wind.angle + turn
        p = (x * np.cos(a) + z * np.sin(a)) / (wind.length * length) + 1.5 * bend * (1 - turn)
        s = p - np.floor(p)
        face = np.where(s < 0.62, (s / 0.62) ** 1.5, ((1 - s) / 0.38) ** 1.35)
        out = np.maximum(out, face * gain * (0.8 + 0.75 * size))
    return out * (0.2 + 0.75 * noise.smoothstep(z, 0.6, 4.5) + 0.4 * noise.smoothstep(z, 5.0, 12.0))


def dunes(
    rng: Generator, light: Light, wind: Wind, attrs: Attributes, width: int, height: int, horizon: float, reach: tuple[float, float], oasis: bool = False
) -> tuple[terrain.Terrain, np.ndarray]:
    """Build the dunes between two distances; return them and where (D, W) hollows are kept level for pools."""
    zs = np.geomspace(*reach, 340).astype(np.float32)[:, None]
    cols = np.arange(-_SIDE, width + _SIDE, dtype=np.float32)[None] - width / 2
    x = cols * zs / _F
    h = relief(wind, x, zs)
    pool = np.zeros_like(h)
    eye = 0.62
    if oasis:
        zc = 1.6
        for c in np.arange(float(rng.uniform(90, 330)), width, float(rng.uniform(380, 450))):
            wide = 1 + 0.25 * noise.profile(rng, len(zs), 60.0, 2)[:, None]
            d = np.hypot((x - (c - width / 2) * zc / _F) / wide, (zs - zc) * 0.9)
            h = h * noise.smoothstep(d, 0.3, 0.95)
            pool = np.maximum(pool, noise.smoothstep(d, 0.37, 0.35))
    rise = float((_F * (h - eye) / zs).max())
    h = h * min(1.0, (horizon * 0.55 + 60) / max(rise, 1.0))
    gs, gc = np.diff(h, axis=0, prepend=h[:1]), np.gradient(h, axis=1)  # looking from the front: what the eye sees of a crest
    hx = gc * _F / zs
    hz = (gs - hx * cols * np.gradient(zs, axis=0) / _F) / np.gradient(zs, axis=0)
    steep = np.hypot(hx, hz)
    ripple = ripples(rng, x, zs, h, steep) if reach[0] < 1 else 0.0
    low = {"dawn": 0.34, "noon": 0.75, "sunset": 0.32, "twilight": 0.4, "night": 0.5}[attrs.time]
    lambert = np.clip((low - hx * light.dx * 0.9 + hz * 0.2) / np.sqrt(1 + hx * hx + hz * hz) / (low + 0.3), 0, 1)
    dark = cv2.GaussianBlur(cast(h * _F / zs, light.dx, low), (7, 1), 1.2)
    lit = np.clip(lambert * (1 - 0.85 * dark) + ripple, 0, 1)[:, _SIDE:-_SIDE]
    smooth = cv2.GaussianBlur(h, (1, 9), 0.1, sigmaY=1.4)  # no stairs along crests that run across the view
    ys = (horizon + _F * (eye - smooth) / zs)[:, _SIDE:-_SIDE]
    top = int(np.clip(ys.min() - 2, 0, height - 2))
    rows, skyline = terrain.project(ys - top, height - top)
    skyline = skyline + top
    mask = np.clip(np.arange(height, dtype=np.float32)[:, None] + 1.0 - skyline[None], 0, 1)
    grain = np.ones((height, width), np.float32)
    t = terrain.Terrain(zs, h[:, _SIDE:-_SIDE], lit, steep[:, _SIDE:-_SIDE], rows, top, blur(mask, 0.7), skyline, grain)
    return t, pool[:, _SIDE:-_SIDE]


def ripples(rng: Generator, x: np.ndarray, z: np.ndarray, h: np.ndarray, slope: np.ndarray) -> np.ndarray:
    """Return how much (D, W) wind ripples lighten or darken the sand: strong near the eye, gone far away and on slip faces."""
    d, w = x.shape
    warp = noise.fbm(rng, d, w, 60.0, 3, stretch=1.5)
    wave = np.sin((x * 0.35 + z + 0.9 * h) * 2 * np.pi / 0.05 + 22 * warp)
    where = 0.4 + 0.6 * noise.smoothstep(noise.fbm(rng, d, w, 90.0, 3), 0.35, 0.6)
    change: np.ndarray = 0.16 * wave * where * noise.smoothstep(z, 2.2, 0.8) * noise.smoothstep(slope, 1.2, 0.5)
    return change


def paint(rng: Generator, canvas: np.ndarray, light: Light, t: terrain.Terrain, sand: np.ndarray, mask: np.ndarray | None, dark: float) -> None:
    """Paint dunes on the canvas and add them to the silhouettes' mask, in place."""
    d, w = t.lit.shape
    n = noise.fbm(rng, d, w, 70.0, 4, stretch=2.0)
    deep, pale = hue(sand, -7, 1.15, 0.86), mix(sand, np.ones(3), 0.12)
    color = light.shade(mix(deep, pale, noise.smoothstep(n + 0.35 * t.lit, 0.3, 1.0)), t.lit * 1.08) * (0.7 + 0.32 * t.lit[..., None])
    depth = np.clip((t.z - 1.0) / 12, 0, 1) ** 0.8
    t.paint(canvas, light.haze(color, np.broadcast_to(depth * 1.1, t.lit.shape)))
    if mask is None:
        return
    shade = np.zeros_like(canvas)
    t.paint(shade, np.repeat((dark * (1 - 0.3 * t.lit))[..., None], 3, axis=2))
    np.copyto(mask, np.where(t.mask > 0.5, shade[..., 0], mask))


def spring(rng: Generator, canvas: np.ndarray, light: Light, attrs: Attributes, t: terrain.Terrain, pool: np.ndarray) -> np.ndarray:
    """Fill the hollows with water that mirrors the scene, between scrub and date palms; return the water's mask (H, W)."""
    height, width = canvas.shape[:2]
    seen = np.zeros_like(canvas)
    t.paint(seen, np.repeat(pool[..., None], 3, axis=2))
    wet = blur(seen[..., 0], 1.0)
    rows = np.flatnonzero(wet.max(axis=1) > 0.5)
    if len(rows) < 6:
        return wet
    top, low = int(rows[0]), int(rows[-1])
    green = hue(rgb({"spring": "#6a9a3c", "summer": "#54803a", "autumn": "#8a8c40"}[attrs.season]), float(rng.uniform(-10, 10)))
    rim = np.clip(blur(wet, 9.0) * 2.2, 0, 1) * (1 - wet)
    over(canvas, light.tint(hue(green, 0, 0.8, 0.7), 0.5), rim * noise.smoothstep(noise.fbm(rng, height, width, 16.0, 3), 0.3, 0.6) * 0.8)
    palms = [plants.palm(rng, light, 220, hue(green, float(rng.uniform(-10, 8))), 0.03) for _ in range(3)]
    bushes = [plants.bush(rng, light, 50, hue(green, float(rng.uniform(-12, 12)), 0.9), 0.03) for _ in range(2)]
    spans = np.flatnonzero(np.diff(np.concatenate([[0], (wet[top:low].max(axis=0) > 0.5).astype(int), [0]])))
    for a, b in zip(spans[::2], spans[1::2], strict=True):
        for x in np.linspace(a - 15, b + 15, max(int((b - a) / 40), 4)) + rng.normal(0, 9, max(int((b - a) / 40), 4)):
            column = wet[:, int(np.clip(x, a, b - 1))]
            y = float(np.argmax(column > 0.5)) if column.max() > 0.5 else (top + low) / 2
            paste(canvas, bushes[int(rng.integers(2))], float(x), y + 6, float(rng.uniform(22, 40)))
            if rng.random() < 0.75:
                paste(canvas, palms[int(rng.integers(3))], float(x), y + 4, float(rng.uniform(110, 210)))
    water.reflect(rng, canvas, top, light, rgb("#1c5a60"), float(rng.uniform(0.1, 0.3)), wet[top:])
    return wet


def caravan(rng: Generator, canvas: np.ndarray, light: Light, t: terrain.Terrain) -> None:
    """Let camels walk along the smoothest stretches of the near dunes' skyline (W,)."""
    width = canvas.shape[1]
    line = blur(t.skyline[None].astype(np.float32), 3.0, 0.8)[0]
    bend = np.abs(np.gradient(line))
    coat = hue(rgb(str(rng.choice(["#b88850", "#9a6c3c", "#d8b888", "#7c5434"]))), float(rng.uniform(-6, 6)))
    flip, size = bool(rng.random() < 0.5), float(rng.uniform(44, 62))
    kinds = [camel(rng, light, 110, coat, flip) for _ in range(3)]
    guide = walker(light, 80, rgb(str(rng.choice(_CLOTHS))), flip)
    span = 480 if width > 700 else width
    for left in range(0, width - span // 2, span):
        count, gap = int(rng.integers(3, 6)), size * float(rng.uniform(1.2, 1.45))
        starts = np.arange(left + 20, max(min(left + span, width) - int(gap * count), left + 21), 10)
        rough = [float(bend[a : a + int(gap * count)].max()) for a in starts]
        start = int(starts[int(np.argmin(rough))])
        if min(rough) > 1.4:
            continue
        for k in range(count + 1):
            lead = k == (0 if flip else count)
            x = start + gap * (k + 0.5) + float(rng.normal(0, 2)) + (0 if not lead else gap * (0.25 if flip else -0.25))
            if x > width - 10:
                continue
            y = float(line[int(np.clip(x, 0, width - 1))]) + 4
            paste(canvas, guide if lead else kinds[int(rng.integers(3))], x, y, size * (0.72 if lead else float(rng.uniform(0.95, 1.08))))


def camel(rng: Generator, light: Light, height: int, coat: np.ndarray, flip: bool) -> np.ndarray:
    """Return a dromedary (h, w, 4) walking to the right, `flip` to the left, with a saddle cloth and bags."""
    h, w = height, int(height * 1.25)
    k = height / 100.0
    step = float(rng.uniform(4, 9))

    def limbs(*points: tuple[float, float, float]) -> list[Limb]:
        return chain([((w - x * k if flip else x * k), y * k, r * k) for x, y, r in points])

    def leg(x: float, y: float, r: float, s: float) -> list[Limb]:
        return limbs((x, y, r), (x + s * 0.4, 72, 3.6), (x + s, 94, 2.6)) + limbs((x + s, 96, 2.8), (x + s + 3, 97, 2.6))

    trunk = limbs((30, 48, 14), (52, 47, 16), (72, 47, 14)) + limbs((42, 38, 12), (50, 25, 8), (52, 22, 6))
    neck = limbs((76, 46, 10), (90, 44, 7), (98, 30, 5.5), (101, 16, 5.5)) + limbs((100, 14, 6), (114, 18, 4.2))
    front, back = leg(74, 54, 7, step), leg(28, 52, 8, -step)
    far = leg(70, 54, 6, -step) + leg(32, 52, 7, step)
    tail = limbs((17, 44, 2.4), (13, 62, 2.0))
    cloth = limbs((38, 36, 8), (46, 27, 7), (58, 27, 7), (66, 37, 8)) + limbs((40, 50, 10), (64, 50, 10))
    mask, bulge = body(h, w, trunk + neck + front + back + tail, 1.2 * k)
    over_mask, over_bulge = body(h, w, cloth, 1.0)
    hind = solid(light, *body(h, w, far), coat * 0.6, 0.05, 1.5, -0.15)
    whole = solid(light, mask, bulge, coat, 0.05, 2.0)
    pack = solid(light, over_mask, over_bulge + bulge, rgb(str(rng.choice(_CLOTHS))), 0.05, 2.0)
    return cv2.GaussianBlur(stack(hind, whole, pack), (0, 0), 0.6)


def walker(light: Light, height: int, robe: np.ndarray, flip: bool) -> np.ndarray:
    """Return a robed guide (h, w, 4) with a turban and a staff."""
    w, k = int(height * 0.6), height / 80.0
    side = -1 if flip else 1
    c = w / 2
    gown = chain([(c, 24 * k, 8 * k), (c - side * k, 46 * k, 9 * k), (c - side * 2 * k, 72 * k, 12 * k)])
    staff = chain([(c + side * 15 * k, 20 * k, 1.6 * k), (c + side * 17 * k, 78 * k, 1.6 * k)]) + chain(
        [(c, 32 * k, 4 * k), (c + side * 15 * k, 38 * k, 3 * k)]
    )
    head = chain([(c, 11 * k, 7 * k), (c - side * 3 * k, 14 * k, 7 * k)])
    parts = [solid(light, *body(height, w, p), a, 0.05) for p, a in ((staff, robe * 0.7), (gown, robe), (head, rgb("#f0e8d8")))]
    return stack(*parts)
