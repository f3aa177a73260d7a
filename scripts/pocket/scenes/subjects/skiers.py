"""Big snowy peaks with lit and shadowed faces; in front a slope with skiers in bright clothing and their tracks."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from .. import noise, plants, style, terrain, water, weather
from ..attributes import Allowed, Attributes
from ..canvas import below, hue, mix, over, paste, polygon, rgb, taper
from ..forms import Limb, chain, patch, solid
from ..light import Light
from ..sky import paint_sky

NAME = "skiers"
ALLOWED = Allowed(weather=("clear", "cloudy", "snow"), season=("winter", "spring"))
_JACKETS = ("#e2382e", "#f28a1c", "#f4c81e", "#2fa84a", "#1f7fe0", "#d83a9a", "#19b4c4", "#7c3fd0")
_PANTS = ("#22242e", "#2c3f74", "#e8e4dc", "#b42a34", "#3a3a3a")
_ROCKS = ("#6c6a70", "#6e6460", "#5c6470", "#7c6a5c")


def draw(rng: Generator, attrs: Attributes, width: int, height: int = 512) -> np.ndarray:
    """Return one scene (H, W, 3) in [0, 1]."""
    horizon = float(rng.uniform(275, 310))
    canvas, light = paint_sky(rng, attrs, width, height, horizon)
    light.haze_density *= 0.75
    rock = hue(rgb(_ROCKS[int(rng.integers(len(_ROCKS)))]), float(rng.uniform(-10, 10)))
    t = terrain.make(rng, width, height, light, horizon, float(rng.uniform(175, 245)), float(rng.uniform(2.2, 3.6)), float(rng.uniform(3.6, 5.0)), bottom=430)
    t.paint(canvas, terrain.rock_and_snow(rng, t, light, rock, float(rng.uniform(0.84, 1.05))))
    mask = t.mask * 0.7
    white = 0.8 if attrs.season == "winter" or attrs.weather == "snow" else 0.35
    valley(rng, canvas, light, horizon, white)
    line = slope_line(rng, width, horizon)
    snow(rng, canvas, light, line)
    people = place(rng, width, height, line)
    tracks(canvas, light, line, people)
    snowy = canvas.copy() if attrs.style == "silhouette" else canvas
    firs(rng, canvas, light, line, 0.0 if attrs.style == "silhouette" else white)
    slope = canvas.copy() if attrs.style == "silhouette" else canvas
    ski(rng, canvas, light, people, attrs.style != "silhouette")
    if attrs.style == "silhouette":
        mask = np.where(below(height, line) > 0.5, 0.12, mask)
        mask = np.maximum(mask, 0.9 * style.changed(snowy, slope))
        mask = np.maximum(mask, style.changed(slope, canvas))
    weather.lay(rng, canvas, attrs, light, horizon, flakes=0.7)
    return style.finish(canvas, attrs, light, mask.astype(np.float32))


def slope_line(rng: Generator, width: int, horizon: float) -> np.ndarray:
    """Return the brow (W,) of the near slope: long falling shoulders."""
    return (horizon + 62 + 34 * noise.profile(rng, width, 380.0, 2, 0.3)).astype(np.float32)


def valley(rng: Generator, canvas: np.ndarray, light: Light, horizon: float, white: float) -> None:
    """Set a belt of woods in the haze between the peaks and the slope."""
    width = canvas.shape[1]
    line = horizon + 46 + 16 * noise.profile(rng, width, 200.0, 2)
    water.fog_bank(rng, canvas, light, horizon + 20, 40, 0.5)
    kinds = [plants.conifer(rng, light, 80, white, depth=0.35) for _ in range(3)]
    plants.forest(rng, canvas, kinds, line + 20, width // 15, (22, 44))
    water.fog_bank(rng, canvas, light, horizon + 48, 28, 0.45)


def snow(rng: Generator, canvas: np.ndarray, light: Light, line: np.ndarray) -> None:
    """Paint the near slope below the line (W,): soft swells, bright where they face the sun, blue in the hollows."""
    height, width = canvas.shape[:2]
    y0 = int(line.min()) - 2
    n = height - y0
    v = np.arange(n, dtype=np.float32)[:, None] + y0 - line[None]
    swell = noise.fbm(rng, n, width, 120.0, 3, 0.45, stretch=2.2)
    fine = noise.plane(rng, n, width, -30.0, 70.0, 2.5)
    lit = np.clip(0.2 + 0.85 * light.relief(swell * 150 + fine * 7, 0.9) + 0.5 * (swell - 0.5) + 0.25 * np.exp(-v / 14), 0.05, 1)
    albedo = mix(rgb("#cfe0f8"), rgb("#fdfdfb"), lit)
    over(canvas, light.haze(light.shade(albedo, lit), 0.22 * np.exp(-v / 60)), below(height, line)[y0:], y0)


def place(rng: Generator, width: int, height: int, line: np.ndarray) -> list[tuple[float, float, float, bool]]:
    """Return skiers as (x, y, size, flip), far ones first, several to each 512 px."""
    out = []
    for t, size, gap in ((0.16, 42, 150), (0.45, 76, 235), (0.86, 132, 330)):
        x = float(rng.uniform(20, gap * 0.8))
        while x < width:
            brow = float(line[int(min(x, width - 1))])
            y = brow + (height - 8 - brow) * (t + float(rng.uniform(-0.06, 0.06)))
            out.append((x, y, size * float(rng.uniform(0.85, 1.1)), bool(rng.random() < 0.5)))
            x += gap * float(rng.uniform(0.75, 1.3))
    return sorted(out, key=lambda p: p[1])


def tracks(canvas: np.ndarray, light: Light, line: np.ndarray, people: list[tuple[float, float, float, bool]]) -> None:
    """Carve each skier's winding track, from the brow down to the skis, into the snow."""
    height, width = canvas.shape[:2]
    grooves, rims = [], []
    for x, y, size, flip in people:
        back = 1.0 if flip else -1.0
        top = float(line[int(np.clip(x + back * 60, 0, width - 1))]) + 3
        t = np.linspace(0, 1, 40)
        wave = np.sin(t * np.pi * (1.5 + (y - top) / 75.0)) * (0.1 + 0.9 * (1 - t)) * (5 + size * 0.2) * np.clip(t * 5, 0, 1)
        path = np.stack([x + back * (size * 0.1 + wave), y - 2 - (y - top) * t**0.75], 1)
        wide = size * 0.085 + 2.0
        grooves.append(taper(path, wide, 2.6))
        rims.append(taper(path - np.array([light.dx * wide * 0.7, 0.0]), wide * 0.7, 2.0))
    m, hi = polygon(height, width, *grooves), polygon(height, width, *rims)
    over(canvas, light.shade(np.array([1.0, 1.0, 1.0], np.float32), 1.0), hi * 0.8)
    over(canvas, light.shade(rgb("#a4c2ee"), 0.05), m * 0.85)


