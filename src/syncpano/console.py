"""What people see on stderr: a progress bar, warnings, errors. stdout belongs to the results."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from rich.console import Console

from syncpano.errors import RUN_FAILED, SyncPanoError

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


class _Unheard(Console):
    """A console whose reader may go: rich would end the program."""

    def on_broken_pipe(self) -> None:
        self.quiet = True


class Voice:
    """Everything but the results, in plain words.

    Args:
        quiet: errors only.
        verbosity: 1 for how the run goes, 2 for what the package logs for its makers.
    """

    def __init__(self, *, quiet: bool = False, verbosity: int = 0) -> None:
        self.quiet = quiet
        self.verbosity = verbosity
        self.about = ""  # which of several pictures the package's warnings are about
        # File names and prompts are printed as they are, `:cat:` and `[red]` too.
        self._console = _Unheard(
            stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True
        )

    def say(self, sentence: str) -> None:
        """One line for people."""
        if not self.quiet:
            self._print(sentence)

    def warn(self, sentence: str) -> None:
        """One line about what may not be meant."""
        self.say(f"warning: {sentence}")

    def detail(self, sentence: str) -> None:
        """One line that only `-v` shows."""
        if self.verbosity:
            self.say(sentence)

    def error(self, error: SyncPanoError) -> None:
        """What went wrong, and what to do about it; never silenced."""
        self._print(f"error: {error.message}")
        if error.hint:
            self._print(f"\nhint: {error.hint}")

    def _print(self, text: str) -> None:
        # A full disk, or a reader that has gone: what nobody hears must not end the painting.
        with suppress(OSError):
            self._console.print(text)

    @contextmanager
    def logging(self) -> Iterator[None]:
        """Show the warnings of the package (all it logs at verbosity 2) while the block runs."""
        handler = _VoiceHandler(self)
        handler.setLevel(logging.DEBUG if self.verbosity > 1 else logging.WARNING)
        package = logging.getLogger("syncpano")
        level, propagate = package.level, package.propagate
        package.addHandler(handler)
        package.setLevel(handler.level)
        package.propagate = False
        try:
            yield
        finally:
            package.removeHandler(handler)
            package.setLevel(level)
            package.propagate = propagate

    @contextmanager
    def bar(self) -> Iterator[Bar]:
        """One bar for the whole batch, of the steps of one picture after the other."""
        steps = "step {task.completed:.0f}/{task.total:.0f}"
        with self._progress(steps, "{task.fields[distance]}") as shown:
            yield Bar(shown)

    @contextmanager
    def counting(self, what: str, total: float) -> Iterator[Callable[[float], None]]:
        """A bar over many pictures while the block runs; gives a function that advances it.

        Args:
            total: in whatever units the block advances; the time left is extrapolated from them.
        """
        with self._progress("{task.percentage:3.0f}%") as shown:
            if shown is None:
                yield lambda amount: None
                return
            task = shown.add_task(what, total=total)
            yield lambda amount: shown.update(task, advance=amount)

    @contextmanager
    def _progress(self, *texts: str) -> Iterator[Progress | None]:
        """A bar with these texts behind it; None when quiet or not on a terminal."""
        if self.quiet or not self._console.is_terminal:
            yield None
            return
        from rich import progress

        columns = (
            progress.TextColumn("{task.description}", markup=False),
            progress.BarColumn(),
            *(progress.TextColumn(text) for text in texts),
            progress.TimeElapsedColumn(),
            progress.TextColumn("left"),
            progress.TimeRemainingColumn(),
        )
        with progress.Progress(
            *columns,
            console=self._console,
            transient=True,
            # Redirected, results would end on stderr.
            redirect_stdout=False,
            redirect_stderr=False,
        ) as shown:
            yield shown


class Bar:
    """The progress of one picture after the other."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._task: TaskID | None = None
        self._name = ""

    def begin(self, name: str) -> None:
        """Start over for the next picture."""
        self._name = name
        if self._progress is None:
            return
        if self._task is not None:
            self._progress.remove_task(self._task)
        self._task = self._progress.add_task(name, total=0, distance="")

    def expect(self, steps: int) -> None:
        """The picture takes this many steps."""
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, total=steps)

    @contextmanager
    def hidden(self) -> Iterator[None]:
        """Take the bar off the terminal while a result is printed."""
        if self._progress is None:
            yield
            return
        self._progress.stop()
        try:
            yield
        finally:
            self._progress.start()

    def stage(self, stage: str) -> None:
        """Say what is being done now."""
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, description=f"{self._name}: {stage}")

    def step(self, distance: float | None) -> None:
        """One step is done; its mean distance to the anchor, if it synchronised."""
        if self._progress is not None and self._task is not None:
            text = "" if distance is None else f"distance {distance:.3f}"
            self._progress.update(self._task, advance=1, distance=text)


class _VoiceHandler(logging.Handler):
    def __init__(self, voice: Voice) -> None:
        super().__init__()
        self._voice = voice
        self._said: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        message = f"{self._voice.about}{record.getMessage()}"
        if message in self._said:  # the next seed of the same prompt has the same unknown words
            return
        self._said.add(message)
        if record.levelno >= logging.WARNING:
            self._voice.warn(message)
        else:
            self._voice.say(message)


def quiet_libraries() -> None:
    """Keep the libraries' talk to their developers off stderr; to be called before their import."""
    os.environ.setdefault("DIFFUSERS_VERBOSITY", "error")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")


def print_result(text: str) -> None:
    """One result on stdout, at once: each picture is announced when it is there.

    Raises:
        SyncPanoError: stdout is closed or full.
        BrokenPipeError: who reads it has gone.
    """
    if sys.stdout is None:
        raise SyncPanoError("standard output is closed", exit_code=RUN_FAILED)
    # A file's name may be no valid text, and an old terminal may know few letters. These escapes
    # are YAML and Python, but not JSON, which is therefore given in ASCII.
    encoding = sys.stdout.encoding or "utf-8"
    text = text.encode(encoding, "backslashreplace").decode(encoding)
    try:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        # What is left in the buffer would fail again when Python exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SyncPanoError(
            f"standard output cannot be written: {error.strerror or error}", exit_code=RUN_FAILED
        ) from error


def aligned(rows: Sequence[Sequence[str]], left: Collection[int] = (0,)) -> str:
    """Rows of cells as columns of text, numbers to the right and those in `left` to the left."""
    wide = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(wide[place]) if place in left else cell.rjust(wide[place])
            for place, cell in enumerate(row)
        ).rstrip()
        for row in rows
    )
