"""A street along the beach: road with kerbs and lane marks, palms and lamps, cars, sand and sea with a low sun behind."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator

from .. import land, noise, plants, style, suns, water, weather
from ..attributes import Allowed, Attributes
from ..canvas import below, blur, hue, mix, over, polygon, rgb, screen, taper
from ..light import Light
from ..sky import paint_sky

NAME = "beachside_street"
ALLOWED = Allowed(weather=("clear", "cloudy", "fog"))
_SEAS = ("#2a7c94", "#2c6a8c", "#3a9098", "#3c7c8c", "#2c5c80")
_CARS = ("#c83c34", "#e8e4dc", "#3c6ca8", "#e0b040", "#3c7c70", "#d87c4c", "#48505c", "#8cb4c4", "#e89ca0")
_PAVING = ("#c8b49c", "#b8b0a4", "#d4bca4", "#c09c88", "#a8a8ac")


@dataclass
class Street:
    """One street: its light, the eye line, its bend (W,), the mask (H, W) of what is solid, and what shines (H, W, 3)."""

    light: Light
    horizon: float
    bend: np.ndarray
    mask: np.ndarray
    shine: np.ndarray

    def line(self, drop: float) -> np.ndarray:
        """Return the row (W,) of a line along the street that lies `drop` px under the horizon where it runs straight."""
        return (self.horizon + drop * self.bend).astype(np.float32)

    def at(self, x: float, drop: float) -> float:
        """Return the row of that line at column `x`."""
        return float(self.horizon + drop * self.bend[int(np.clip(x, 0, len(self.bend) - 1))])

    def put(self, canvas: np.ndarray, color: np.ndarray, alpha: np.ndarray, top: int, left: int) -> None:
        """Composite one solid part and remember it for the silhouette."""
        over(canvas, color, alpha, top, left)
        over(self.mask[..., None], np.ones(1, np.float32), alpha, top, left)


def draw(rng: Generator, attrs: Attributes, width: int, height: int = 512) -> np.ndarray:
    """Return one scene (H, W, 3) in [0, 1]."""
    horizon = float(rng.uniform(215, 255))
    canvas, light = paint_sky(rng, attrs, width, height, horizon)
    light.haze_density *= 0.6 if attrs.weather == "fog" else 0.8
    low_sun(rng, canvas, attrs, light, horizon)
    bend = np.exp(float(rng.uniform(0.05, 0.11)) * noise.profile(rng, width, 640.0, 1)).astype(np.float32)
    zero = np.zeros((height, width), np.float32)
    st = Street(light, horizon, bend, zero, np.zeros((height, width, 3), np.float32))
    shore(rng, canvas, st)
    pavement = rgb(_PAVING[int(rng.integers(len(_PAVING)))])
    drops = (62.0, 86.0, float(rng.uniform(205, 222)))
    road(rng, canvas, st, pavement, drops)
    gap, palms, start = float(rng.uniform(120, 175)), grove(rng, light), float(rng.uniform(-60, 40))
    xs = np.arange(start, width + 120, gap)
    shadows(canvas, st, xs, drops[0] + 12, attrs)
    for x in xs:
        plant(rng, canvas, st, palms, float(x + rng.normal(0, 12)), drops[0] + 14, float(rng.uniform(185, 270)))
    for x in np.arange(start + gap * 0.5, width + 60, gap * 2):
        lamp(canvas, attrs, st, float(x), drops[1] - 3, float(rng.uniform(165, 190)))
    cars(rng, canvas, attrs, st, drops)
    hedge(rng, canvas, st, drops[2] + 42)
    screen(canvas, np.clip(st.shine + 0.6 * blur(st.shine, 5.0) + 0.7 * blur(st.shine, 18.0), 0, 1))
    weather.lay(rng, canvas, attrs, light, horizon + 20, st.mask)
    film = mix(canvas, canvas * np.array([0.93, 0.91, 0.88], np.float32) + np.array([0.07, 0.052, 0.045], np.float32), float(rng.uniform(0.3, 1.0)))
    return style.finish(film, attrs, light, st.mask * (1 - np.clip(st.shine[..., 0] * 1.4, 0, 0.95)))


def low_sun(rng: Generator, canvas: np.ndarray, attrs: Attributes, light: Light, horizon: float) -> None:
    """Deepen the sky of dawn and sunset and set a large sun just above the sea."""
    if attrs.time not in ("dawn", "sunset") or attrs.weather == "fog":
        return
    n = int(horizon)
    canvas[:n] = hue(canvas[:n], 0, 1.15, 0.9)
    light.sun_y, r = horizon - float(rng.uniform(8, 46)), float(rng.uniform(26, 40))
    suns.mark(light.sun_x, 2.5 * r)
    xx = np.arange(canvas.shape[1], dtype=np.float32)[None]
    d = np.hypot(xx - light.sun_x, np.arange(n, dtype=np.float32)[:, None] - light.sun_y)
    screen(canvas[:n], (0.5 * np.exp(-d / 70.0))[..., None] * light.glow)
    over(canvas, mix(light.glow, np.ones(3), 0.6), np.clip((r - d) / 1.6 + 0.5, 0, 1) * 0.95)


def shore(rng: Generator, canvas: np.ndarray, st: Street) -> None:
    """Paint a far headland, the sea with the sun's road, the surf and the sand."""
    height, width = canvas.shape[:2]
    if rng.random() < 0.6:
        rise = float(rng.uniform(14, 46))
        prof = np.clip(noise.profile(rng, width, 500.0, 5, 0.45) * 1.2, 0, 1)
        cape = (st.horizon + 2 - rise * prof).astype(np.float32)
        y0 = int(st.horizon - rise * 1.3)
        over(canvas, st.light.tint(rgb("#54645c"), 0.4, 0.75), below(height, cape)[y0 : int(st.horizon) + 2] * (prof > 0.02), y0)
    water.sea(rng, canvas, st.horizon, st.light, rgb(_SEAS[int(rng.integers(len(_SEAS)))]), st.horizon + 64, 0.5)
    line = st.line(34.0) + 4 * noise.profile(rng, width, 120.0, 2)
    sand = hue(rgb("#e0c490"), float(rng.uniform(-12, 8)), float(rng.uniform(0.7, 1.1)))
    land.ground(rng, canvas, st.light, line.astype(np.float32), sand, st.horizon, "sand", 0.25)
    water.surf(rng, canvas[: int(st.horizon + 90)], (line + 3).astype(np.float32), st.light, 7.0)


