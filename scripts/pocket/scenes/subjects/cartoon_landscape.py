"""A cartoon panorama of spring and summer: striped rolling hills, round trees, flowers, houses, a river, a smiling sky."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator

from .. import noise, suns, weather
from ..attributes import Allowed, Attributes
from ..canvas import below, blur, discs, hue, mix, over, paste, polygon, rgb, screen, sprite
from ..sky import make_light, paint_stars, shroud

NAME = "cartoon_landscape"
ALLOWED = Allowed(weather=("clear", "cloudy", "fog"), season=("spring", "summer"), style=("cartoon",))
_SKIES = {  # zenith, horizon, light on things, disc
    "dawn": ("#88b8e8 #ffe4c0 #fff0dc #fff0a0", "#b0a0e0 #ffd0c8 #ffe8e4 #ffe8a8", "#70c8d8 #fff4c0 #fff6dc #fffac0"),
    "noon": ("#2e98ee #c8f0ff #ffffff #ffe860", "#38b8e8 #e0faf0 #ffffff #fff080", "#5088f0 #d8e4ff #ffffff #fff4a0"),
    "sunset": ("#7858b0 #ffb070 #ffd4b4 #fff0a0", "#e86878 #ffd880 #ffd8b0 #fffac0", "#3c78b0 #ffc090 #ffdcc4 #ffe890"),
    "twilight": ("#303878 #e890a8 #b0a0d0 #fff0c8", "#204c80 #f8c090 #a8b4d0 #fff4d8", "#54308c #f07890 #c09ccc #ffe8c0"),
    "night": ("#0c1448 #3858a8 #7c90cc #fff8d8", "#10103c #5848a0 #8c88cc #f0f0ff", "#062c44 #207888 #78b0bc #fffce0"),
}
_GRASS = ("#8cd048", "#6cc458", "#a8d850", "#54b868", "#c0dc58")
_LEAF = {"spring": ("#7cc850", "#f8a8c8", "#a4d858", "#fcc8dc", "#58b070"), "summer": ("#3ca050", "#5cb848", "#2c8c5c", "#84c040")}
_ROOFS = ("#e85444", "#f08838", "#4878c8", "#c84868", "#38989c")
_PETALS = ("#f84c5c", "#ffd23c", "#ffffff", "#b868e0", "#ff8cc0", "#ff9038", "#5c90f8")
_N = 128  # px of a baked tree


def draw(rng: Generator, attrs: Attributes, width: int, height: int = 512) -> np.ndarray:
    """Return one scene (H, W, 3) in [0, 1]."""
    light = make_light(rng, attrs, width, 280)
    skies = _SKIES[attrs.time]
    colors = [hue(rgb(c), float(rng.uniform(-10, 10))) for c in skies[int(attrs.tint * 7 * len(skies)) % len(skies)].split()]
    horizon = float(rng.uniform(255, 305))
    canvas = heaven(rng, attrs, colors, width, height, horizon)
    lamp = colors[2]
    if attrs.weather == "fog":
        light.haze_color = mix(colors[1], lamp, 0.3)
        shroud(canvas, light, horizon)
    trees = [tree(lamp * rgb(c), light.dx, k) for k, c in enumerate(rng.permutation(_LEAF[attrs.season])[:4])]
    ranges(rng, canvas, colors, horizon)
    greens = [rgb(str(c)) for c in rng.permutation(_GRASS)[:3]]
    river = int(rng.integers(1, 4))
    for k in range(4):
        base = horizon + 34 + 50 * k
        albedo = mix(greens[k % 3] * lamp * (1 - 0.04 * k), colors[1], 0.34 - 0.11 * k if attrs.weather != "fog" else 0.66 - 0.18 * k)
        line = hill(rng, canvas, base, 46.0, albedo, light.dx, bool(rng.random() < 0.6), height if k == 3 else int(base) + 105)
        if k == river:
            stream(rng, canvas, base + 26, colors, lamp)
        if k == 1 or (k == 2 and rng.random() < 0.5):
            houses(rng, canvas, line, attrs, lamp, 34.0 + 14 * k)
        plant(rng, canvas, trees, line, k)
    flowers(rng, canvas, attrs, lamp, horizon + 175)
    weather.lay(rng, canvas, attrs, light, horizon + 10, up=130, thick=0.75)
    return finish(canvas, attrs)


def finish(canvas: np.ndarray, attrs: Attributes) -> np.ndarray:
    """Return the image with the soft bloom of its lights and the last band limit."""
    if attrs.dark:
        screen(canvas, np.clip(blur(canvas, 9.0) - 0.55, 0, 1) * 0.5)
    return np.clip(cv2.GaussianBlur(canvas, (0, 0), 0.7), 0.0, 1.0)


def heaven(rng: Generator, attrs: Attributes, colors: list[np.ndarray], width: int, height: int, horizon: float) -> np.ndarray:
    """Return the sky (H, W, 3): gradient, rings of light about the disc, flat puffy clouds."""
    t = np.clip(np.arange(height, dtype=np.float32) / horizon, 0, 1)[:, None, None] ** 1.2
    canvas = np.repeat(mix(colors[0], colors[1], np.broadcast_to(t, (height, 1, 3))), width, axis=1)
    if attrs.time == "night":
        paint_stars(rng, canvas, horizon, 0.5, 1.0)
    x = float(rng.uniform(0.15, 0.85)) * width
    y = horizon * {"dawn": 0.72, "noon": 0.24, "sunset": 0.75, "twilight": 0.85, "night": 0.3}[attrs.time]
    r = float(rng.uniform(30, 46))
    yy, xx = np.mgrid[0:height, 0:width].astype(np.float32)
    d = cv2.magnitude(xx - x, yy - y)
    halo = np.interp(np.arange(0, 1200, dtype=np.float32), *_rings(r)).astype(np.float32)
    screen(canvas[: int(horizon) + 40], halo[np.minimum(d, 1199).astype(np.int32)][: int(horizon) + 40, :, None] * colors[3])
    if attrs.weather != "fog" and attrs.time != "twilight":
        suns.mark(x, 4.2 * r)  # its rings but for the faintest
        over(canvas, colors[3], np.clip((r - d) / 2 + 0.5, 0, 1))
    white = np.clip(colors[2] * 1.02, 0, 1) if not attrs.dark else mix(colors[1], colors[2], 0.5)
    step = 95.0 if attrs.weather == "cloudy" else 185.0
    for cx in np.arange(-40, width + 60, step):
        size = float(rng.uniform(34, 74))
        puff = cloud(rng, size, white, mix(white, colors[0], 0.32))
        paste(canvas, puff, cx + float(rng.uniform(0, step)), float(rng.uniform(0.2, 0.92)) * horizon, alpha=0.95)
    return canvas


def _rings(r: float) -> tuple[list[float], list[float]]:
    """Return distances in px and strengths of the rings of light about a disc of radius `r`."""
    at, level = [0.0], [0.5]
    for ring, below_it in ((1.5, 0.33), (2.6, 0.21), (4.2, 0.1), (6.2, 0.0)):
        at += [r * ring - 1.5, r * ring + 1.5]
        level += [level[-1], below_it]
    return at, level


def cloud(rng: Generator, size: float, white: np.ndarray, shade: np.ndarray) -> np.ndarray:
    """Return a flat-based cloud (h, w, 4) of round puffs in two tones."""
    h, w = int(size * 1.1) + 4, int(size * 2.5) + 4
    n = 5
    u = np.linspace(-0.84, 0.84, n) + rng.uniform(-0.08, 0.08, n)
    r = size * (0.15 + 0.32 * np.sqrt(1 - u * u) * rng.uniform(0.65, 1.1, n))
    xs, ys = w / 2 + u * size * 1.02, h - 2 - r * 0.8
    flat = np.clip(h - 2 - np.arange(h, dtype=np.float32)[:, None], 0, 1)
    m = discs(h, w, xs, ys, r) * flat
    top = discs(h, w, xs + 2, ys - size * 0.1, r * 0.93) * m
    return sprite(mix(shade, white, top), m)


def ranges(rng: Generator, canvas: np.ndarray, colors: list[np.ndarray], horizon: float) -> None:
    """Paint blue mountains with flat snowcaps behind the hills, in place."""
    w = canvas.shape[1]
    for k in range(2):
        form = noise.peaks(rng, w, 200.0 - 50 * k, 3, 0.35)
        line = (horizon + 30 - (110 - 45 * k) * form).astype(np.float32)
        h = int(horizon) + 60
        mask = below(h, line)
        tone = mix(mix(colors[0], rgb("#5878b0") * colors[2], 0.5), colors[1], 0.42 - 0.14 * k)
        over(canvas, tone, mask)
        if k == 0:
            saw = 10 * np.abs(((np.arange(w) / 17.0) % 2) - 1) + 12 * noise.profile(rng, w, 60.0, 2)
            cap = (horizon - 42 + saw).astype(np.float32)
            over(canvas, mix(np.clip(colors[2], 0, 1), colors[1], 0.25), mask * (1 - below(h, cap)))
        lean = noise.profile(rng, h, 40.0, 2) * 14 + np.arange(h) * 0.12
        at = np.arange(w, dtype=np.float32)[None] - lean[:, None].astype(np.float32) + 30
        slope = np.pad(np.gradient(cv2.GaussianBlur(form[None], (0, 0), 2.0)[0]), (0, 90), "edge")
        face = cv2.remap((slope[None] > 0).astype(np.float32), at, np.zeros_like(at), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        over(canvas, tone * 0.82, mask * cv2.GaussianBlur(face, (0, 0), 1.2) * 0.4)


def hill(rng: Generator, canvas: np.ndarray, base: float, rise: float, albedo: np.ndarray, side: float, stripes: bool, deep: int) -> np.ndarray:
    """Paint one rolling hill with a bright crest and bending stripes of meadow down to row `deep`, in place; return its skyline (W,)."""
    h, w = min(deep, canvas.shape[0]), canvas.shape[1]
    line = (base - rise * (0.5 + 0.62 * noise.profile(rng, w, 250.0, 2, 0.3))).astype(np.float32)
    y0 = max(int(line.min()) - 2, 0)
    v = np.arange(h - y0, dtype=np.float32)[:, None] + y0 - line[None]
    color = mix(albedo * 1.05, albedo * 0.78, np.clip(v / 110, 0, 1))
    if stripes:
        bend = v + 26 * noise.profile(rng, w, 190.0, 1)[None]
        band = np.sin(bend * 2 * np.pi / 38.0 + 0.02 * np.arange(w)[None] * side)
        color = mix(color, hue(color, -10, 1.0, 1.12), noise.smoothstep(band, -0.1, 0.1))
    color = mix(color, np.clip(hue(albedo, -12, 1.0, 1.25), 0, 1), noise.smoothstep(v, 7.5, 5.5))
    over(canvas, np.clip(color, 0, 1), below(h, line)[y0:], y0)
    return line


def stream(rng: Generator, canvas: np.ndarray, middle: float, colors: list[np.ndarray], lamp: np.ndarray) -> None:
    """Paint a winding river with pale banks and bright ripples, in place."""
    h, w = canvas.shape[:2]
    mid = middle + 15 * noise.profile(rng, w, 230.0, 2, 0.3)
    half = 12 + 5 * noise.profile(rng, w, 140.0, 1)
    y0, y1 = max(int(mid.min() - 40), 0), min(int(mid.max() + 40), h)
    d = np.abs(np.arange(y0, y1, dtype=np.float32)[:, None] - mid[None]) - half[None]
    over(canvas, rgb("#f0e0a8") * lamp, noise.smoothstep(d, 6.0, 4.5), y0)
    blue = mix(rgb("#38a0e8") * lamp, colors[0], 0.35)
    over(canvas, blue, noise.smoothstep(d, 0.8, -0.8), y0)
    n = w // 26
    for x, k in zip(rng.uniform(0, w, n), rng.uniform(-0.6, 0.6, n), strict=True):
        y = float(mid[int(x)] + k * half[int(x)])
        m = np.zeros((8, 34), np.uint8)
        cv2.ellipse(m, (17, 4), (int(rng.integers(8, 15)), 2), 0, 0, 360, 255, -1, cv2.LINE_AA)
        over(canvas, np.clip(mix(blue, np.ones(3, np.float32), 0.6) * (0.5 + 0.5 * lamp), 0, 1), m.astype(np.float32) / 255, int(y) - 4, int(x) - 17)


def tree(color: np.ndarray, side: float, kind: int) -> np.ndarray:
    """Return a tree (N, N, 4): a round, clustered or tall crown in three flat tones with a soft dark outline."""
    n = _N
    trunk = polygon(n, n, [[n * 0.46, n * 0.5], [n * 0.54, n * 0.5], [n * 0.57, n], [n * 0.43, n]])
    if kind % 3 == 0:
        xs, ys, r = np.array([n * 0.5]), np.array([n * 0.37]), np.array([n * 0.33])
    elif kind % 3 == 1:
        xs, ys, r = n * np.array([0.34, 0.66, 0.5, 0.42, 0.6]), n * np.array([0.46, 0.46, 0.27, 0.36, 0.4]), n * np.array([0.2, 0.2, 0.23, 0.2, 0.18])
    else:
        xs, ys, r = n * np.array([0.5, 0.5, 0.5]), n * np.array([0.5, 0.34, 0.19]), n * np.array([0.24, 0.2, 0.14])
    out = sprite(rgb("#7c5034") * np.clip(color.mean() * 1.7, 0.3, 1.0), trunk)
    crown = discs(n, n, xs, ys, r)
    rim = discs(n, n, xs, ys, r + 2.5)
    mid = discs(n, n, xs + side * r * 0.14, ys - r * 0.14, r * 0.86)
    top = discs(n, n, xs + side * r * 0.32, ys - r * 0.34, r * 0.45)
    tone = mix(mix(hue(color, 12, 1.0, 0.72), color, mid), np.clip(hue(color, -10, 0.95, 1.22), 0, 1), top * 0.9)
    for m, c in ((rim, hue(color, 14, 1.0, 0.42)), (crown, tone)):
        s = sprite(c, m)
        out = s + out * (1 - s[..., 3:])
    return out


def plant(rng: Generator, canvas: np.ndarray, trees: list[np.ndarray], line: np.ndarray, k: int) -> None:
    """Set trees in clumps along the hill's line (W,), larger on nearer hills, in place."""
    w = canvas.shape[1]
    thick = noise.profile(rng, w, 140.0, 2)
    for x in rng.permutation(np.arange(-10, w + 10, 20 + 13 * k)):
        at = int(np.clip(x, 0, w - 1))
        if thick[at] > (-0.15 if k < 2 else 0.2):
            s = (26 + 22 * k) * float(rng.uniform(0.8, 1.2))
            paste(canvas, trees[int(rng.integers(len(trees)))], float(x) + float(rng.uniform(-7, 7)), float(line[at]) + 4 + float(rng.uniform(0, 6 + 3 * k)), s)


