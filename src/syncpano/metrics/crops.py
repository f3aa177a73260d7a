"""Which parts of a picture the metrics look at. Pure Python; lengths in image pixels."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Box:
    """The pixels (top .. top + size, left .. left + size)."""

    top: int
    left: int
    size: int


def native_boxes(height: int, width: int, size: int) -> tuple[Box, ...]:
    """Non-overlapping squares from the top left corner; what they do not reach is left out."""
    return tuple(
        Box(top, left, size)
        for top in range(0, height - size + 1, size)
        for left in range(0, width - size + 1, size)
    )


def random_box(height: int, width: int, size: int, seed: int, name: str) -> Box:
    """One square anywhere in the picture, drawn from the seed and the picture's name alone.

    The order of the pictures does not matter, and panoramas of one name (the same prompt and seed
    under different settings) are looked at in the same place.
    """
    rng = _generator(f"crop {seed} {height}x{width} {size} {name}")
    return Box(rng.randint(0, height - size), rng.randint(0, width - size), size)


def random_choice(boxes: Sequence[Box], seed: int, name: str) -> Box:
    """One of several squares, drawn as in `random_box`; for montages, not to mix two windows."""
    return _generator(f"choice {seed} {len(boxes)} {name}").choice(list(boxes))


def _generator(seed: str) -> random.Random:
    """Bytes are hashed with SHA-512: the same numbers on every machine and Python."""
    return random.Random(seed.encode("utf-8", "surrogatepass"))  # the name of any file
