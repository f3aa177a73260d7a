"""Under water: a reef of corals, fans and sponges, schools of colourful fish, rays of light from the surface."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator

from .. import noise, style
from ..attributes import Allowed, Attributes
from ..canvas import below, blur, hue, mix, over, paste, polygon, rgb, screen, sprite, taper
from ..fish import shoal
from ..forms import body, chain, solid
from ..light import Light
from ..sky import make_light

NAME = "coral_reef"
ALLOWED = Allowed(weather=("clear",), season=("summer",))
_WATERS = {
    "dawn": (("#d8f0e0", "#4cb0b8", "#1c6088"), ("#ffe0c8", "#6aa8b8", "#2a5a88")),
    "noon": (("#c8fff4", "#2ab4d0", "#0c5a98"), ("#d8fff0", "#3cc8c0", "#10707c"), ("#d0f4ff", "#3a9ce8", "#0c3c98")),
    "sunset": (("#ffd8a0", "#5aa0a8", "#1c4a78"), ("#ffb8a0", "#7a80b0", "#2a3a7a")),
    "twilight": (("#b0b8f0", "#4468b4", "#1a2a6c"), ("#90d0d8", "#2a7490", "#0c3458")),
    "night": (("#7098d8", "#1c3f88", "#081a48"), ("#60b0b8", "#12566c", "#041f38")),
}
_CORALS = ("#f0567a", "#f28a3c", "#f4c43c", "#b45ad0", "#e84a4a", "#f09ab8", "#58b8a0", "#7c6ae0", "#d8c890", "#88b848")


def draw(rng: Generator, attrs: Attributes, width: int, height: int = 512) -> np.ndarray:
    """Return one scene (H, W, 3) in [0, 1]."""
    light = make_light(rng, attrs, width, 200.0)
    waters = _WATERS[attrs.time]
    shine, middle, deep = (hue(rgb(c), float(t), 1.0) for c, t in zip(waters[int(rng.integers(len(waters)))], rng.uniform(-8, 8, 3), strict=True))
    canvas = water_body(rng, width, height, shine, middle, deep)
    under(light, attrs, shine, middle, deep)
    colors = [hue(rgb(c), float(rng.uniform(-10, 10))) for c in rng.permutation(np.array(_CORALS))[:6]]
    floor = float(rng.uniform(350, 395))
    far_reef(rng, canvas, light, floor, middle, deep)
    rays(rng, canvas, shine, 0.5 if attrs.dark else 0.7)
    before = canvas.copy() if attrs.style == "silhouette" else canvas
    shoal(rng, canvas, light, 14, 26.0, 0.5, (90, floor - 110))
    sand(rng, canvas, light, floor)
    ground = canvas.copy() if attrs.style == "silhouette" else canvas
    mounds(rng, canvas, light, floor, colors)
    if attrs.style != "silhouette":
        rays(rng, canvas, shine, 0.22)
    shoal(rng, canvas, light, 6, 54.0, 0.1, (110, floor - 60))
    shoal(rng, canvas, light, 1, 92.0, 0.0, (130, floor - 60))
    mask = None
    if attrs.style == "silhouette":
        mask = np.maximum(0.45 * style.changed(before, canvas), style.changed(ground, canvas))
    return style.finish(canvas, attrs, light, mask)


def under(light: Light, attrs: Attributes, shine: np.ndarray, middle: np.ndarray, deep: np.ndarray) -> None:
    """Turn the light of the air into that under water, in place: from above, blue in the shade, hazing to `middle`."""
    light.sun = mix(shine, np.array([1.0, 0.97, 0.9], np.float32), 0.55) * (0.62 if attrs.dark else 0.86)
    light.ambient = mix(middle, np.ones(3), 0.22) * (0.5 if attrs.dark else 0.6)
    light.haze_color, light.haze_density = mix(middle, deep, 0.3), 1.1
    light.dx, light.dy = light.dx * 0.55, -0.85
    light.strength, light.zenith, light.horizon = 1.0, deep, middle


def water_body(rng: Generator, width: int, height: int, shine: np.ndarray, middle: np.ndarray, deep: np.ndarray) -> np.ndarray:
    """Return the canvas (H, W, 3): bright rippling surface above, blue depth below."""
    t = np.linspace(0, 1, height)
    column = np.stack([np.interp(t, (0, 0.1, 0.42, 0.85), [c[k] for c in (shine, mix(shine, middle, 0.55), middle, deep)]) for k in range(3)], 1)
    canvas = np.repeat(column.astype(np.float32)[:, None], width, axis=1)
    n = 92
    rip = noise.plane(rng, n, width, -3.0, 70.0, 3.0)[::-1]
    fade = np.clip(1 - np.arange(n, dtype=np.float32)[:, None] / n, 0, 1)
    screen(canvas[:n], (noise.smoothstep(rip, 0.5, 0.78) * fade * 0.8)[..., None] * mix(shine, np.ones(3), 0.5))
    over(canvas, middle, noise.smoothstep(rip, 0.5, 0.25) * fade * 0.45)
    return canvas


def rays(rng: Generator, canvas: np.ndarray, shine: np.ndarray, strength: float) -> None:
    """Screen soft beams fanning down from the surface over the whole canvas in place."""
    height, width = canvas.shape[:2]
    h, w = height // 4, width // 4
    yy, xx = np.mgrid[0:h, 0:w].astype(np.float32) * 4
    s = (xx - width * 0.5) / (yy + 620.0) * 620.0
    s = s - float(s.min())
    beams = noise.profile(rng, int(s.max()) + 8, 60.0, 3, 0.6)
    m = cv2.remap(beams[None].astype(np.float32), s, np.zeros_like(s), cv2.INTER_LINEAR)
    m = noise.smoothstep(m, 0.02, 0.8) * np.clip(1.0 - yy / 430.0, 0, 1)
    screen(canvas, (cv2.resize(cv2.GaussianBlur(m, (0, 0), 1.5), (width, height)) * strength)[..., None] * shine)


def far_reef(rng: Generator, canvas: np.ndarray, light: Light, floor: float, middle: np.ndarray, deep: np.ndarray) -> None:
    """Paint two hazy ridges of reef behind."""
    height, width = canvas.shape[:2]
    for k, rise in enumerate((120, 70)):
        line = floor - 10 + 14 * k - rise * (0.35 + 0.65 * noise.profile(rng, width, 170.0, 5, 0.55))
        y0, y1 = max(int(line.min()) - 2, 0), min(int(floor) + 40, height)
        bump = noise.domes(rng, y1 - y0, width, 20.0) * 9
        tone = mix(mix(middle, deep, 0.55), deep, light.relief(bump, 1.0)[..., None] * -0.5 + 0.4 + 0.15 * k)
        over(canvas, tone, below(height, line.astype(np.float32), 3.0)[y0:y1] * (0.75 + 0.15 * k), y0)


def sand(rng: Generator, canvas: np.ndarray, light: Light, floor: float) -> None:
    """Paint the sandy bottom with its net of caustic light."""
    height, width = canvas.shape[:2]
    line = (floor + 10 * noise.profile(rng, width, 200.0, 2)).astype(np.float32)
    y0 = int(line.min()) - 4
    n = height - y0
    net = noise.plane(rng, n, width, -20.0, 60.0, 1.8)
    caustic = np.exp(-(((net - 0.5) / 0.07) ** 2))
    t = np.arange(n, dtype=np.float32)[:, None] / n
    color = light.haze(light.shade(rgb("#e4d8b4"), 0.42 + 0.4 * caustic), 0.95 * (1 - t) + 0.08)
    over(canvas, color, below(height, line, 10.0)[y0:], y0)


def mounds(rng: Generator, canvas: np.ndarray, light: Light, floor: float, colors: list[np.ndarray]) -> None:
    """Heap rocks and crowd them with corals of every kind, in three depths, the near ones big."""
    height, width = canvas.shape[:2]
    kinds = [brain, antler, fan, tubes, table, brain, antler, fan, tubes]
    made = [kinds[k](rng, light, 124, colors[k % len(colors)]) for k in range(len(kinds))]
    for y, size, gap, depth in ((floor + 8, 66, 32, 0.58), (floor + 56, 106, 56, 0.28), (height + 8, 150, 86, 0.02)):
        heap = noise.profile(rng, width, 170.0, 2)
        hazed = [dim(light, s, depth) for s in made]
        rock = light.tint(rgb("#5a5468"), 0.3, depth)
        line = y - size * 0.36 * (0.75 + heap + 0.25 * noise.profile(rng, width, 40.0, 2))
        y0 = max(int(line.min()) - 2, 0)
        bump = noise.domes(rng, height - y0, width, size * 0.2) * size * 0.12
        cover = below(height, line.astype(np.float32), 2.0)[y0:] * noise.smoothstep(heap, -0.5, -0.2)[None]
        over(canvas, rock * (0.6 + 0.8 * light.relief(bump, 1.0))[..., None], cover, y0)
        for x in rng.permutation(np.arange(-10, width + 20, gap * 0.62)):
            k = int(np.clip(x, 0, width - 1))
            if heap[k] < -0.38:
                continue
            image = hazed[int(rng.integers(len(hazed)))]
            s = size * float(rng.uniform(0.6, 1.15)) * (0.85 + 0.4 * max(float(heap[k]), 0))
            paste(canvas, image, float(x), float(line[k]) + s * 0.2 + size * 0.22 * float(rng.random()), s)


def dim(light: Light, image: np.ndarray, depth: float) -> np.ndarray:
    """Return a premultiplied sprite as seen through `depth` of water."""
    out = image.copy()
    out[..., :3] += (light.haze_color * image[..., 3:] - image[..., :3]) * float(light.haze_amount(depth))
    return out


def brain(rng: Generator, light: Light, height: int, color: np.ndarray) -> np.ndarray:
    """Return a brain coral (h, w, 4): a dome with winding furrows."""
    h = int(height * 0.75)
    w = int(h * 1.5)
    yy, xx = np.mgrid[0:h, 0:w].astype(np.float32)
    d = ((xx - w / 2) / (w * 0.48)) ** 2 + ((yy - h) / (h * 0.95)) ** 2
    dome = np.sqrt(np.clip(1 - d, 0, 1)) * h * 0.75
    maze = np.sin(noise.fbm(rng, h, w, 34.0, 2, 0.4) * 26.0)
    lit = np.clip(light.relief(dome + 1.8 * maze, 0.8) + 0.1, 0.03, 1)
    albedo = mix(color * 0.66, color, noise.smoothstep(maze, -0.8, 0.4))
    return sprite(light.shade(albedo, lit), np.clip((1 - d) * h * 0.4, 0, 1))


def antler(rng: Generator, light: Light, height: int, color: np.ndarray) -> np.ndarray:
    """Return a branching coral (h, w, 4) with pale tips."""
    h, w = height, int(height * 1.25)
    limbs, tips = [], []
    todo = [(w / 2 + w * 0.05 * k, h + 4.0, -np.pi / 2 + 0.36 * k + float(rng.normal(0, 0.08)), h * 0.36, h * 0.062, 0) for k in (-2, -1, 0, 1, 2)]
    while todo:
        x, y, a, length, r, level = todo.pop()
        x1, y1 = x + np.cos(a) * length, y + np.sin(a) * length
        limbs.append((x, y, r, x1, y1, r * 0.78))
        if level == 2:
            tips.append((x1, y1, r * 0.9, x1 + np.cos(a) * 2, y1 + np.sin(a) * 2, r * 0.8))
            continue
        for side in (-1, 1):
            todo.append((x1, y1, a + side * float(rng.uniform(0.2, 0.5)), length * float(rng.uniform(0.6, 0.85)), r * 0.78, level + 1))
    m, b = body(h, w, limbs)
    tip, _ = body(h, w, tips)
    return solid(light, m, b, mix(np.broadcast_to(color, (h, w, 3)), mix(color, np.ones(3), 0.65), blur(tip, 2.0)), 0.0, 1.2)


def fan(rng: Generator, light: Light, height: int, color: np.ndarray) -> np.ndarray:
    """Return a sea fan (h, w, 4): a thin lobed disc with radiating ribs."""
    h, w = height, int(height * 1.2)
    yy, xx = np.mgrid[0:h, 0:w].astype(np.float32)
    dx, dy = xx - w / 2, h - yy + 2
    a, r = np.arctan2(dx, dy), np.hypot(dx, dy) / (h * 0.96)
    lobes = 0.86 + 0.1 * np.sin(a * 5 + float(rng.uniform(0, 6))) + 0.06 * np.sin(a * 11 + 1)
    mask = np.clip((lobes * np.clip(1.35 - 0.42 * a * a, 0, 1) - r) * h * 0.5, 0, 1)
    wave = a * 26 + 2.2 * noise.fbm(rng, h, w, 30.0, 2) * 3
    ribs = np.cos(wave) * 0.7 + 0.45 * np.cos(r * 46 + 2 * np.cos(wave))
    lit = np.clip(0.55 + 0.35 * ribs + 0.3 * (r - 0.5) + 0.2 * light.dx * dx / w, 0.03, 1)
    stalk = polygon(h, w, taper(np.array([[w / 2, h], [w / 2, h * 0.6]]), h * 0.07, 3.0))
    albedo = mix(color * 0.55, np.clip(color * 1.08, 0, 1), noise.smoothstep(ribs, -0.5, 0.6))
    see = mask * (0.72 + 0.28 * noise.smoothstep(ribs, -0.6, 0.1))
    return sprite(light.shade(albedo, lit), np.maximum(see, stalk * mask).astype(np.float32))


def tubes(rng: Generator, light: Light, height: int, color: np.ndarray) -> np.ndarray:
    """Return a cluster of tube sponges (h, w, 4) with dark mouths."""
    h, w = height, int(height * 1.1)
    out = np.zeros((h, w, 4), np.float32)
    n = int(rng.integers(4, 7))
    for k in sorted(range(n), key=lambda i: -abs(i - n / 2 + 0.5)):
        u = (k + 0.5) / n * 2 - 1
        r = h * float(rng.uniform(0.075, 0.11))
        tall = h * float(rng.uniform(0.55, 0.9)) * (1 - 0.3 * u * u)
        x1, y1 = w / 2 + u * w * 0.36, h - tall + r
        m, b = body(h, w, chain([(w / 2 + u * w * 0.16, h + 4.0, r * 0.7), (w / 2 + u * w * 0.27, h - tall * 0.5, r * 0.85), (x1, y1, r)]))
        s = solid(light, m, b, color * float(rng.uniform(0.85, 1.05)), 0.0, 1.5)
        out = s + out * (1 - s[..., 3:])
        yy, xx = np.mgrid[0:h, 0:w].astype(np.float32)
        d = np.hypot((xx - x1) / (r * 0.72), (yy - y1 + r * 0.45) / (r * 0.42))
        over(out[..., :3], light.shade(color * 0.22, 0.2), np.clip((1.1 - d) * r * 0.5, 0, 1) * out[..., 3])
    return out


def table(rng: Generator, light: Light, height: int, color: np.ndarray) -> np.ndarray:
    """Return a table coral (h, w, 4): stacked flat plates on a stalk."""
    h, w = int(height * 0.85), int(height * 1.6)
    yy, xx = np.mgrid[0:h, 0:w].astype(np.float32)
    rough = noise.fbm(rng, h, w, 14.0, 2)
    m, b = body(h, w, [(w / 2, h + 4.0, h * 0.16, w / 2, h * 0.3, h * 0.1)])
    out = solid(light, m, b, color * 0.55, 0.0, 1.2)
    for y, half, side in ((0.7, 0.3, 0.12), (0.46, 0.36, -0.1), (0.24, 0.42, 0.03)):
        x = w * (0.5 + side + float(rng.uniform(-0.03, 0.03)))
        u, v = (xx - x) / (w * half), (yy - h * y + h * 0.06 * ((xx - x) / (w * half)) ** 2) / h
        upper, lower = -0.085 * np.sqrt(np.clip(1 - u * u, 0, 1)), 0.12 * np.clip(1 - np.abs(u), 0, 1)
        plate = np.clip((1 - np.abs(u)) * 40, 0, 1) * np.clip((v - upper) * h / 1.5 + 0.5, 0, 1) * np.clip((lower + 0.02 - v) * h / 1.5 + 0.5, 0, 1)
        lit = np.where(v < 0.005, 0.95, 0.25) + (rough - 0.5) * 0.5
        s = sprite(light.shade(color * (0.85 + 0.3 * rough)[..., None], np.clip(blur(lit.astype(np.float32), 1.5), 0.03, 1)), plate.astype(np.float32))
        out = s + out * (1 - s[..., 3:])
    return out