def houses(rng: Generator, canvas: np.ndarray, line: np.ndarray, attrs: Attributes, lamp: np.ndarray, size: float) -> None:
    """Set little houses with coloured roofs on the hill's line (W,), in place."""
    w = canvas.shape[1]
    for x in np.arange(float(rng.uniform(20, 180)), w, float(rng.uniform(150, 260))):
        y = float(line[int(np.clip(x, 0, w - 1))]) + 15
        roof = rgb(_ROOFS[int(rng.integers(len(_ROOFS)))])
        paste(canvas, house(rng, roof, lamp, attrs.dark), float(x), y, size * float(rng.uniform(0.9, 1.2)))


def house(rng: Generator, roof: np.ndarray, lamp: np.ndarray, lit: bool) -> np.ndarray:
    """Return a house (96, 112, 4) with a gable, a chimney, a door and windows that glow after dark."""
    h, w = 96, 112
    wall = rgb(str(rng.choice(["#fff4dc", "#ffe0b8", "#ffffff", "#f8d8d0", "#d8ecf4"])))
    glass = rgb("#ffe07c") if lit else rgb("#78c0e8") * lamp
    parts = (
        ([[76, 12], [88, 12], [88, 40], [76, 40]], roof * 0.6 * lamp),
        ([[12, 46], [100, 46], [100, 95], [12, 95]], wall * lamp),
        ([[60, 46], [100, 46], [100, 95], [60, 95]], wall * lamp * 0.86),
        ([[0, 52], [22, 16], [92, 16], [112, 52]], roof * lamp),
        ([[0, 52], [36, 4], [70, 52]], np.clip(roof * 1.12, 0, 1) * lamp),
        ([[10, 54], [36, 18], [60, 54]], wall * lamp),
        ([[27, 64], [45, 64], [45, 95], [27, 95]], roof * 0.7 * lamp),
        ([[68, 62], [92, 62], [92, 82], [68, 82]], glass),
    )
    out = np.zeros((h, w, 4), np.float32)
    for pts, color in parts:
        s = sprite(np.clip(color, 0, 1), polygon(h, w, pts))
        out = s + out * (1 - s[..., 3:])
    return out


