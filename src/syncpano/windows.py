"""Where the windows of a panorama lie. Pure Python; every length is in latent cells.

A window is a square of the model's native `sample_size`. An open axis is covered from border to
border, its last window flush with the far border. A closed axis (`loop`) is a ring, on which no
place is special: where the stride divides the window, one starts at every stride, and every column
is covered by equally many; by other strides they cannot be, and windows are spread as evenly as
whole cells allow.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from syncpano.errors import SyncPanoError

Blend = Literal["uniform", "tapered"]


@dataclass(frozen=True)
class Window:
    """The cells (top .. top + size, left .. left + size); columns wrap in a loop."""

    top: int
    left: int
    size: int

    def scaled(self, factor: int) -> Window:
        """The same place where every cell is `factor` pixels wide."""
        return Window(factor * self.top, factor * self.left, factor * self.size)


@dataclass(frozen=True)
class Grid:
    """The windows of one H x W panorama latent, row by row, and the index of their anchor.

    Attributes:
        blend: how they count where they overlap.
        loop: whether a row of windows is a ring to `thinned`; not with `bld`, which thins none,
            though its windows wrap too.
    """

    height: int
    width: int
    size: int
    windows: tuple[Window, ...]
    anchor: int
    blend: Blend = "uniform"
    loop: bool = False

    def thinned(self, every: int) -> list[int]:
        """Indices of every n-th window of every n-th row, counted from the anchor, one of them.

        Those at open borders are too: nobody else covers what they cover.
        """
        across = sum(window.top == self.windows[0].top for window in self.windows)
        row, column = divmod(self.anchor, across)
        rows = _thinned(len(self.windows) // across, row, every)
        columns = _thinned(across, column, every, ring=self.loop)
        return [across * row + column for row in rows for column in columns]

    def uncovered(self, chosen: Sequence[int]) -> float:
        """Share of the cells that none of the chosen windows covers."""
        windows = [self.windows[index] for index in chosen]
        rows = {row for w in windows for row in range(w.top, w.top + w.size)}
        columns = {c % self.width for w in windows for c in range(w.left, w.left + w.size)}
        return 1 - len(rows) * len(columns) / (self.height * self.width)


def plan_grid(height: int, width: int, size: int, stride: int, *, loop: bool = False) -> Grid:
    """All windows of size `size`, row by row, one every `stride` cells.

    Raises:
        SyncPanoError: a side is shorter than a window, the stride is not in 1..size, or the
            stride divides the window and not the loop.
    """
    if min(height, width) < size:
        raise SyncPanoError(
            f"a panorama of {width} x {height} latent cells is smaller than a window of {size}",
            hint=f"every side needs at least {size} cells",
        )
    if not 1 <= stride <= size:
        raise SyncPanoError(
            f"stride {stride} is not between 1 and the window of {size} cells",
            hint=f"use a quarter of the window: {size // 4}",
        )
    lefts = ring_offsets(width, size, stride) if loop else open_offsets(width, size, stride)
    tops = open_offsets(height, size, stride)
    return _grid(height, width, size, tops, lefts, loop)


def shifted_grid(height: int, width: int, size: int, *, step: int, seed: int, loop: bool) -> Grid:
    """Windows side by side, moved as a whole by a seeded random offset that changes every step.

    On an open axis the pieces at the borders are completed by flush windows; in a loop the tiling
    wraps, and only where the window does not divide the width do two windows overlap.
    Source: the shifted windows of SpotDiffusion (Frolov et al., WACV 2025), in both axes.
    """
    # String seeds are hashed with SHA-512: the same offsets on every machine and Python.
    rng = random.Random(f"shifted windows {seed} {step}")
    tops = _shifted_open_offsets(height, size, rng.randrange(size))
    offset = rng.randrange(size)
    if loop:
        lefts = tuple((offset + left) % width for left in range(0, width, size))
    else:
        lefts = _shifted_open_offsets(width, size, offset)
    return _grid(height, width, size, tops, lefts, loop)


def open_offsets(length: int, size: int, stride: int) -> tuple[int, ...]:
    """First cells of the windows along an open axis: every stride, then flush with the border."""
    offsets = list(range(0, length - size + 1, stride))
    if offsets[-1] + size < length:
        offsets.append(length - size)
    return tuple(offsets)


def closes_ring(length: int, size: int, stride: int) -> bool:
    """Whether every column of a ring is covered as evenly as the stride can cover it."""
    return length % stride == 0 or size % stride != 0


def ring_offsets(length: int, size: int, stride: int) -> tuple[int, ...]:
    """First cells of the fewest windows along a closed axis, at most a stride apart.

    Raises:
        SyncPanoError: the stride divides the window and not the axis.
    """
    if not closes_ring(length, size, stride):
        raise SyncPanoError(
            f"windows every {stride} cells cannot close a loop of {length} cells evenly",
            hint="choose a width that is a multiple of the stride",
        )
    count = -(-length // stride)
    return tuple(i * length // count for i in range(count))


def _shifted_open_offsets(length: int, size: int, offset: int) -> tuple[int, ...]:
    inner = range(offset, length - size + 1, size)
    return tuple(sorted({0, *inner, length - size}))


def _thinned(count: int, start: int, every: int, *, ring: bool = False) -> list[int]:
    """Every n-th of a row's windows, `start` and the ends among them; no two are further apart."""
    if not ring:
        return sorted({0, *range(start % every, count, every), count - 1})
    number = -(-count // every)
    return sorted((start + i * count // number) % count for i in range(number))


def _grid(
    height: int, width: int, size: int, tops: Sequence[int], lefts: Sequence[int], loop: bool
) -> Grid:
    windows = tuple(Window(top, left, size) for top in tops for left in lefts)
    return Grid(height, width, size, windows, _anchor(windows, height, width), loop=loop)


def _anchor(windows: Sequence[Window], height: int, width: int) -> int:
    """The window whose centre is nearest the panorama's centre; ties go to the later one.

    For an open row that the stride tiles this is the reference's N // 2, which goes wrong for
    loops, even row counts and untiled widths.
    """

    def twice_distance_squared(window: Window) -> int:
        # Doubled coordinates keep half cells whole. A window of a loop may wrap: so may its centre.
        down = 2 * window.top + window.size - height
        across = (2 * window.left + window.size) % (2 * width) - width
        return down * down + across * across

    return min(range(len(windows)), key=lambda i: (twice_distance_squared(windows[i]), -i))
