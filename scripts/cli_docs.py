"""Write docs/cli.md from the help texts; `--check` fails where the file is not current."""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import sys
from pathlib import Path

# The help's width and colour depend on these.
os.environ.update({"COLUMNS": "100", "NO_COLOR": "1", "TERM": "dumb"})

from typer.main import get_command

from syncpano.cli import app, run

TARGET = Path(__file__).parents[1] / "docs" / "cli.md"
HEAD = """# Command line

Generated from `--help` by `make docs`; do not edit. Results go to stdout, everything else to
stderr. Exit codes: 0 done, 1 failed, 2 bad input, 130 Ctrl-C (128 and the number of any signal).
"""


def commands() -> list[list[str]]:
    """Every command and subcommand, groups before what is in them."""
    found: list[list[str]] = [[]]
    root = get_command(app)
    for name, command in root.commands.items():  # type: ignore[attr-defined]
        found.append([name])
        found += [[name, inner] for inner in getattr(command, "commands", {})]
    return found


def help_text(command: list[str]) -> str:
    """What `syncpano COMMAND --help` prints."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        code = run([*command, "--help"])
    assert code == 0, command
    return "\n".join(line.rstrip() for line in printed.getvalue().strip("\n").splitlines())


def page() -> str:
    """The whole of docs/cli.md."""
    parts = [HEAD]
    for command in commands():
        title = " ".join(["syncpano", *command])
        parts.append(f"## `{title}`\n\n```text\n{help_text(command)}\n```\n")
    return "\n".join(parts)


def main() -> int:
    """Write the page, or compare it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="fail where the page is not current")
    check = parser.parse_args().check
    text = page()
    if not check:
        TARGET.write_text(text, encoding="utf-8")
        return 0
    if TARGET.is_file() and TARGET.read_text(encoding="utf-8") == text:
        return 0
    print(f"error: {TARGET.name} is not current\n\nhint: run `make docs`", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
