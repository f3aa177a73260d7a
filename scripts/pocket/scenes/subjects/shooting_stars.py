"""Dreamy silhouettes before a luminous night sky crossed by shooting stars, with a large moon."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.random import Generator

from .. import noise, sky, suns, water
from ..attributes import Allowed, Attributes
from ..canvas import Points, below, blur, discs, hue, lines, mix, over, polygon, rgb, screen, taper
from ..sky import make_light

NAME = "shooting_stars"
ALLOWED = Allowed(time=("night", "twilight"), weather=("clear",), style=("silhouette",))
_SKIES = {
    "night": (
        "#060a2a #1c2a78 #5a7ad8 #c8dcff",
        "#0a0624 #3a1a78 #a050c8 #ffb8e8",
        "#02141f #0a4a62 #30a0a0 #b8ffe0",
        "#0a0a20 #28285c #6a5c9c #f0c8d8",
        "#040a1c #12365c #3a84c0 #d8f4ff",
        "#100820 #44205c #b04880 #ffc890",
    ),
    "twilight": (
        "#141a50 #6a3a90 #f07898 #ffd890",
        "#0e2a58 #3a78b0 #f8b890 #fff0b8",
        "#24104c #8a3a88 #ff7868 #ffc860",
        "#10304a #2c8890 #b8d890 #fff8c0",
        "#1c1a58 #5a60c8 #d0a8f0 #ffe0f0",
        "#2a0e38 #a0305c #ff8040 #ffe070",
    ),
}


def draw(rng: Generator, attrs: Attributes, width: int, height: int = 512) -> np.ndarray:
    """Return one scene (H, W, 3) in [0, 1]."""
    light = make_light(rng, attrs, width, 400)
    horizon = float(rng.uniform(360, 410))
    names = _SKIES[attrs.time]
    colors = [hue(rgb(c), float(rng.uniform(-12, 12))) for c in names[int(attrs.tint * 7 * len(names)) % len(names)].split()]
    canvas = heaven(rng, colors, width, height, horizon)
    ranges(rng, canvas, colors, horizon)
    if rng.random() < 0.4:
        water.reflect(rng, canvas, horizon + 30, light, colors[0] * 0.6, 0.25)
    line = horizon + 66 + 26 * noise.profile(rng, width, 240.0, 3, 0.4)
    front = np.maximum(below(height, line), foreground(rng, width, height, line))
    dark = colors[0] * 0.16 + colors[1] * 0.06 + colors[2] * 0.02
    over(canvas, dark, front)
    return np.clip(cv2.GaussianBlur(canvas, (0, 0), 0.7), 0, 1)


def heaven(rng: Generator, colors: list[np.ndarray], width: int, height: int, horizon: float) -> np.ndarray:
    """Return the sky (H, W, 3): gradient, milky way, thin clouds, stars, moon, shooting stars."""
    t = np.clip(np.arange(height) / horizon, 0, 1)
    column = np.stack([np.interp(t, (0, 0.42, 0.8, 1.0), [c[k] for c in colors]) for k in range(3)], 1)
    column = cv2.GaussianBlur(column.astype(np.float32)[:, None], (1, 91), 0, sigmaY=24)[:, 0]
    canvas = np.repeat(column[:, None], width, axis=1)
    cloud = noise.warp(rng, noise.fbm(rng, height // 2, width // 2, 65.0, 5, 0.55, stretch=2.2), 15.0, 55.0)
    cloud = cv2.resize(cloud, (width, height))
    bands = noise.smoothstep(cloud, 0.5, 0.82) * (0.12 + 0.25 * t[:, None]).astype(np.float32)
    yy, xx = np.mgrid[0:height, 0:width].astype(np.float32)
    slope = float(rng.uniform(0.12, 0.3)) * float(rng.choice([-1, 1]))
    way = (yy - 150 - slope * (xx - width / 2) * 512 / width - 70 * (cloud - 0.5)) / 75
    milk = np.exp(-(way**2)) * (0.25 + 0.9 * noise.smoothstep(cloud, 0.35, 0.7))
    screen(canvas, bands[..., None] * colors[3] + (milk * 0.34)[..., None] * mix(colors[2], colors[3], 0.4))
    sky.paint_stars(rng, canvas, horizon, 0.8)
    sparks(rng, canvas, horizon)
    moon(rng, canvas, colors, width, horizon)
    streaks(rng, canvas, horizon, colors[3])
    return canvas


def sparks(rng: Generator, canvas: np.ndarray, horizon: float) -> None:
    """Screen a few large glowing stars over the sky in place."""
    h, w = canvas.shape[:2]
    n = w // 34
    m = discs(h, w, rng.uniform(0, w, n), rng.uniform(0, horizon * 0.8, n), rng.uniform(1.6, 3.2, n))
    screen(canvas, np.clip(m * 0.9 + 2.2 * blur(m, 4.0), 0, 1)[..., None] * np.array([1.0, 0.97, 0.92], np.float32))


def moon(rng: Generator, canvas: np.ndarray, colors: list[np.ndarray], width: int, horizon: float) -> None:
    """Paint a large moon, full or crescent, with its halo, in place."""
    h = canvas.shape[0]
    r = float(rng.uniform(38, 72))
    x, y = float(rng.uniform(0.15, 0.85)) * width, float(rng.uniform(0.25, 0.62)) * horizon
    suns.mark(x, 1.5 * r)
    yy, xx = np.mgrid[0 : h // 4, 0 : width // 4].astype(np.float32) * 4 + 1.5
    d = np.hypot(xx - x, yy - y)
    halo = cv2.resize(0.55 * np.exp(-np.maximum(d - r, 0) / 34) + 0.3 * np.exp(-d / 170), (width, h))
    screen(canvas, halo[..., None] * colors[3])
    n = int(2 * r + 8)
    yy, xx = np.mgrid[0:n, 0:n].astype(np.float32) - n / 2
    disc = np.clip((r - np.hypot(xx, yy)) / 2 + 0.5, 0, 1)
    if rng.random() < 0.4:
        disc *= np.clip((np.hypot(xx - r * 0.5, yy + r * 0.2) - r * 0.92) / 2 + 0.5, 0, 1)
    seas = noise.smoothstep(noise.fbm(rng, n, n, r * 0.9, 3), 0.5, 0.7)
    face = mix(np.array([1.0, 0.99, 0.94], np.float32), colors[3], 0.25) * (1 - 0.13 * seas)[..., None]
    over(canvas, face, disc, int(y - n / 2), int(x - n / 2))


def streaks(rng: Generator, canvas: np.ndarray, horizon: float, color: np.ndarray) -> None:
    """Draw shooting stars in place: bright heads, long tapering tails, all falling one way, several in every 512 px."""
    w = canvas.shape[1]
    angle = float(rng.uniform(0.4, 0.85))
    side = float(rng.choice([-1, 1]))
    tails: list[list[np.ndarray]] = [[], [], []]
    ends = []
    circle = np.stack([np.cos(np.arange(12) * np.pi / 6), np.sin(np.arange(12) * np.pi / 6)], 1)
    step = float(rng.uniform(62, 105))
    for x in np.arange(-40, w + 120, step):
        length = float(rng.uniform(75, 215))
        a = angle + float(rng.normal(0, 0.03))
        head = np.array([x + rng.uniform(0, step), rng.uniform(0.08, 0.72) * horizon])
        back = np.array([side * np.cos(a), -np.sin(a)])
        wide = float(rng.uniform(3.4, 5.6))
        for kept, part in zip(tails, (1.0, 0.62, 0.3), strict=True):
            kept.append(taper(head + back * np.linspace(0, length * part, 8)[:, None], wide, 0.8))
        ends.append(head + wide * 0.75 * circle)
    top = int(horizon)
    heads = polygon(top, w, *ends)
    body = sum((polygon(top, w, *kept) * lum for kept, lum in zip(tails, (0.3, 0.3, 0.4), strict=True)), heads)
    body = np.clip(body, 0, 1)
    glow = 0.75 * blur(body, 5.0) + 1.8 * blur(heads, 9.0)
    screen(canvas[:top], np.clip(body * 0.95 + glow, 0, 1)[..., None] * mix(np.ones(3, np.float32), color, 0.2))


def ranges(rng: Generator, canvas: np.ndarray, colors: list[np.ndarray], horizon: float) -> None:
    """Paint two or three ranges of distant hills or mountains as tinted silhouettes with mist at their feet, in place."""
    h, w = canvas.shape[:2]
    peaky = bool(rng.random() < 0.5)
    count = int(rng.integers(2, 4))
    for k in range(count):
        base = horizon + 10 + 22 * k
        form = noise.peaks(rng, w, 190.0, 5, 0.45) * 1.2 if peaky else 0.5 + 0.5 * noise.profile(rng, w, 210.0, 3, 0.4)
        line = base - (70 - 14 * k) * form
        near = (k + 1) / (count + 1)
        tone = mix(mix(colors[3], colors[2], 0.5), colors[0], 0.35 + 0.6 * near)
        foot = np.clip((np.arange(h, dtype=np.float32)[:, None] - line[None]) / 80, 0, 1)
        over(canvas, mix(tone, mix(colors[2], colors[3], 0.4), foot * 0.55 * (1 - near)), below(h, line.astype(np.float32)))


def foreground(rng: Generator, width: int, height: int, line: np.ndarray) -> np.ndarray:
    """Return the mask (H, W) of trees, grass and one figure or thing every few hundred px, standing on the line (W,)."""
    m = np.zeros((height, width), np.float32)
    firs = bool(rng.random() < 0.4)
    x = float(rng.uniform(-20, 60))
    things = list(rng.permutation(list(_THINGS)))
    turn = 0
    while x < width + 40:
        y = float(line[int(np.clip(x, 0, width - 1))]) + 5
        if turn % 2 == 0:
            size = float(rng.uniform(120, 250))
            (fir if firs else tree)(rng, m, x, y, size)
            if rng.random() < 0.5:
                (fir if firs else tree)(rng, m, x + float(rng.uniform(50, 80)), y, size * 0.6)
        else:
            _THINGS[str(things[(turn // 2) % len(things)])](m, x, y, float(rng.choice([-1, 1])) * float(rng.uniform(0.9, 1.25)))
        x += float(rng.uniform(85, 135))
        turn += 1
    blades = []
    for bx in np.arange(0, width, 7) + rng.uniform(-3, 3, len(np.arange(0, width, 7))):
        y, s = float(line[int(np.clip(bx, 0, width - 1))]), float(rng.uniform(8, 22))
        blades.append([[bx - 3, y + 6], [bx + float(rng.normal(0, 5)), y - s], [bx + 3, y + 6]])
    mask: np.ndarray = np.maximum(m, polygon(height, width, *blades))
    return mask


def fir(rng: Generator, m: np.ndarray, x: float, y: float, size: float) -> None:
    """Add a fir's silhouette to the mask in place."""
    n, pts = 9, []
    for k in range(n):
        t = k / n
        half = size * 0.24 * (t + 0.08)
        pts += [[half * 0.45, t], [half * float(rng.uniform(0.9, 1.25)), t + 1.25 / n]]
    right = [[x + a, y - size + b * size] for a, b in pts]
    left = [[x - a * float(rng.uniform(0.85, 1.1)), y - size + b * size] for a, b in pts[::-1]]
    np.maximum(m, polygon(*m.shape, [[x, y - size - 6], *right, *left], [[x - 5, y + 8], [x - 5, y - 30], [x + 5, y - 30], [x + 5, y + 8]]), out=m)


