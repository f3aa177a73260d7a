"""A progress bar over many pictures with the time that is left; on stderr, on terminals only."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console


@contextmanager
def counting(what: str, total: float, *, quiet: bool = False) -> Iterator[Callable[[float], None]]:
    """Show a bar while the block runs; gives a function that advances it.

    Args:
        total: in whatever units the block advances; the time left is extrapolated from them.
    """
    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield lambda amount: None
        return
    from rich import progress

    columns = (
        progress.TextColumn("{task.description}", markup=False),
        progress.BarColumn(),
        progress.TaskProgressColumn(),
        progress.TimeElapsedColumn(),
        progress.TextColumn("left"),
        progress.TimeRemainingColumn(),
    )
    with progress.Progress(*columns, console=console, transient=True) as shown:
        task = shown.add_task(what, total=total)
        yield lambda amount: shown.update(task, advance=amount)
