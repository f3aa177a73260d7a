"""What a user can fix is a `SyncPanoError`; what only we can break is an `assert`."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

BAD_INPUT = 2
RUN_FAILED = 1
# What allocators say, in lower case.
OUT_OF_MEMORY = (
    "out of memory",
    "can't allocate memory",  # torch on a CPU
    "not enough memory",
    "alloc_failed",  # cuBLAS and cuDNN
    "invalid buffer size",  # MPS
)

_IN_PYTHON = " (in Python `--width 512` is width=512, `--overwrite` is overwrite=True)"


class SyncPanoError(Exception):
    """An error that the user can act on: the offending value first, then the fix.

    Its text is the message; a traceback shows the hint below it, as a note.

    Args:
        message: one sentence, without a full stop, that starts with the offending value.
        hint: what to do about it; empty where nothing can be advised.
        exit_code: `BAD_INPUT` for what was asked, `RUN_FAILED` for what happened on the way.
    """

    def __init__(self, message: str, *, hint: str = "", exit_code: int = BAD_INPUT) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.exit_code = exit_code
        if hint:  # the command line, which prints messages and hints, prints no notes
            self.add_note(f"hint: {hint}" + _IN_PYTHON * ("`--" in hint))


def first_line(error: Exception) -> str:
    """What an exception says first; its name where it says nothing."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def suggestion(given: str, known: Iterable[str]) -> str:
    """``did you mean `x`?`` for the known name that is nearest; empty where none is near."""
    near = get_close_matches(given.lower().replace("-", "_"), list(known), 1)
    near = near or get_close_matches(given, list(known), 1)
    return f"did you mean `{near[0]}`?" if near else ""