def strip(canvas: np.ndarray, color: np.ndarray, top: np.ndarray, bottom: np.ndarray | None) -> None:
    """Fill between two lines (W,), or from one down to the border, with a colour (3,) or image (H, W, 3)."""
    height, y0 = canvas.shape[0], max(int(top.min()) - 2, 0)
    y1 = height if bottom is None else min(int(bottom.max()) + 3, height)
    m = below(height, top)[y0:y1]
    if bottom is not None:
        m = m * (1 - below(height, bottom)[y0:y1])
    over(canvas, color[y0:y1] if np.ndim(color) == 3 else color, m, y0)


def road(rng: Generator, canvas: np.ndarray, st: Street, pavement: np.ndarray, drops: tuple[float, float, float]) -> None:
    """Paint the promenade with its wall, the kerbs, the asphalt, wet or dry, its lane marks, and the near pavement."""
    height, width = canvas.shape[:2]
    light, y0 = st.light, int(st.horizon)
    a, b, c = drops
    tex = noise.plane(rng, height - y0, width, 0.0, 130.0, 2.6)
    stone = light.shade(pavement * (0.85 + 0.3 * tex[..., None]), np.clip(0.55 + 0.5 * (tex - 0.5), 0, 1))
    strip(canvas[y0:], stone, st.line(a) - y0, None)
    strip(canvas, light.tint(pavement * 0.62, 0.2, 0.05), st.line(a - 13), st.line(a))
    strip(canvas, light.tint(pavement * 1.15, 0.95, 0.05), st.line(a - 18), st.line(a - 12))
    grey = hue(rgb("#6a6870"), float(rng.uniform(-20, 20)), float(rng.uniform(0.5, 1.5)), float(rng.uniform(0.75, 1.1)))
    asphalt = light.shade(grey * (0.8 + 0.4 * tex[..., None]), np.clip(0.45 + 0.7 * (tex - 0.5), 0, 1))
    wet = float(rng.uniform(0.45, 0.75)) if rng.random() < 0.4 else 0.16
    yy = np.arange(height - y0, dtype=np.float32)[:, None]
    near = np.exp(-(((np.arange(width)[None] - light.sun_x) / (110 + 0.7 * yy)) ** 2))
    sheen = mix(mix(light.horizon, light.zenith, 0.35), light.glow, (near * 0.6).astype(np.float32))
    asphalt = mix(asphalt, sheen, (wet * (0.55 + 0.9 * (tex - 0.5)) * (0.75 + 0.6 * near)).clip(0, 0.85).astype(np.float32))
    strip(canvas[y0:], asphalt, st.line(b) - y0, st.line(c) - y0)
    paint = light.tint(rgb("#f0ece0") if rng.random() < 0.6 else rgb("#f0c040"), 0.85)
    for drop, dash in ((b + 10, False), ((b + c) / 2 - 6, True), (c - 14, False)):
        thick = 2.0 + drop * 0.013
        on = noise.smoothstep(np.abs((np.arange(width) / 118.0) % 1 - 0.5), 0.27, 0.25) if dash else np.ones(width, np.float32)
        top, bottom = st.line(drop - thick), st.line(drop + thick)
        lo, hi = int(top.min()) - 2, int(bottom.max()) + 3
        m = below(height, top)[lo:hi] * (1 - below(height, bottom)[lo:hi]) * on[None]
        over(canvas, paint, (m * (0.8 if dash else 0.55)).astype(np.float32), lo)
    for drop in (b, c):
        strip(canvas, light.tint(rgb("#e4ded4"), 0.95), st.line(drop - 3), st.line(drop + 2 + drop * 0.008))
        strip(canvas, light.tint(rgb("#706a68"), 0.15), st.line(drop + 2 + drop * 0.008), st.line(drop + 4 + drop * 0.022))
    st.mask[:] = np.maximum(st.mask, below(height, st.line(a - 18)) * 0.72)