def firs(rng: Generator, canvas: np.ndarray, light: Light, line: np.ndarray, white: float) -> None:
    """Stand groups of firs on the brow and along the slope's sides."""
    width = canvas.shape[1]
    kinds = [plants.conifer(rng, light, 170, white, depth=0.05) for _ in range(3)]
    thick = noise.profile(rng, width, 150.0, 2)
    for x in rng.permutation(np.arange(-10, width + 10, 21)):
        if thick[int(np.clip(x, 0, width - 1))] > 0.05:
            s = float(rng.uniform(46, 105))
            y = float(line[int(np.clip(x, 0, width - 1))]) + float(rng.uniform(4, 22))
            paste(canvas, kinds[int(rng.integers(3))], float(x), y, s)


def ski(rng: Generator, canvas: np.ndarray, light: Light, people: list[tuple[float, float, float, bool]], soft: bool) -> None:
    """Paste the skiers, with `soft` also their shadows and a spray of powder behind the skis."""
    order = rng.permutation(len(_JACKETS))
    for k, (x, y, size, flip) in enumerate(people):
        jacket = hue(rgb(_JACKETS[int(order[k % len(order)])]), float(rng.uniform(-8, 8)))
        pants = rgb(_PANTS[int(rng.integers(len(_PANTS)))])
        helmet = rgb(_JACKETS[int(rng.integers(len(_JACKETS)))])
        image = skier(rng, light, int(size * 1.15), jacket, pants, helmet, flip)
        w = int(size * 1.5)
        h = int(size * 0.34) + 6
        yy, xx = np.mgrid[0:h, 0:w].astype(np.float32)
        side = -1.0 if light.dx > 0 else 1.0
        d = ((xx - w / 2 - side * size * 0.22) / (size * 0.5)) ** 2 + ((yy - h / 2) / (h * 0.33)) ** 2
        shade = np.clip(1.25 - d, 0, 1) * 0.5 * min(light.strength, 1.0)
        if soft:
            over(canvas, light.shade(rgb("#8fb0e0"), 0.0), shade.astype(np.float32), int(y - h * 0.62), int(x - w / 2))
        paste(canvas, image, x, y, size * 1.15)
        back = 1.0 if flip else -1.0
        if soft:
            water.mist(rng, canvas, light, x + back * size * 0.42, y - size * 0.1, size * 0.6, size * 0.26, 0.95)