def tree(rng: Generator, m: np.ndarray, x: float, y: float, size: float) -> None:
    """Add a broadleaf tree's silhouette to the mask in place: forked boughs, leafy clumps with gaps of sky."""
    t = np.linspace(0, 1, 8)
    lean = float(rng.normal(0, 0.12))
    trunk = np.stack([x + lean * size * t**2, y + 6 - size * 0.6 * t], 1)
    limbs = [taper(trunk, size * 0.085, size * 0.035)]
    n, bare = 9, bool(rng.random() < 0.15)
    cx, cy, r = [], [], []
    for k in range(n):
        a = -np.pi / 2 + (k - (n - 1) / 2) * 0.3 + float(rng.normal(0, 0.1))
        root = trunk[int(rng.integers(4, 8))]
        tip = root + size * float(rng.uniform(0.24, 0.42)) * np.array([np.cos(a), np.sin(a)])
        limbs.append(taper(np.stack([root, (root + tip) / 2 + [0, 3], tip]), size * 0.03, 4.0))
        for side in (-0.55, 0.1, 0.6) if bare else ():
            twig = tip + size * 0.13 * np.array([np.cos(a + side), np.sin(a + side)])
            limbs.append(taper(np.stack([root * 0.3 + tip * 0.7, (tip * 1.6 + twig) / 2.6, twig]), 4.0, 2.0))
        for at in np.linspace(0.25, 1.05, 9):
            spot = root + (tip - root) * at + rng.normal(0, size * 0.05, 2)
            cx.append(spot[0])
            cy.append(spot[1])
            r.append(size * rng.uniform(0.026, 0.062))
    h, w = m.shape
    leafy = 0.0 if bare else discs(h, w, np.array(cx), np.array(cy), np.array(r))
    np.maximum(m, np.maximum(polygon(h, w, *limbs), leafy), out=m)


