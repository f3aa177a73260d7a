"""Animals in side view as shaded sprites: cattle, horses, zebras, antelopes, giraffes, elephants."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator

from . import noise
from .canvas import hue, mix, rgb
from .forms import Limb, body, chain, patch, solid, stack
from .light import Light

Array = np.ndarray


@dataclass(frozen=True)
class Build:
    """Proportions in units of the shoulder height: lengths, radii, angles in degrees above the horizontal."""

    length: float
    hip: float  # height of the croup
    girth: tuple[float, float, float]  # radii of rump, belly, chest
    leg: float  # radius of the cannon
    neck: tuple[float, float, float]  # length, radius at the chest, radius at the head
    raised: float  # angle of the neck, head up
    grazing: float
    head: tuple[float, float, float]  # length, radii
    nod: float  # angle of the head
    tail: float
    colors: tuple[str, ...]


BUILDS = {
    "horse": Build(0.72, 1.0, (0.22, 0.2, 0.21), 0.042, (0.5, 0.17, 0.085), 50, -48, (0.27, 0.088, 0.055), -46, 0.6, ("#7a4424", "#3c2a22", "#c89a5c", "#e0d8cc", "#96562c")),
    "zebra": Build(0.72, 0.98, (0.23, 0.24, 0.22), 0.042, (0.42, 0.18, 0.1), 48, -48, (0.26, 0.09, 0.06), -42, 0.5, ("#f2ece0",)),
    "cow": Build(0.95, 1.0, (0.25, 0.29, 0.27), 0.058, (0.3, 0.21, 0.13), 18, -48, (0.3, 0.115, 0.085), -40, 0.62, ("#f0e8dc", "#8a4a26", "#3a2c26", "#c89060")),
    "antelope": Build(0.72, 0.97, (0.18, 0.185, 0.19), 0.032, (0.44, 0.12, 0.065), 60, -42, (0.22, 0.07, 0.04), -30, 0.25, ("#b87a42", "#a0683a", "#c89a5c")),
    "giraffe": Build(0.5, 0.82, (0.15, 0.17, 0.18), 0.036, (0.98, 0.15, 0.062), 66, 30, (0.23, 0.064, 0.04), -24, 0.35, ("#e8c88c", "#dcb474")),
    "elephant": Build(0.66, 0.94, (0.3, 0.33, 0.3), 0.1, (0.16, 0.26, 0.22), 20, 8, (0.12, 0.2, 0.14), -60, 0.4, ("#8a8684", "#7c7470", "#98887c")),
}  # fmt: skip


class Figure:
    """Collects limbs in units of the shoulder height (x forward from the rump, y up from the ground)."""

    def __init__(self, unit: float, width: int, ground: float, left: float, flip: bool) -> None:
        self.unit, self.width, self.ground, self.left, self.flip = unit, width, ground, left, flip

    def limbs(self, points: list[tuple[float, float, float]]) -> list[Limb]:
        """Return the limbs, in px, of a chain of (x, y, r)."""
        return chain([self.at(*p) for p in points])

    def at(self, x: float, y: float, r: float) -> tuple[float, float, float]:
        """Return one point in px."""
        px = self.left + x * self.unit
        return (self.width - px if self.flip else px, self.ground - y * self.unit, max(r * self.unit, 1.4))


def animal(rng: Generator, light: Light, kind: str, height: int, graze: bool = False, flip: bool = False, depth: float = 0.0) -> Array:
    """Return one animal (h, w, 4), its shoulder about `height` px above its feet."""
    b = BUILDS[kind]
    tall = {"giraffe": 2.05, "antelope": 1.75, "elephant": 1.25}.get(kind, 1.5)
    h, w = int(height * tall) + 6, int(height * (b.length + 1.35))
    f = Figure(height, w, h - 3.0, height * 0.42, flip)
    step = float(rng.uniform(-0.07, 0.07)) + 0.09
    base = hue(rgb(b.colors[int(rng.integers(len(b.colors)))]), float(rng.uniform(-5, 5)), 1.0, float(rng.uniform(0.92, 1.08)))
    angle = np.deg2rad((b.grazing if graze else b.raised) + float(rng.uniform(-5, 5)))
    chest = 1.0 - b.girth[2]
    poll = (b.length + 0.1 + b.neck[0] * np.cos(angle), chest + 0.06 + b.neck[0] * np.sin(angle))
    nod = np.deg2rad(b.nod - (25 if graze and kind not in ("giraffe", "elephant") else 0))
    nose = (poll[0] + b.head[0] * np.cos(nod), poll[1] + b.head[0] * np.sin(nod))
    near = f.limbs([(0.02, b.hip - b.girth[0], b.girth[0]), (b.length * 0.5, 0.93 - b.girth[1] * 1.08, b.girth[1]), (b.length, chest, b.girth[2])])
    near += f.limbs([(b.length + 0.04, chest + 0.02, b.neck[1]), (*poll, b.neck[2])]) + f.limbs([(*poll, b.head[1]), (*nose, b.head[2])])
    legs = leg(f, b, step, False) + leg(f, b, step, True)
    far = leg(f, b, -step - 0.03, False) + leg(f, b, -step, True)
    tail = f.limbs([(-b.girth[0] * 0.85, b.hip - 0.14, 0.03), (-b.girth[0] - 0.09, b.hip - b.tail * 0.55, 0.035), (-b.girth[0] - 0.07, b.hip - b.tail, 0.022)])
    mask, bulge = body(h, w, near + legs + (tail if kind in ("elephant", "giraffe", "cow") else []), height * 0.018)
    coat = pattern(rng, kind, base, h, w, height, f)
    for color, limbs in details(kind, b, f, base, poll, nose, tail):
        patch(mask, bulge, coat, color, limbs)
    back = solid(light, *body(h, w, far), base * 0.55, depth, 1.5, -0.15)
    out = stack(back, solid(light, mask, bulge, coat, depth, height * 0.022))
    return cv2.GaussianBlur(out, (0, 0), 0.6)


def leg(f: Figure, b: Build, step: float, front: bool) -> list[Limb]:
    """Return one hind or fore leg, its foot `step` ahead of the hip."""
    r, low = b.leg, b.leg * 1.05
    if front:
        x, y = b.length + 0.02, 1.0 - b.girth[2] * 1.25
        return f.limbs([(x, y, b.girth[2] * 0.55), (x + step * 0.6, 0.42, r * 1.25), (x + step, 0.2, r * 0.9), (x + step, 0.03, low)])
    x, y = -0.02, b.hip - b.girth[0] * 1.15
    thick = max(b.girth[0] * 0.72, r * 1.5)
    return f.limbs([(x, y, thick), (x + 0.03 - step * 0.3, 0.46, r * 1.6), (x - 0.04 - step, 0.36, r * 1.1), (x - step, 0.03, low)])


def pattern(rng: Generator, kind: str, base: Array, h: int, w: int, unit: float, f: Figure) -> Array:
    """Return the albedo (h, w, 3) of the coat."""
    yy, xx = np.mgrid[0:h, 0:w].astype(np.float32)
    up = (f.ground - yy) / unit
    coat = np.broadcast_to(base, (h, w, 3)) * (0.92 + 0.16 * noise.fbm(rng, h, w, unit * 0.3, 3))[..., None]
    if kind == "zebra":
        bend = unit * 0.12 * (noise.fbm(rng, h, w, unit * 0.6, 2) - 0.5)
        way = np.where(up < 0.5, yy * 0.95, (xx + bend * 2) + 0.35 * yy * (-1 if f.flip else 1))
        return mix(coat, rgb("#1e1a1c"), noise.smoothstep(np.sin(way * 2 * np.pi / (unit * 0.115)), -0.1, 0.5))
    if kind == "giraffe":
        cells = noise.domes(rng, h, w, unit * 0.13)
        return mix(coat, rgb("#94562a"), noise.smoothstep(cells, 0.42, 0.62) * noise.smoothstep(up, 0.2, 0.45))
    if kind == "cow" and rng.random() < 0.6:
        dark = rgb(str(rng.choice(["#2a2424", "#6e3a20"])))
        return mix(np.broadcast_to(rgb("#f2ece2"), (h, w, 3)), dark, noise.smoothstep(noise.fbm(rng, h, w, unit * 0.42, 3, 0.35), 0.48, 0.56))
    if kind == "antelope":
        return mix(coat, rgb("#f4ead8"), noise.smoothstep(up, 0.68, 0.6) * (up > 0.3))
    return coat


def details(
    kind: str, b: Build, f: Figure, base: Array, poll: tuple[float, float], nose: tuple[float, float], tail: list[Limb]
) -> list[tuple[Array, list[Limb]]]:
    """Return ears, horns, manes, trunks and the like as (colour, limbs), back to front."""
    px, py = float(poll[0]), float(poll[1])
    dark, horn = base * 0.35, rgb("#4a4038")
    ear = f.limbs([(px - 0.04, py + b.head[1] * 0.7, 0.032), (px - 0.08, py + b.head[1] + 0.09, 0.018)])
    mane = f.limbs([(b.length - 0.02, 1.02, 0.03), (px - 0.08, py + b.head[1] * 0.4, 0.055), (px + 0.02, py + b.head[1] + 0.02, 0.03)])
    if kind == "horse":
        return [(dark, tail), (dark, tail[:1]), (dark, mane), (base * 0.8, ear)]
    if kind == "zebra":
        return [(rgb("#2a2426"), tail), (rgb("#2a2426"), mane), (rgb("#3a3434"), f.limbs([(*nose, 0.062), (nose[0] + 0.01, nose[1], 0.05)])), (base * 0.7, ear)]
    if kind == "cow":
        horns = f.limbs([(px, py + 0.1, 0.03), (px + 0.06, py + 0.19, 0.024), (px + 0.04, py + 0.26, 0.014)])
        side = f.limbs([(px - 0.06, py + 0.06, 0.04), (px - 0.2, py + 0.04, 0.03)])
        return [(rgb("#e6a898"), f.limbs([(0.12, 0.42, 0.06), (0.2, 0.42, 0.05)])), (rgb("#d8a898"), f.limbs([(*nose, 0.085), (nose[0] + 0.02, nose[1] - 0.02, 0.07)])), (rgb("#e8dcc0"), horns), (dark, side)]  # fmt: skip
    if kind == "antelope":
        horns = f.limbs([(px - 0.01, py + 0.05, 0.022), (px - 0.09, py + 0.2, 0.02), (px - 0.06, py + 0.36, 0.013)])
        return [(horn, horns), (base * 0.75, ear), (rgb("#f4ead8"), tail)]
    if kind == "giraffe":
        knobs = f.limbs([(px - 0.01, py + 0.05, 0.018), (px - 0.03, py + 0.14, 0.022)])
        return [(rgb("#7a4a2a"), knobs), (base * 0.8, f.limbs([(px - 0.05, py + 0.03, 0.025), (px - 0.15, py + 0.06, 0.015)])), (dark, tail[1:])]
    x, y = float(nose[0]), float(nose[1])
    trunk = f.limbs(
        [
            (x - 0.02, y + 0.04, 0.14),
            (x + 0.1, y - 0.16, 0.085),
            (x + 0.12, y - 0.38, 0.06),
            (x + 0.1, max(y - 0.54, 0.1), 0.045),
            (x + 0.17, max(y - 0.6, 0.06), 0.035),
        ]
    )
    tusk = f.limbs([(x + 0.04, y - 0.1, 0.032), (x + 0.16, y - 0.2, 0.028), (x + 0.28, y - 0.18, 0.014)])
    flap = f.limbs([(px - 0.12, py + 0.06, 0.13), (px - 0.17, py - 0.1, 0.14), (px - 0.1, py - 0.24, 0.06)])
    return [(base, trunk), (rgb("#f4ecdc"), tusk), (base * 0.86, flap)]