def skier(rng: Generator, light: Light, height: int, jacket: np.ndarray, pants: np.ndarray, helmet: np.ndarray, flip: bool) -> np.ndarray:
    """Return a skier (h, w, 4) crouching downhill to the right, or to the left with `flip`."""
    h, w = height, int(height * 1.3)
    u = height * 0.9
    steep = 0.2 + float(rng.uniform(-0.06, 0.1))
    bend = float(rng.uniform(-0.04, 0.05))

    def limb(*pts: tuple[float, float, float]) -> list[Limb]:
        out = []
        for px, py, r in pts:
            sx = w / 2 + (px if not flip else -px) * u
            out.append((sx, h - (py - px * steep + 0.12) * u, max(r * u, 1.3)))
        return chain(out)

    hip, knee, foot = (-0.1, 0.38 + bend), (0.1, 0.27), (0.0, 0.07)
    neck = (0.12, 0.66 + bend)
    back_leg = limb((hip[0] + 0.04, hip[1], 0.07), (knee[0] + 0.1, knee[1] + 0.02, 0.058), (foot[0] + 0.12, foot[1], 0.045))
    leg = limb((*hip, 0.09), (*knee, 0.068), (*foot, 0.05))
    skis = limb((-0.42, 0.02, 0.02), (0.4, 0.02, 0.02), (0.5, 0.06, 0.016))
    far_ski = limb((-0.3, 0.03, 0.02), (0.5, 0.03, 0.018), (0.6, 0.07, 0.014))
    torso = limb((hip[0] + 0.01, hip[1] + 0.05, 0.105), (neck[0] - 0.03, neck[1] - 0.06, 0.115))
    arm = limb((neck[0] - 0.01, neck[1] - 0.05, 0.06), (0.12, 0.46 + bend, 0.05), (0.3, 0.45 + bend, 0.042))
    far_arm = limb((neck[0] + 0.03, neck[1] - 0.05, 0.055), (0.26, 0.54 + bend, 0.045), (0.38, 0.52 + bend, 0.04))
    head = limb((0.2, 0.77 + bend, 0.088), (0.21, 0.78 + bend, 0.088))
    face = limb((0.25, 0.735 + bend, 0.05), (0.255, 0.73 + bend, 0.05))
    visor = limb((0.24, 0.795 + bend, 0.036), (0.285, 0.785 + bend, 0.03))
    pole = limb((0.32, 0.46 + bend, 0.014), (-0.36, 0.26, 0.014))
    dark = rgb("#2a2c34")
    layers = [
        (dark * 1.3, far_ski), (pants * 0.65, back_leg), (jacket * 0.7, far_arm), (dark, skis), (pants, leg),
        (dark, limb((0.0, 0.06, 0.055), (0.05, 0.045, 0.05))), (helmet, head), (rgb("#d8a080"), face), (dark * 0.8, visor),
        (jacket, torso), (dark * 1.4, pole), (hue(jacket, 6, 1, 0.9), arm), (dark, limb((0.3, 0.45 + bend, 0.048), (0.31, 0.45 + bend, 0.048))),
    ]  # fmt: skip
    mask, bulge = np.zeros((h, w), np.float32), np.zeros((h, w), np.float32)
    coat = np.zeros((h, w, 3), np.float32)
    for color, limbs in layers:
        patch(mask, bulge, coat, color, limbs)
    return solid(light, mask, bulge, coat, 0.0, 1.2, 0.05)
