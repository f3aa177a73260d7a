"""Skies: gradient, sun and moon, clouds, stars, aurora, shooting stars."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator

from . import noise, suns
from .attributes import Attributes
from .canvas import blur, mix, over, screen
from .light import Light
from .palette import sky_colors

Array = np.ndarray
_HAZE = {"clear": 1.0, "cloudy": 1.3, "fog": 3.2, "snow": 1.8}
_DECK = 1.3  # cover of a sky without an opening
_STRENGTH = {"clear": 1.0, "cloudy": 0.6, "fog": 0.45, "snow": 0.55}


def make_light(rng: Generator, attrs: Attributes, width: int, horizon: float) -> Light:
    """Draw the light of a scene whose skyline lies at row `horizon`."""
    zenith, _, low, glow, sun, ambient = sky_colors(rng, attrs)
    height = {"dawn": 0.82, "noon": 0.12, "sunset": 0.84, "twilight": 1.0, "night": 0.3}[attrs.time]
    sun_x = float(rng.uniform(0.12, 0.88)) * width
    sun_y = horizon * float(np.clip(height + rng.uniform(-0.12, 0.1), 0.06, 1.0))
    dx = float(rng.choice([-1.0, 1.0])) * float(rng.uniform(0.6, 0.95))
    if attrs.time != "noon" and abs(sun_x / width - 0.5) > 0.12:
        dx = abs(dx) * (1.0 if sun_x > width / 2 else -1.0)
    dy = -float(np.sqrt(max(1.0 - dx * dx, 0.2)))
    haze = mix(low, ambient, 0.25 if attrs.dark else 0.12)
    density = _HAZE[attrs.weather] * float(rng.uniform(0.8, 1.25))
    strength = _STRENGTH[attrs.weather] * float(rng.uniform(0.9, 1.1))
    dark = attrs.time == "night"
    return Light(sun_x, sun_y, dx, dy, sun, ambient, haze, density, glow, zenith, low, strength, dark)


def paint_sky(
    rng: Generator,
    attrs: Attributes,
    width: int,
    height: int = 512,
    horizon: float = 300.0,
    *,
    clouds: bool = True,
    stars: bool = True,
    disc: bool = True,
) -> tuple[Array, Light]:
    """Return a canvas (H, W, 3) holding the whole sky, and the light of the scene.

    Below `horizon` the canvas is filled with the horizon's colour. The usual first line of every subject.
    """
    start = rng.bit_generator.state
    light = make_light(rng, attrs, width, horizon)
    rng.bit_generator.state = start
    colors = sky_colors(rng, attrs)
    rng.random(16)
    t = np.clip(np.arange(height) / max(horizon, 1.0), 0, 1)
    stops = (0.0, float(rng.uniform(0.5, 0.66)), 1.0)
    column = np.stack([np.interp(t, stops, [c[k] for c in colors[:3]]) for k in range(3)], 1)
    column = cv2.GaussianBlur(column.astype(np.float32)[:, None], (1, 61), 0, sigmaY=horizon / 12)[:, 0]
    canvas = np.repeat(column[:, None], width, axis=1)
    if light.night and stars:
        paint_stars(rng, canvas, horizon, density=0.6 if attrs.weather == "clear" else 0.2)
    if attrs.time == "twilight" and stars and attrs.weather == "clear":
        paint_stars(rng, canvas, horizon * 0.6, density=0.25, strength=0.6)
    if disc or not light.night:
        sun_glow(canvas, light, horizon, attrs)
    if disc and attrs.time != "twilight" and attrs.weather == "clear":
        paint_disc(rng, canvas, light, attrs)
    if clouds:
        paint_clouds(rng, canvas, light, attrs, horizon)
    if attrs.weather == "fog":
        shroud(canvas, light, horizon)
    return np.clip(canvas, 0.0, 1.0), light


def shroud(canvas: Array, light: Light, horizon: float) -> None:
    """Hide clouds and the sky's colour behind fog, in place: thin overhead, nearly all of it at the horizon."""
    h, w = canvas.shape[:2]
    t = np.clip(np.arange(h, dtype=np.float32) / horizon, 0, 1)
    mask = np.broadcast_to((0.5 + 0.45 * noise.smoothstep(t, 0.0, 0.85))[:, None], (h, w))
    over(canvas, light.fog_color, mask)