def flowers(rng: Generator, canvas: np.ndarray, attrs: Attributes, lamp: np.ndarray, top: float) -> None:
    """Strew five-petalled flowers over the front meadow, small behind and large in front, in place."""
    h, w = canvas.shape[:2]
    heads = [flower(rgb(str(c)) * (0.35 + 0.65 * lamp), lamp) for c in rng.permutation(_PETALS)[:3]]
    count = w // (13 if attrs.season == "spring" else 18)
    for t in np.sort(rng.random(count)):
        paste(canvas, heads[int(rng.integers(3))], float(rng.uniform(0, w)), top + (h + 14 - top) * float(t), 9 + 26 * float(t) * float(rng.uniform(0.8, 1.15)))


def flower(color: np.ndarray, lamp: np.ndarray) -> np.ndarray:
    """Return a flower (64, 56, 4): five petals, a golden heart, a stalk with two leaves."""
    h, w, a = 64, 56, np.arange(5) * 2 * np.pi / 5 - np.pi / 2
    green = rgb("#388c40") * lamp
    stalk = polygon(h, w, [[26, 30], [30, 30], [30, 64], [26, 64]], [[28, 60], [12, 46], [20, 60]], [[28, 60], [44, 46], [36, 60]])
    rim = discs(h, w, 28 + 12 * np.cos(a), 24 + 12 * np.sin(a), np.full(5, 11.0))
    petals = discs(h, w, 28 + 12 * np.cos(a), 24 + 12 * np.sin(a), np.full(5, 9.0))
    heart = discs(h, w, np.array([28.0]), np.array([24.0]), np.array([6.5]))
    out = sprite(green, stalk)
    for m, c in ((rim, color * 0.72), (petals, color), (heart, rgb("#ffc030") * (0.4 + 0.6 * lamp))):
        s = sprite(np.clip(c, 0, 1), m)
        out = s + out * (1 - s[..., 3:])
    return out
