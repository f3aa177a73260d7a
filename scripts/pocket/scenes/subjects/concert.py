"""A rock concert: beams of coloured light through haze, a stage with its band, speaker stacks, a crowd with raised hands."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator

from .. import noise, style
from ..attributes import Allowed, Attributes
from ..canvas import blur, hue, mix, over, polygon, rgb, screen, taper
from ..sky import make_light

NAME = "concert"
ALLOWED = Allowed(time=("night", "twilight"), weather=("clear", "fog"))
_PALETTES = (
    "#2a6cff #8c3cff #ff4ab8",
    "#ff3a30 #ff9a2c #ffe08c",
    "#16c8e8 #2a5cff #e8f4ff",
    "#ff3aa0 #8a30ff #3cd8ff",
    "#24d070 #18a8c0 #e0ff80",
    "#ff7a20 #e02858 #7a2cff",
    "#5a50ff #20b0ff #ffb44c",
    "#c82cff #ff4a6a #ffd070",
    "#f0f4ff #4c8cff #1c3cc8",
)


@dataclass
class Stage:
    """The measures of one show: its light colours, the rows of truss, stage floor and front, and the smoke's density."""

    colors: list[np.ndarray]
    truss: float
    floor: float
    front: float
    smoke: float


def draw(rng: Generator, attrs: Attributes, width: int, height: int = 512) -> np.ndarray:
    """Return one scene (H, W, 3) in [0, 1]."""
    light = make_light(rng, attrs, width, 300.0)
    names = _PALETTES[int(attrs.tint * 89) % len(_PALETTES)].split()
    turn = float(rng.uniform(-18, 18))
    colors = [hue(rgb(c), turn, float(rng.uniform(0.85, 1.1))) for c in names]
    floor = float(rng.uniform(300, 335))
    smoke = float(rng.uniform(0.5, 0.8)) + (0.25 if attrs.weather == "fog" else 0.0) + (0.1 if attrs.time == "twilight" else 0.0)
    st = Stage(colors, float(rng.uniform(38, 70)), floor, floor + 26, smoke)
    light.ambient, light.sun, light.zenith = mix(colors[1] * 0.3, np.zeros(3), 0.3), colors[0], colors[1] * 0.35
    canvas = hall(rng, st, width, height)
    screens(rng, canvas, st)
    lamps = rig(rng, canvas, st)
    beams(rng, canvas, st, lamps, behind=True)
    mask = np.zeros((height, width), np.float32)
    stacks(rng, canvas, mask, st)
    band(rng, canvas, mask, st)
    beams(rng, canvas, st, lamps, behind=False)
    flares(canvas, st, lamps)
    crowd(rng, canvas, mask, st)
    return style.finish(canvas, attrs, light, mask)


def hall(rng: Generator, st: Stage, width: int, height: int) -> np.ndarray:
    """Return the dark hall (H, W, 3) filled with glowing smoke, brightest behind the band."""
    smoke = noise.warped(rng, height, width, 150.0, 0.7, 1.8)
    rise = np.exp(-(((np.arange(height, dtype=np.float32)[:, None] - st.floor + 30) / 150.0) ** 2))
    across = noise.fbm(rng, 8, width, 260.0, 2)[:1]
    tone = mix(st.colors[0], st.colors[1], np.broadcast_to(noise.smoothstep(across, 0.3, 0.7), (height, width)))
    amount = (0.1 + 0.75 * rise) * (0.35 + 0.9 * smoke) * st.smoke
    smoky: np.ndarray = np.clip(tone * amount[..., None] + 0.02, 0, 1).astype(np.float32)
    return smoky


def screens(rng: Generator, canvas: np.ndarray, st: Stage) -> None:
    """Hang glowing screens behind the band, each with a soft pattern of the show's colours."""
    width = canvas.shape[1]
    if rng.random() < 0.35:
        return
    x, kind = float(rng.uniform(-120, 40)), int(rng.integers(3))
    while x < width:
        w, h = int(rng.uniform(130, 230)), int(rng.uniform(100, 150))
        top = int(st.floor - 60 - h)
        yy, xx = np.mgrid[0:h, 0:w].astype(np.float32)
        r = np.hypot(xx - w / 2, yy - h / 2)
        wave = (np.cos(r / 11.0), np.cos(xx / 9.0 + 2 * np.sin(yy / 22.0)), np.cos((xx + yy) / 13.0))[kind]
        color = mix(st.colors[1], st.colors[2], 0.5 + 0.5 * wave) * np.clip(1.1 - r / w, 0.3, 1)[..., None]
        over(canvas, color, blur(polygon(h, w, [(4, 4), (w - 5, 4), (w - 5, h - 5), (4, h - 5)]), 1.0) * 0.62, top, int(x))
        x += w + float(rng.uniform(60, 160))


