"""`syncpano info`: what made this picture."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import typer

from syncpano import runlog
from syncpano.commands.options import shown
from syncpano.config import settings
from syncpano.console import print_result
from syncpano.layers import was_auto


def info(
    file: Path = typer.Argument(help="A picture or a run log that syncpano wrote.", metavar="FILE"),
    as_json: bool = typer.Option(False, "--json", help="Print the run log itself."),
) -> None:
    """Show what made a picture: prompt, model, settings, times."""
    log = runlog.read(file)
    if as_json:
        print_result(json.dumps(log, indent=2))
        return
    print_result("\n".join(f"{name:12}  {text}" for name, text in _facts(log)))


def _facts(log: runlog.Log) -> list[tuple[str, str]]:
    """Label and text; a log of an interrupted run lacks some of it."""
    config: dict[str, Any] = log["config"]
    facts = [("prompt", log["prompt"]), ("status", log.get("status", "unknown"))]
    if log.get("error"):
        facts.append(("error", log["error"]))
    if model := log.get("model"):
        revision = f" at {model['revision'][:12]}" if model["revision"] else ""
        facts.append(("model", f"{model['id']}{revision}, weights {(model['hash'] or '?')[:12]}"))
    if image := log.get("image"):
        facts.append(("picture", f"{image['width']} x {image['height']}, {image['sha256'][:12]}"))
    if windows := log.get("windows"):
        facts.append(("windows", f"{windows['count']}, one every {windows['stride']} pixels"))
    changed = [
        f"{name.replace('_', '-')} {shown(value)}"
        for name, value in config.items()
        if name not in ("prompt", "seed") and _was_chosen(log, name, value)
    ]
    facts.append(("settings", ", ".join(changed) or "all defaults"))
    facts.append(("seed", shown(config.get("seed"))))
    timings = log.get("timings", {})
    times = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in timings.items() if seconds)
    facts.append(("times", times or "none"))
    facts += [("notice", notice) for notice in log.get("notices", [])]
    facts.append(("created", log.get("created_at", "unknown")))
    return facts


def _was_chosen(log: runlog.Log, name: str, value: object) -> bool:
    """Whether somebody set it to other than its default; what a run found for `auto` nobody did."""
    item = settings().get(name)
    return item is not None and value != item.default and not was_auto(log, name)