def grove(rng: Generator, light: Light) -> list[np.ndarray]:
    """Bake the palms of the scene."""
    green = hue(rgb("#4c7c40"), float(rng.uniform(-16, 16)), float(rng.uniform(0.8, 1.2)), float(rng.uniform(0.75, 1.05)))
    return [plants.palm(rng, light, 220, green, 0.02, 11) for _ in range(2)]


def plant(rng: Generator, canvas: np.ndarray, st: Street, palms: list[np.ndarray], x: float, drop: float, size: float) -> None:
    """Set one palm, `size` px tall, on the promenade."""
    s = palms[int(rng.integers(len(palms)))]
    s = s[:, ::-1] if rng.random() < 0.5 else s
    k = size / s.shape[0]
    s = cv2.resize(np.ascontiguousarray(s), None, fx=k, fy=k, interpolation=cv2.INTER_AREA if k < 1 else cv2.INTER_LINEAR)
    alpha = s[..., 3]
    color = s[..., :3] / np.maximum(alpha, 0.02)[..., None]
    st.put(canvas, color, alpha, int(st.at(x, drop)) - s.shape[0] + 3, int(x - s.shape[1] / 2))


def shadows(canvas: np.ndarray, st: Street, xs: np.ndarray, drop: float, attrs: Attributes) -> None:
    """Throw the palms' long shadows over the road, away from the sun."""
    height, width = canvas.shape[:2]
    y0 = int(st.horizon)
    low = attrs.time in ("dawn", "sunset")
    m = np.zeros((height - y0, width), np.float32)
    for x in xs:
        y = st.at(float(x), drop) - y0
        away, reach = (np.clip((x - st.light.sun_x) / 500.0, -1, 1) * 100, 150.0) if low else (-st.light.dx * 60, 40.0)
        path = np.array([[x, y], [x + away * 0.6, y + reach * 0.6], [x + away, y + reach]])
        m = np.maximum(m, polygon(height - y0, width, taper(path, 8, 15)))
        cv2.ellipse(m, (int(x + away), int(y + reach)), (52, 17), 0, 0, 360, 0.85, -1, cv2.LINE_AA)
    canvas[y0:] *= 1 - 0.42 * st.light.strength * (0.5 if attrs.dark else 1.0) * blur(m, 4.0)[..., None] * np.array([1.0, 0.95, 0.85], np.float32)