def rig(rng: Generator, canvas: np.ndarray, st: Stage) -> list[tuple[float, float, float, int]]:
    """Hang the lighting truss; return its lamps and those on the floor as (x, y, slope of the beam, colour)."""
    width = canvas.shape[1]
    dark, m = st.colors[1] * 0.06, np.zeros((24, width), np.float32)
    for y in (st.truss, st.truss + 20):
        over(canvas, dark, np.ones((5, width), np.float32), int(y) - 2)
    for k, x in enumerate(np.arange(-20, width + 20, 20)):
        cv2.line(m, (int(x), 0 if k % 2 else 23), (int(x) + 20, 23 if k % 2 else 0), 1.0, 3, cv2.LINE_AA)
    over(canvas, dark, m, int(st.truss) - 1)
    gap, lamps = float(rng.uniform(48, 80)), []
    sweep, phase, wave = float(rng.uniform(0.25, 0.75)), float(rng.uniform(0, 6)), float(rng.uniform(90, 260))
    for k, x in enumerate(np.arange(gap * 0.4, width + gap, gap)):
        slope = sweep * np.sin(x / wave + phase) + float(rng.normal(0, 0.08))
        lamps.append((float(x), st.truss + 30, float(slope), k % 2 if rng.random() < 0.85 else 2))
    for x in np.arange(float(rng.uniform(0, 120)), width, float(rng.uniform(120, 190))):
        lamps.append((float(x), st.floor - 4, float(rng.uniform(-0.5, 0.5)), 2 if rng.random() < 0.4 else 0))
    return lamps