def sun_glow(canvas: Array, light: Light, horizon: float, attrs: Attributes) -> None:
    """Screen the wide glow around the sun or moon over the canvas, wider along the horizon."""
    h, w = canvas.shape[:2]
    yy, xx = np.mgrid[0 : h // 4, 0 : w // 4].astype(np.float32) * 4
    low = smoother(light.sun_y / horizon)
    dx, dy = (xx - light.sun_x) / (1.0 + 1.6 * low), yy - light.sun_y
    d = np.sqrt(dx * dx + dy * dy)
    size = 36.0 if light.night else 60.0
    amount = 0.55 * np.exp(-d / size) + 0.35 * np.exp(-d / (size * 3.5)) * (0.5 + low)
    amount *= 0.35 if attrs.weather in ("fog", "snow") else (0.75 if light.night else 1.0)
    amount = cv2.resize(amount, (w, h), interpolation=cv2.INTER_LINEAR)
    screen(canvas, amount[..., None] * light.glow)


def smoother(x: float) -> float:
    """Return a smooth step of a scalar from 0.3 to 1."""
    return float(noise.smoothstep(x, 0.3, 1.0))


def paint_disc(rng: Generator, canvas: Array, light: Light, attrs: Attributes) -> None:
    """Paint the sun's or the moon's disc (the moon with soft maria)."""
    r = float(rng.uniform(18, 30)) if light.night else float(rng.uniform(16, 34) if attrs.time != "noon" else 15)
    suns.mark(light.sun_x, 2.5 * r)
    n = int(r * 2 + 6)
    yy, xx = np.mgrid[0:n, 0:n].astype(np.float32) - n / 2
    mask = np.clip((r - np.hypot(xx, yy)) / 1.6 + 0.5, 0, 1) * 0.92
    color: Array = np.broadcast_to(mix(light.glow, np.ones(3), 0.5), (n, n, 3)).astype(np.float32)
    if light.night:
        color = color * (1.0 - 0.22 * noise.smoothstep(noise.fbm(rng, n, n, 18.0), 0.5, 0.75))[..., None]
    over(canvas, color, mask, int(light.sun_y - n / 2), int(light.sun_x - n / 2))


def paint_stars(rng: Generator, canvas: Array, horizon: float, density: float = 0.6, strength: float = 1.0) -> None:
    """Scatter soft stars of 1.5 to 3 px, rarer and fainter towards the horizon; `density` 1 is a starry night."""
    h, w = canvas.shape[:2]
    count = int(density * w * horizon / 900)
    xs, ys = rng.uniform(0, w, count), horizon * rng.random(count) ** 1.3
    size = 0.9 + 1.5 * rng.random(count) ** 4
    bright = (0.35 + 0.65 * rng.random(count) ** 2) * (1 - 0.7 * ys / horizon) * strength
    m = np.zeros((h, w), np.uint8)
    for x, y, r, b in zip(xs, ys, size, bright, strict=True):
        cv2.circle(m, (round(x * 16), round(y * 16)), round(r * 16), float(255 * b), -1, cv2.LINE_AA, 4)
    top = int(min(horizon, h))
    soft = cv2.GaussianBlur(m[:top], (0, 0), 0.8).astype(np.float32) / 255.0
    screen(canvas[:top], np.clip(soft * 1.5, 0, 1)[..., None] * np.array([0.95, 0.97, 1.0], np.float32))


def shooting_stars(rng: Generator, canvas: Array, horizon: float, count: int, color: Array | None = None) -> None:
    """Draw `count` shooting stars with bright heads and fading tails, all falling along nearly one direction."""
    h, w = canvas.shape[:2]
    m = np.zeros((h, w), np.uint8)
    angle = float(rng.uniform(0.35, 0.8)) * (1 if rng.random() < 0.5 else -1)
    for _ in range(count):
        x, y = rng.uniform(0, w), rng.uniform(0.02, 0.75) * horizon
        length, a = float(rng.uniform(60, 170)), angle + float(rng.normal(0, 0.04))
        side = -1.0 if angle > 0 else 1.0
        tail = np.array([x + side * length * np.cos(a), y - length * abs(np.sin(a))])
        for k in range(12, 0, -1):
            p = tail + (np.array([x, y]) - tail) * (1 - k / 12)
            ends = np.round(np.array([p, [x, y]]) * 16).astype(int)
            lum = 255 * (1 - k / 13) ** 1.5
            cv2.line(m, tuple(ends[0].tolist()), tuple(ends[1].tolist()), lum, 2 if k > 4 else 3, cv2.LINE_AA, 4)
        cv2.circle(m, (round(x * 16), round(y * 16)), 40, 255, -1, cv2.LINE_AA, 4)
    soft = cv2.GaussianBlur(m, (0, 0), 0.8).astype(np.float32) / 255.0
    light = np.array([1.0, 0.98, 0.92], np.float32) if color is None else color
    screen(canvas, (np.clip(soft * 1.2, 0, 1) + 0.7 * blur(soft, 6.0))[..., None] * light)


def paint_clouds(rng: Generator, canvas: Array, light: Light, attrs: Attributes, horizon: float, cover: float | None = None) -> None:
    """Paint clouds lit from the sun's side: a wispy or broken layer in perspective, and heaps of cumulus."""
    if attrs.weather in ("cloudy", "snow"):  # an overcast sky behind them
        layer(rng, canvas, light, horizon, _DECK)
    if cover is None:
        base = {"clear": 0.28, "cloudy": 1.0, "fog": 0.5, "snow": 1.0}[attrs.weather]
        cover = base + float(rng.uniform(-0.2, 0.15))
    layer(rng, canvas, light, horizon, cover, wispy=bool(rng.random() < 0.45))
    heaps = attrs.style == "anime" or (attrs.weather != "fog" and attrs.time != "night" and rng.random() < 0.4)
    if heaps:
        cumulus(rng, canvas, light, horizon, count=int(canvas.shape[1] / 260) + int(rng.integers(1, 3)))


def cloud_colors(light: Light) -> tuple[Array, Array]:
    """Return the lit and the shaded colour of clouds."""
    lit = np.clip(mix(light.glow, light.sun, 0.35), 0, 1)
    shade = mix(light.ambient, light.horizon, 0.4)
    return (mix(shade, lit, 0.3), mix(light.ambient, light.zenith, 0.45)) if light.night else (lit, shade)


def layer(rng: Generator, canvas: Array, light: Light, horizon: float, cover: float, wispy: bool = False) -> None:
    """Paint one cloud layer over the sky down to `horizon`; `cover` 0 none ... 1 overcast, above it without an opening."""
    top, w = int(min(horizon, canvas.shape[0])), canvas.shape[1]
    h2, w2 = max(top // 2, 8), w // 2
    tex = noise.fbm(rng, h2 * 2, w2, 110.0, octaves=6, gain=0.55, stretch=3.0 if wispy else 1.6)
    if wispy:
        tex = noise.warp(rng, tex, 26.0, 90.0)
    t = np.arange(h2, dtype=np.float32) / h2
    rows = (h2 * 2 - 2) * (0.5 * t + 0.5 * t**3)  # compressed towards the horizon
    xx = np.broadcast_to(np.arange(w2, dtype=np.float32)[None], (h2, w2)).copy()
    d = cv2.remap(tex, xx, np.repeat(rows[:, None], w2, 1).astype(np.float32), cv2.INTER_LINEAR)
    cut = 0.86 - 0.56 * cover
    mask = noise.smoothstep(d, cut, cut + (0.34 if wispy else 0.22))
    m = np.array([[1, 0, -10 * light.dx], [0, 1, 9]], np.float32)
    towards = cv2.warpAffine(blur(d, 3.0), m, (w2, h2), borderMode=cv2.BORDER_REFLECT)
    lit = np.clip(0.55 + 3.2 * (d - towards) + 0.3 * (1 - mask), 0, 1)
    near = np.exp(-np.abs(xx * 2 - light.sun_x) / 260.0)
    lit = np.clip(lit * (0.8 + 0.4 * near) + 0.15 * t[:, None], 0, 1)
    overhead = noise.smoothstep(t, -0.05, 0.15) if cover < _DECK else 1.0
    mask *= (overhead * (1 - 0.5 * noise.smoothstep(t, 0.8, 1.0)))[:, None] * 0.92
    a, b = cloud_colors(light)
    color = mix(b, a, lit[..., None])
    over(canvas, cv2.resize(color, (w, top)), cv2.resize(mask, (w, top)))


def cumulus(rng: Generator, canvas: Array, light: Light, horizon: float, count: int = 4) -> None:
    """Heap cumulus clouds with flat bases above the horizon, larger ones higher up."""
    a, b = cloud_colors(light)
    w = canvas.shape[1]
    for k in range(count):
        size = float(rng.uniform(0.55, 1.25))
        cw, ch = int(230 * size), int(105 * size)
        heap = noise.balls(ch, cw, *_heap(rng, cw, ch))
        mask = noise.smoothstep(heap + (noise.fbm(rng, ch, cw, 20.0) - 0.5) * 18 * (heap > 0.5), 3.0, 11.0)
        lit = light.relief(blur(heap, 3.0) + 5 * noise.fbm(rng, ch, cw, 24.0, 3), 0.8)
        t = np.linspace(0, 1, ch, dtype=np.float32)[:, None]
        lit = np.clip(lit * 0.65 + 0.5 - 0.62 * t**1.5, 0, 1)
        mask *= 1 - noise.smoothstep(t + 0.05 * np.sin(np.arange(cw) / 9.0)[None], 0.8, 0.97)
        x = (k + float(rng.uniform(0.1, 0.9))) * w / count - cw / 2
        base = horizon * float(rng.uniform(0.5, 0.98))
        color = mix(mix(b, a, lit[..., None]), light.horizon, 0.45 * (base / horizon) ** 3)
        over(canvas, color, mask * 0.96, int(base - ch * 0.86), int(x))


def _heap(rng: Generator, width: int, height: int) -> tuple[Array, Array]:
    """Return centres (N, 2) and radii (N,) of the balls of one cumulus."""
    n = 26
    u = rng.uniform(-1, 1, n)
    top = (1 - u * u) * (0.75 + 0.25 * np.sin(u * 4 + rng.uniform(0, 6)))
    r = height * (0.14 + 0.13 * rng.random(n)) * (0.6 + 0.5 * top)
    x = width * (0.5 + 0.38 * u)
    y = height * (0.86 - 0.62 * top * rng.random(n) ** 0.6) - r * 0.2
    return np.stack([x, np.maximum(y, r * 0.95 + 2)], 1), r


def aurora(rng: Generator, canvas: Array, horizon: float, colors: list[Array], curtains: int = 3, strength: float = 1.0) -> None:
    """Screen waving curtains of northern light over the sky; `colors` from the lower edge upwards (two or three)."""
    top, w = int(horizon), canvas.shape[1]
    h2, w2 = top // 2, w // 2
    light = np.zeros((h2, w2, 3), np.float32)
    yy = np.arange(h2, dtype=np.float32)[:, None]
    for k in range(curtains):
        base = h2 * (0.55 + 0.3 * (k + 0.5) / curtains) + 34 * noise.profile(rng, w2, 150.0, 3, 0.45)
        rays = np.clip(0.55 + 0.9 * noise.profile(rng, w2, 26.0, 4, 0.65), 0.1, 1.3)
        rays *= np.clip(0.75 + 0.7 * noise.profile(rng, w2, 130.0, 2), 0.12, 1.2)
        tall = h2 * (0.3 + 0.14 * noise.profile(rng, w2, 60.0, 3)).clip(0.14)
        up = (base[None] - yy) / tall[None]
        body = np.exp(-np.maximum(up, 0) * 1.25) * noise.smoothstep(up, -0.38, 0.14) * rays[None]
        t = np.clip(up / 2.0, 0, 1)[..., None] * (len(colors) - 1)
        tone = np.zeros((h2, w2, 3), np.float32)
        for j, c in enumerate(colors):
            tone += np.clip(1 - np.abs(t - j), 0, 1) * c
        lean = noise.warp(rng, body[..., None] * tone, 7.0, 60.0)
        light += lean * strength * (0.95 - 0.2 * k)
    light = np.clip(light + 0.4 * blur(light, 12.0) + 0.45 * blur(light, 40.0), 0, 1.0)
    screen(canvas[:top], cv2.resize(light, (w, top), interpolation=cv2.INTER_LINEAR))
