"""Progress for whoever waits at a terminal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from rich.console import Console
from rich.progress import track

T = TypeVar("T")


def tracked(items: Iterable[T], what: str, total: int | None = None) -> Iterable[T]:
    """The items, under a bar on stderr that goes when they are through."""
    return track(items, what, total, transient=True, console=Console(stderr=True))