def _shape(
    m: np.ndarray,
    x: float,
    y: float,
    k: float,
    fills: Sequence[Points],
    strokes: Sequence[tuple[float, Points]],
    balls: Sequence[tuple[float, float, float]],
) -> None:
    """Add a figure to the mask in place; coordinates in px about its foot, y upwards, scaled by `k` (negative mirrors)."""
    h, w = m.shape

    def at(p: Points | Sequence[float]) -> np.ndarray:
        return np.asarray(p, np.float32) * [k, -abs(k)] + [x, y]

    out = polygon(h, w, *[at(p) for p in fills]) if fills else np.zeros_like(m)
    for thick, p in strokes:
        out = np.maximum(out, lines(h, w, [at(p)], max(3, round(thick * abs(k)))))
    for bx, by, br in balls:
        cx, cy = at([bx, by])
        out = np.maximum(out, discs(h, w, np.array([cx]), np.array([cy]), np.array([br * abs(k)])))
    np.maximum(m, out, out=m)


def person(m: np.ndarray, x: float, y: float, k: float) -> None:
    """A standing person who looks up."""
    coat = [[-9, 26], [-12, 50], [-8, 62], [8, 62], [12, 48], [9, 26]]
    _shape(m, x, y, k, (coat,), ((7, [[-5, 0], [-4, 28]]), (7, [[5, 0], [4, 28]]), (5, [[-10, 58], [-15, 36]]), (5, [[10, 58], [15, 38]])), ((1, 71, 8.5),))


