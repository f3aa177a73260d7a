"""Ctrl-C, SIGTERM and a closed terminal end a run in order: no half-written file, a log of it."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

SIGNALLED = 128  # and the number of the signal: a shell's name for the end that one makes
_SOON = 0.05  # seconds
_HANG_UP = getattr(signal, "SIGHUP", signal.SIGTERM)  # Windows has none


class Interrupted(BaseException):
    """The process was asked to stop; nothing that catches errors should catch it."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_code = SIGNALLED + number


@contextmanager
def raising_interrupted() -> Iterator[None]:
    """Turn the signals into `Interrupted` inside the block. Only for the main thread."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise Interrupted(number)

    def again(lost: sys.UnraisableHookArgs) -> None:
        # A signal that comes while Python is in a destructor is printed and forgotten.
        if isinstance(lost.exc_value, Interrupted):
            number = lost.exc_value.exit_code - SIGNALLED
            threading.Timer(_SOON, os.kill, (os.getpid(), number)).start()
        else:
            hook(lost)

    hook, sys.unraisablehook = sys.unraisablehook, again
    try:
        with handled(stop):
            yield
    finally:
        sys.unraisablehook = hook


@contextmanager
def handled(by: Callable[[int, FrameType | None], object]) -> Iterator[None]:
    """Give the signals that end a run to `by` inside the block. Only for the main thread."""
    before = {number: signal.signal(number, by) for number in heeded()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def heeded() -> set[signal.Signals]:
    """The signals that end a run, but for those that it was started to ignore.

    `nohup` has the closed terminal's ignored, and a script the Ctrl-C of what it runs behind it.
    """
    numbers = {signal.SIGINT, signal.SIGTERM, _HANG_UP}
    return {number for number in numbers if signal.getsignal(number) != signal.SIG_IGN}


def end_by(number: int) -> None:
    """End the process by a signal that it has heeded, where there are such ends.

    A shell's loop over prompts stops at Ctrl-C only if what it runs dies of it; who exits with a
    code of its own is taken to have made something else of the key.
    """
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # nobody reads it any more
            stream.flush()
    if os.name == "posix":
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)


@contextmanager
def held_back() -> Iterator[None]:
    """Let a short block, such as saving, end before a signal is heeded.

    Python runs handlers in the main thread, so a block in another thread is never cut off by one.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    waiting: list[int] = []
    try:
        with handled(lambda number, _: waiting.append(number)):
            yield
    finally:
        if waiting:
            signal.raise_signal(waiting[0])
