"""Where renders show the sun or the moon: of these a picture has one, however wide it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_watched: ContextVar[list[tuple[float, float]] | None] = ContextVar("watched", default=None)


def mark(x: float, radius: float) -> None:
    """Say that a sun or a moon is painted around column `x`; `radius` holds the brightest of its halo too."""
    spans = _watched.get()
    if spans is not None:
        spans.append((x - radius, x + radius))


@contextmanager
def watched() -> Iterator[list[tuple[float, float]]]:
    """Collect the columns, first and last, of all suns and moons that are painted inside the block."""
    spans: list[tuple[float, float]] = []
    token = _watched.set(spans)
    try:
        yield spans
    finally:
        _watched.reset(token)