def couple(m: np.ndarray, x: float, y: float, k: float) -> None:
    """Two people hand in hand, one pointing at the sky."""
    person(m, x - 14 * abs(k), y, k)
    person(m, x + 18 * abs(k), y, k * 0.86)
    _shape(m, x, y, k, (), ((5, [[24, 50], [44, 72]]),), ())


def bench(m: np.ndarray, x: float, y: float, k: float) -> None:
    """A park bench with somebody sitting on it."""
    strokes = ((6, [[-42, 20], [42, 20]]), (5, [[-40, 36], [40, 36]]), (5, [[-36, 0], [-36, 38]]), (5, [[36, 0], [36, 38]]))
    body = [[-18, 20], [-20, 46], [-4, 48], [0, 20]]
    _shape(m, x, y, k, (body,), (*strokes, (7, [[-6, 23], [14, 24]]), (7, [[14, 24], [16, 0]])), ((-11, 58, 8.5),))


def deer(m: np.ndarray, x: float, y: float, k: float) -> None:
    """A stag with antlers."""
    body = [[-30, 46], [-34, 34], [-22, 30], [14, 30], [24, 36], [34, 66], [44, 66], [48, 72], [36, 78], [28, 76], [16, 52], [-20, 52]]
    legs = tuple((5, [[a, 36], [b, 0]]) for a, b in ((-28, -30), (-22, -19), (14, 12), (19, 22)))
    horns = ((4, [[33, 76], [26, 92], [30, 106]]), (4, [[27, 92], [18, 100]]), (4, [[36, 77], [44, 92], [42, 106]]), (4, [[43, 90], [52, 98]]))
    _shape(m, x, y, k, (body,), (*legs, *horns), ())


def swing(m: np.ndarray, x: float, y: float, k: float) -> None:
    """A child on a swing that hangs from a bough."""
    bough = [[-62, 0], [-56, 100], [-50, 128], [50, 122], [50, 116], [-40, 118], [-46, 90], [-48, 0]]
    torso = [[-4, 24], [0, 50], [8, 50], [11, 24]]
    ropes = ((3, [[-2, 118], [4, 24]]), (3, [[24, 116], [20, 24]]))
    _shape(m, x, y, k, (bough, torso), (*ropes, (5, [[-2, 24], [24, 24]]), (6, [[10, 26], [30, 30]]), (5, [[30, 30], [36, 14]])), ((4, 57, 8),))


def tent(m: np.ndarray, x: float, y: float, k: float) -> None:
    """A tent beside a seated camper."""
    _shape(m, x, y, k, ([[-48, 0], [-6, 52], [0, 52], [44, 0]], [[54, 0], [54, 22], [64, 24], [80, 0]]), (), ((60, 31, 8),))


def lamp(m: np.ndarray, x: float, y: float, k: float) -> None:
    """A street lamp and a fence."""
    strokes = ((5, [[0, 0], [0, 112]]), (5, [[0, 112], [16, 116]]), (4, [[-70, 26], [70, 26]]), (4, [[-70, 14], [70, 14]]))
    posts = tuple((5, [[a, 0], [a, 34]]) for a in (-64, -32, 32, 64))
    _shape(m, x, y, k, ([[8, 110], [12, 122], [22, 122], [26, 110]],), (*strokes, *posts), ())


_THINGS = {"person": person, "couple": couple, "bench": bench, "deer": deer, "swing": swing, "tent": tent, "lamp": lamp}
