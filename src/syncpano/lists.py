"""Lists that people write: seeds and prompts. No torch."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from syncpano.errors import SyncPanoError

MAX_PICTURES = 100_000
STDIN = Path("-")
_SEEDS = re.compile(r"(\d{1,19})(?:-(\d{1,19}))?")


def parse_seeds(text: str) -> list[int]:
    """`1,2,5-10` -> [1, 2, 5, 6, 7, 8, 9, 10]."""
    seeds: list[int] = []
    for part in text.split(","):
        match = _SEEDS.fullmatch(part.strip())
        first = int(match[1]) if match else 0
        last = int(match[2] or first) if match else -1
        if last < first:
            raise SyncPanoError(
                f"seeds {text[:40]!r} are not numbers and ranges", hint="write `--seeds 1,2,5-10`"
            )
        if last - first >= MAX_PICTURES:
            raise SyncPanoError(
                f"seeds {part.strip()[:40]!r} are more than {MAX_PICTURES}",
                hint="paint them in several runs",
            )
        seeds.extend(range(first, last + 1))
    return list(dict.fromkeys(seeds))


def read_prompt_file(path: Path) -> list[str]:
    """The prompts in a text file, or in standard input for `-`.

    Raises:
        SyncPanoError: it cannot be read, or holds none.
    """
    where = "standard input" if path == STDIN else str(path)
    if path == STDIN and sys.stdin is None:  # what Python makes of `<&-`
        raise SyncPanoError("standard input is closed", hint="pipe prompts into it, one a line")
    try:
        # A pipe's prompts too are UTF-8 whatever the locale, in which `sys.stdin` itself is read.
        content = sys.stdin.buffer.read() if path == STDIN else path.read_bytes()
        text = content.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SyncPanoError(
            f"{where} cannot be read: {reason}", hint="prompts are UTF-8 text, one a line"
        ) from error
    return parse_prompts(text, where)


def parse_prompts(text: str, where: str) -> list[str]:
    """One prompt a line; blank lines and lines that start with # are skipped."""
    # Not `splitlines`, which ends lines at U+2028, U+0085 and others too, where no editor does.
    lines = [line.strip() for line in re.split(r"\r\n?|\n", text.removeprefix("\ufeff"))]
    prompts = list(dict.fromkeys(line for line in lines if line and not line.startswith("#")))
    if not prompts:
        raise SyncPanoError(f"{where} holds no prompt", hint="write one prompt a line")
    return prompts
