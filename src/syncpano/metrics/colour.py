"""Coherence of colours, measured by statistics alone: no network has a say.

# h w one crop; colours in CIE L*a*b* (D65), in which a distance of about 2 is just noticeable
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Array = NDArray[np.float64]
NUM_QUANTILES = 64

# IEC 61966-2-1: linear sRGB -> XYZ, relative to the white point D65.
_TO_XYZ = np.array(
    [
        [0.4123908, 0.3575843, 0.1804808],
        [0.2126390, 0.7151687, 0.0721923],
        [0.0193308, 0.1191948, 0.9505322],
    ]
)
_WHITE = _TO_XYZ.sum(axis=1)
_SRGB = np.arange(256) / 255
_LINEAR = np.where(_SRGB <= 0.04045, _SRGB / 12.92, ((_SRGB + 0.055) / 1.055) ** 2.4)


def colour_distance(crops: Sequence[Pixels]) -> list[float]:
    """Crops h w 3 -> for every pair the distance of their mean colours (CIE76)."""
    means = [to_lab(crop).mean(axis=(0, 1)) for crop in crops]
    return [float(np.linalg.norm(one - other)) for one, other in combinations(means, 2)]


def palette_distance(crops: Sequence[Pixels]) -> list[float]:
    """Crops h w 3 -> for every pair the distance of their colour distributions.

    Earth mover's distance of the marginals of L*, a* and b*, joined as a Euclidean norm: the units
    are those of a colour distance. Unlike the mean it sees that half a crop is sky.
    """
    levels = (np.arange(NUM_QUANTILES) + 0.5) / NUM_QUANTILES
    quantiles = [np.quantile(to_lab(crop).reshape(-1, 3), levels, axis=0) for crop in crops]
    return [
        float(np.linalg.norm(np.abs(one - other).mean(axis=0)))
        for one, other in combinations(quantiles, 2)
    ]


def to_lab(pixels: Pixels) -> Array:
    """sRGB h w 3 of 8 bits -> L* in [0, 100], a*, b*."""
    relative = _LINEAR[pixels] @ _TO_XYZ.T / _WHITE
    f = np.where(relative > (6 / 29) ** 3, np.cbrt(relative), relative * (29 / 6) ** 2 / 3 + 4 / 29)
    x, y, z = f[..., 0], f[..., 1], f[..., 2]
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)
