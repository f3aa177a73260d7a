"""What edges tell: whether a loop closes, and how much detail is left.

# H W the whole picture, luma in [0, 255]
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]


def seam_score(pixels: Pixels) -> float:
    """How much the colours jump from the last column to the first, against the other columns.

    H W 3 -> mean absolute difference across the join, divided by the mean over all neighbouring
    columns. About 1 where the loop closes; an open panorama has many times that. A picture without
    any horizontal change has 1 if it joins as well.
    """
    values = pixels.astype(np.float64)
    join = np.abs(values[:, 0] - values[:, -1]).mean()
    rest = np.abs(np.diff(values, axis=1)).mean()
    if rest == 0:
        return 1.0 if join == 0 else float("inf")
    return float(join / rest)


def edge_energy(pixels: Pixels) -> float:
    """H W 3 -> mean length of the luma's gradient (central differences), in levels per pixel.

    Coherence is cheap for a blurred picture: this says what was lost.
    """
    luma = pixels.astype(np.float64) @ np.array([0.299, 0.587, 0.114])
    down, across = np.gradient(luma)
    return float(np.hypot(down, across).mean())