def beams(rng: Generator, canvas: np.ndarray, st: Stage, lamps: list[tuple[float, float, float, int]], behind: bool) -> None:
    """Throw the beams of every second lamp through the smoke: the even ones behind the band, the odd ones in front."""
    h2, w2 = canvas.shape[0] // 2, canvas.shape[1] // 2
    sheet = np.zeros((3, h2, w2), np.float32)
    yy = np.arange(h2, dtype=np.float32)[:, None] * 2
    for k, (x, y, slope, c) in enumerate(lamps):
        if (k % 2 == 0) != behind:
            continue
        down = y < st.floor - 50
        run, reach = ((yy - y), 420.0) if down else ((y - yy), 300.0)
        spread, side = float(rng.uniform(0.06, 0.12)), abs(slope) * 480 + 90
        a, b = int(max(x - side, 0) / 2), int(min(x + side, w2 * 2) / 2)
        xx = np.arange(a, max(a, b), dtype=np.float32)[None] * 2
        half = 5 + spread * np.maximum(run, 0)
        u = (xx - x - slope * run) / half
        fall = np.clip(1 - run / reach, 0, 1) ** 1.1 * np.clip(run / 6, 0, 1) * (0.55 + 5 / half)
        sheet[c][:, a : max(a, b)] += np.clip(1.2 - u * u, 0, 1) ** 0.8 * fall
    smoke = 0.55 + 0.9 * noise.fbm(rng, h2, w2, 60.0, 4, stretch=1.6)
    light = sum((np.clip(s, 0, 1.6) * smoke)[..., None] * mix(c, np.ones(3), 0.12) for s, c in zip(sheet, st.colors, strict=True))
    light = cv2.resize(light * (0.42 + 0.4 * st.smoke) * (1.0 if behind else 0.7), canvas.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    screen(canvas, np.clip(light, 0, 1))


def flares(canvas: np.ndarray, st: Stage, lamps: list[tuple[float, float, float, int]]) -> None:
    """Let every lamp shine: a white core and a coloured halo."""
    h, w = canvas.shape[:2]
    for k, c in enumerate(st.colors):
        m = np.zeros((h // 2, w // 2), np.float32)
        for x, y, _, n in lamps:
            if n == k:
                cv2.circle(m, (int(x / 2), int(y / 2)), 3, 1.0, -1, cv2.LINE_AA)
        halo = cv2.resize(blur(m, 7.0) * 2.2, (w, h), interpolation=cv2.INTER_LINEAR)
        screen(canvas, np.clip(halo, 0, 0.8)[..., None] * c)
        core = cv2.resize(blur(m, 1.0), (w, h), interpolation=cv2.INTER_LINEAR)
        screen(canvas, np.clip(core * 1.2, 0, 1)[..., None] * mix(c, np.ones(3), 0.75))


def stacks(rng: Generator, canvas: np.ndarray, mask: np.ndarray, st: Stage) -> None:
    """Build the stage's edge and the speaker stacks on it."""
    n, width = int(st.front - st.floor) + 60, canvas.shape[1]
    over(canvas, st.colors[1] * 0.1, np.ones((n, width), np.float32), int(st.floor))
    over(canvas, mix(st.colors[0], st.colors[2], 0.4) * 0.6, np.ones((4, width), np.float32) * 0.8, int(st.floor))
    mask[int(st.floor) : int(st.floor) + n] = 0.6
    x = float(rng.uniform(-40, 120))
    while x < width + 40:
        w, rows = int(rng.uniform(40, 54)), int(rng.integers(3, 6))
        cell = int(w * 0.72)
        box, cone = np.zeros((cell, w), np.float32), np.zeros((cell, w), np.float32)
        cv2.rectangle(box, (2, 2), (w - 3, cell - 2), 1.0, -1)
        for cx in (w * 0.3, w * 0.7):
            cv2.circle(cone, (int(cx), cell // 2), int(w * 0.15), 1.0, -1, cv2.LINE_AA)
        for k in range(rows):
            y = int(st.floor) - (k + 1) * cell
            shade = np.linspace(0.26, 0.1, cell, dtype=np.float32)[:, None, None] * np.linspace(1.2, 0.7, w, dtype=np.float32)[None, :, None]
            over(canvas, st.colors[0] * shade * 0.8 + 0.015, blur(box, 0.7), y, int(x))
            over(canvas, st.colors[0] * 0.04, cone, y, int(x))
            over(canvas, mix(st.colors[0], st.colors[2], 0.5) * 0.4, cone * 0.7 * (np.arange(cell)[:, None] > cell * 0.58), y, int(x))
        a, b = max(int(x), 0), max(int(x) + w, 0)
        mask[int(st.floor) - rows * cell : int(st.floor), a:b] = 1.0
        x += float(rng.uniform(230, 330))


def player(rng: Generator, kind: str, s: float) -> list[np.ndarray]:
    """Return the outlines of one musician `s` px tall standing at (0, 0), y upwards negative."""
    f = float(rng.choice([-1.0, 1.0]))
    hip, neck = np.array([0.0, -0.5]), np.array([float(rng.uniform(-0.05, 0.05)), -0.83])
    a, legs = np.linspace(0, 2 * np.pi, 14), float(rng.uniform(0.08, 0.17))
    head = np.stack([neck[0] + 0.01 * f + 0.062 * np.cos(a), -0.915 + 0.08 * np.sin(a)], 1)
    parts = [head, taper(np.array([neck, hip + [0, 0.02]]), 0.23, 0.16)]
    parts += [taper(np.array([hip + [d * 0.04, -0.04], [d * legs * 0.9, -0.25], [d * legs, 0.0]]), 0.11, 0.075) for d in (-1, 1)]
    shoulder = neck + [0, 0.03]
    if kind == "guitar":
        parts += [taper(np.array([[-0.16 * f, -0.5], [0.05 * f, -0.56]]), 0.17, 0.12), taper(np.array([[0, -0.55], [0.42 * f, -0.72]]), 0.045, 0.04)]
        parts += [taper(np.array([shoulder + [-0.08 * f, 0], [-0.2 * f, -0.66], [-0.06 * f, -0.54]]), 0.075, 0.06)]
        parts += [taper(np.array([shoulder + [0.08 * f, 0], [0.2 * f, -0.64], [0.3 * f, -0.68]]), 0.075, 0.055)]
    elif kind == "singer":
        parts += [taper(np.array([shoulder + [-0.08 * f, 0], [-0.2 * f, -0.98], [-0.16 * f, -1.18]]), 0.075, 0.055)]
        parts += [taper(np.array([shoulder + [0.08 * f, 0], [0.2 * f, -0.7], [0.12 * f, -0.87]]), 0.075, 0.055)]
        parts += [taper(np.array([[0.15 * f, 0.0], [0.12 * f, -0.9]]), 0.03, 0.03)]
    else:
        for cx, cy, r in ((-0.28, -0.2, 0.2), (0.26, -0.2, 0.2), (0.0, -0.18, 0.26), (-0.4, -0.62, 0.13), (0.42, -0.66, 0.13)):
            flat = 0.25 if cy < -0.5 else 0.9
            parts.append(np.stack([cx + r * np.cos(a), cy + r * flat * np.sin(a)], 1))
        parts += [taper(np.array([shoulder + [d * 0.08, 0], [d * 0.24, -0.76], [d * 0.26, -1.0]]), 0.075, 0.05) for d in (-1, 1)]
    return [p * s for p in parts]


def band(rng: Generator, canvas: np.ndarray, mask: np.ndarray, st: Stage) -> None:
    """Set the musicians on the stage, dark with a rim of light, a bright haze behind each."""
    width, x, k = canvas.shape[1], float(rng.uniform(10, 90)), int(rng.integers(3))
    kinds = ("guitar", "singer", "guitar", "drums")
    while x < width:
        kind = kinds[k % 4]
        s = float(rng.uniform(118, 140))
        n, w = int(s * 1.3), int(s * 1.2)
        m = blur(polygon(n, w, *[p + [w / 2, n - 2] for p in player(rng, kind, s)]), 0.7)
        top, left = int(st.floor + 8 - n), int(x - w / 2)
        yy, xx = np.mgrid[0:n, 0:w].astype(np.float32)
        halo = np.exp(-((xx - w / 2) ** 2 + (yy - n * 0.5) ** 2) / (2 * (s * 0.3) ** 2))
        over(canvas, mix(st.colors[0], st.colors[2], 0.55), halo * 0.62, top, left)
        over(canvas, mix(st.colors[k % 3], np.ones(3), 0.4), m, top, left)
        inner = np.clip(blur(np.roll(m, (3, 2 if k % 2 else -2), (0, 1)), 0.8) * m, 0, 1)
        over(canvas, st.colors[1] * 0.09, inner, top, left)
        over(mask[..., None], np.ones(1, np.float32), m, top, left)
        x, k = x + float(rng.uniform(120, 180)), k + 1


def crowd(rng: Generator, canvas: np.ndarray, mask: np.ndarray, st: Stage) -> None:
    """Fill the floor with the crowd: rows of heads and raised arms, larger and darker towards the eye."""
    height, width = canvas.shape[:2]
    rows, top, a = 4, st.front + 2, np.linspace(0, 2 * np.pi, 16)
    for k in range(rows):
        t = k / (rows - 1)
        r, y = 9.0 + 17.0 * t**1.2, top + (height - 46 - top) * t**0.9
        shapes = []
        for x in np.arange(-r, width + 2 * r, r * 2.9):
            cx, cy = x + float(rng.uniform(-0.5, 0.5)) * r, y + float(rng.uniform(-0.7, 0.5)) * r
            shapes.append(np.stack([cx + r * 0.82 * np.cos(a), cy + r * np.sin(a)], 1))
            shapes.append(
                np.array(
                    [
                        [cx - r * 1.7, cy + r * 9],
                        [cx - r * 1.55, cy + r * 1.9],
                        [cx - r * 0.5, cy + r * 0.8],
                        [cx + r * 0.5, cy + r * 0.8],
                        [cx + r * 1.55, cy + r * 1.9],
                        [cx + r * 1.7, cy + r * 9],
                    ]
                )
            )
            for side in (-1, 1):
                if rng.random() < 0.22 + 0.12 * t:
                    tip = np.array([cx + side * r * float(rng.uniform(0.8, 2.2)), cy - r * float(rng.uniform(2.0, 4.2))])
                    elbow = np.array([cx + side * r * float(rng.uniform(1.6, 2.2)), cy - r * 0.6])
                    shapes.append(taper(np.array([[cx + side * r * 1.3, cy + r * 2], elbow, tip]), r * 0.75, r * 0.5))
                    shapes.append(np.stack([tip[0] + r * 0.36 * np.cos(a), tip[1] - r * 0.1 + r * 0.46 * np.sin(a)], 1))
        y0 = int(max(y - 6 * r, 0))
        m = np.zeros((height - y0, width), np.uint8)
        for s in shapes:  # one by one: overlapping outlines must not cancel
            cv2.fillPoly(m, [np.round((s - [0, y0]) * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
        m = m.astype(np.float32) / 255.0
        rim = np.clip(m - cv2.warpAffine(m, np.array([[1, 0, 0], [0, 1, 2 + 1.5 * t]], np.float32), m.shape[::-1]), 0, 1)
        over(canvas, st.colors[k % 2] * (0.3 * (1 - t) ** 1.5 + 0.025), m, y0)
        screen(canvas[y0:], (blur(rim, 0.9) * (0.75 - 0.35 * t))[..., None] * mix(st.colors[(k + 1) % 2], np.ones(3), 0.2))
        np.maximum(mask[y0:], m * (0.7 + 0.3 * t), out=mask[y0:])
        fade = np.clip(1 - np.arange(min(height - y0, int(14 * r)), dtype=np.float32) / (14 * r), 0, 1)[:, None, None]
        if k < rows - 1:
            screen(canvas[y0 : y0 + len(fade)], fade * st.colors[0] * (0.16 * st.smoke))
