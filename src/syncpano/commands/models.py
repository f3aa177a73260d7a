"""`syncpano models`: which models have a short name, what is cached, and fetching them."""

from __future__ import annotations

import json
from dataclasses import asdict

import typer

from syncpano.console import print_result
from syncpano.errors import SyncPanoError
from syncpano.models.source import ModelEntry, list_models, pull

app = typer.Typer(help="List the models that have a short name, or fetch one.")


@app.callback(invoke_without_command=True)
def models(
    context: typer.Context,
    as_json: bool = typer.Option(False, "--json", help="Print JSON."),
) -> None:
    """List the models that have a short name, or fetch one."""
    context.obj = as_json  # for `models --json list`
    if as_json and context.invoked_subcommand == "pull":
        raise SyncPanoError("`models pull` prints a folder, no JSON", hint="leave `--json` out")
    if context.invoked_subcommand is None:
        _print_models(as_json=as_json)


@app.command("list")
def list_command(
    context: typer.Context,
    as_json: bool = typer.Option(False, "--json", help="Print JSON."),
) -> None:
    """List aliases, what is cached, sizes and licences."""
    _print_models(as_json=as_json or context.obj)


@app.command("pull")
def pull_command(
    model: str = typer.Argument(help="An alias (sd2, sd1.5) or a Hub id."),
    revision: str | None = typer.Option(None, "--revision", help="Branch, tag or commit."),
    quiet: bool = typer.Option(False, "--quiet", "-q", help="No progress bar."),
) -> None:
    """Fetch a model ahead of time and print its folder."""
    print_result(str(pull(model, revision, progress=not quiet).folder))


def _print_models(*, as_json: bool) -> None:
    entries = list_models()
    if as_json:
        listed = [
            asdict(entry) | {"folder": str(entry.folder) if entry.folder else None}
            for entry in entries
        ]
        print_result(json.dumps(listed))
        return
    for entry in entries:
        about = f"{entry.repo}: {entry.about}" if entry.repo else entry.about
        print_result(f"{entry.alias:8}  {_state(entry):24}  {entry.licence:26}  {about}")


def _state(entry: ModelEntry) -> str:
    if entry.repo is None:
        return "ready" if entry.folder else "missing"
    size = f"{entry.download_bytes / 1e9:.1f} GB"
    return f"cached, {size}" if entry.folder else f"not downloaded, {size}"