def lamp(canvas: np.ndarray, attrs: Attributes, st: Street, x: float, drop: float, tall: float) -> None:
    """Raise one street lamp with an arm over the road; it shines in the dusk."""
    n, w, c = int(tall) + 14, 90, 26
    arm = np.array([[c, 40], [c + 3, 20], [c + 14, 11], [c + 40, 9]])
    mask = blur(
        polygon(n, w, taper(np.array([[c, n], [c, n / 2], [c, 38]]), 8, 5), taper(arm, 5, 4), [(c + 30, 7), (c + 56, 9), (c + 54, 15), (c + 32, 14)]), 0.6
    )
    top, left = int(st.at(x, drop)) - n, int(x) - c
    st.put(canvas, st.light.tint(rgb("#4c5058"), 0.35), mask, top, left)
    if attrs.time != "noon":
        bulb = blur(polygon(n, w, [(c + 32, 12), (c + 54, 12), (c + 52, 19), (c + 34, 19)]), 1.2)
        over(st.shine, rgb("#ffd898") * (1.0 if attrs.dark else 0.75), bulb, top, left)


def cars(rng: Generator, canvas: np.ndarray, attrs: Attributes, st: Street, drops: tuple[float, float, float]) -> None:
    """Let cars drive on both lanes, about three in every 512 px."""
    width, (_, b, c) = canvas.shape[1], drops
    for t, size, sense in ((0.36, 92.0, -1), (0.86, 150.0, 1)):
        drop = b + (c - b) * t
        x = float(rng.uniform(-80, 260))
        while x < width + 80:
            car(rng, canvas, attrs, st, x, st.at(x, drop), size * float(rng.uniform(0.92, 1.1)), sense)
            x += float(rng.uniform(230, 460)) * (size / 120.0) ** 0.5


