"""The command line that repeats a script's run, for the page that it writes."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path

from syncpano.files import short_name

WHERE_TO = ("out", "markdown", "report", "folder", "keep")  # do not decide any number


def command(script: str, parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> str:
    """`python scripts/SCRIPT` with every argument that is not its default, files by their names."""
    words = ["python", f"scripts/{Path(script).name}"]
    for name, value in vars(arguments).items():
        if name in WHERE_TO or value == parser.get_default(name) or value is None:
            continue
        values = value if isinstance(value, list) else [value]
        for item in values:
            words.append(f"--{name.replace('_', '-')}")
            words += [] if item is True else [short_name(str(item))]
    return shlex.join(words)
