"""`syncpano config`: what the settings are and where they come from."""

from __future__ import annotations

import json
from pathlib import Path

import typer

from syncpano.commands.options import show_help
from syncpano.commands.request import resolve_settings, warn_of_variables
from syncpano.config import settings
from syncpano.console import Voice, aligned, print_result
from syncpano.presets import presets

app = typer.Typer(help="Show settings and named configs.", invoke_without_command=True)


@app.callback()
def config(context: typer.Context) -> None:
    """Show settings and named configs."""
    if context.invoked_subcommand is None:
        show_help(context)


@app.command("show")
def show(
    name: str | None = typer.Argument(None, help="A named config or a YAML file.", metavar="NAME"),
    from_log: Path | None = typer.Option(None, "--from", metavar="RUN", help="An earlier run."),
    as_json: bool = typer.Option(False, "--json", help="Print JSON."),
) -> None:
    """Print every setting, where it comes from and its variable; the output is valid YAML."""
    warn_of_variables(Voice())
    resolved = resolve_settings({}, [] if name is None else [name], from_log)
    if as_json:
        found = {"config": dict(resolved.values), "source": dict(resolved.origins)}
        print_result(json.dumps(found))
        return
    for key, value in resolved.values.items():
        # In ASCII, JSON halves letters such as emoji, and YAML would not join them again.
        line = f"{key}: {json.dumps(value, ensure_ascii=False)}"
        print_result(f"{line:32}  # {resolved.origins[key]}; {settings()[key].variables[0]}")


@app.command("list")
def list_command() -> None:
    """Print the named configs, each with its first comment."""
    rows = [
        (name, path.read_text(encoding="utf-8").splitlines()[0].removeprefix("#").strip())
        for name, path in presets().items()
    ]
    print_result(aligned(rows, left=(0, 1)))