def car(rng: Generator, canvas: np.ndarray, attrs: Attributes, st: Street, x: float, foot: float, w: float, sense: int) -> None:
    """Paint one car, `w` px long, heading right (`sense` 1) or left, its wheels on row `foot`, with its lights on at dusk."""
    light, n, bw = st.light, int(w * 0.44) + 8, int(w) + 12
    van = rng.random() < 0.25
    hood = 0.02 if van else float(rng.uniform(0.16, 0.26))
    roof = np.array(
        [
            (0.0, 0.24),
            (0.0 + 0.02, 0.2),
            (0.16, 0.2),
            (0.24 if not van else 0.05, 0.4),
            (0.62 if not van else 0.82, 0.4),
            (0.84 - hood * 0.3, 0.235),
            (0.97, 0.2),
            (1.0, 0.14),
            (1.0, 0.05),
            (0.0, 0.05),
        ]
    )
    glass = np.array(
        [(0.25 if not van else 0.1, 0.235), (0.29 if not van else 0.1, 0.365), (0.59 if not van else 0.8, 0.365), (0.73 if not van else 0.86, 0.235)]
    )

    def place(p: np.ndarray) -> np.ndarray:
        q = p.copy()
        q[:, 0] = 6 + (q[:, 0] if sense > 0 else 1 - q[:, 0]) * w
        q[:, 1] = n - 4 - q[:, 1] * w
        return q

    top, left = int(foot) - n + 4, int(x - bw / 2)
    shade = np.zeros((n, bw + 60), np.float32)
    cv2.ellipse(shade, (bw // 2 + 30, n - 6), (int(w * 0.52), int(w * 0.06)), 0, 0, 360, 1.0, -1, cv2.LINE_AA)
    over(canvas, light.ambient * 0.12, blur(shade, 3.0) * 0.75, top + 2, left - 30)
    paint = hue(rgb(_CARS[int(rng.integers(len(_CARS)))]), float(rng.uniform(-10, 10)), 0.95)
    yy = np.linspace(0, 1, n, dtype=np.float32)[:, None] * np.ones((1, bw), np.float32)
    body = mix(light.shade(paint, np.clip(1.15 - 1.15 * yy, 0.05, 1)), light.horizon, 0.4 * np.exp(-(((yy - 0.5) / 0.07) ** 2)))
    st.put(canvas, body, blur(polygon(n, bw, place(roof)), 1.0), top, left)
    pane = mix(light.tint(rgb("#1c2430"), 0.3), light.horizon, np.clip(0.75 - 1.1 * yy, 0, 1))
    over(canvas, pane, blur(polygon(n, bw, place(glass)), 0.8), top, left)
    r, dark, hub = w * 0.078, np.zeros((n, bw), np.float32), np.zeros((n, bw), np.float32)
    for px in (0.19, 0.8):
        q = place(np.array([(px, 0.07)]))[0]
        cv2.circle(dark, (round(q[0] * 16), round(q[1] * 16)), round(r * 16), 1.0, -1, cv2.LINE_AA, 4)
        cv2.circle(hub, (round(q[0] * 16), round(q[1] * 16)), round(r * 7), 1.0, -1, cv2.LINE_AA, 4)
    st.put(canvas, light.tint(rgb("#202024"), 0.3), dark, top, left)
    over(canvas, light.tint(rgb("#b0b4b8"), 0.6), hub, top, left)
    for px, color in ((0.985, "#fff0c8"), (0.015, "#ff3828")):
        q = place(np.array([(px, 0.17)]))[0]
        spot = np.zeros((n, bw), np.float32)
        cv2.circle(spot, (int(q[0]), int(q[1])), max(int(w * 0.03), 3), 1.0, -1, cv2.LINE_AA)
        over(canvas, rgb(color) * (1.0 if attrs.time != "noon" else 0.7), spot * 0.9, top, left)
        if attrs.time != "noon":
            over(st.shine, rgb(color) * (1.0 if attrs.dark else 0.6), spot, top, left)


def hedge(rng: Generator, canvas: np.ndarray, st: Street, drop: float) -> None:
    """Edge the near pavement with low bushes in some scenes."""
    if rng.random() < 0.5:
        return
    bushes = [plants.bush(rng, st.light, 60, hue(rgb("#4c7440"), float(rng.uniform(-15, 15))), 0.0) for _ in range(3)]
    for x in np.arange(-20, canvas.shape[1] + 60, 46):
        s, k = bushes[int(rng.integers(3))], float(rng.uniform(0.7, 1.1))
        s = cv2.resize(s, None, fx=k, fy=k, interpolation=cv2.INTER_AREA)
        st.put(canvas, s[..., :3] / np.maximum(s[..., 3:], 0.02), s[..., 3], int(st.at(float(x), drop)) - s.shape[0] + 30, int(x - s.shape[1] / 2))
