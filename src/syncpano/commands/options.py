"""One flag for every setting of `PanoramaConfig`, made from its declaration."""

from __future__ import annotations

import inspect
import shlex
from collections.abc import Callable, Mapping
from dataclasses import MISSING
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

import typer

from syncpano.config import Setting, settings
from syncpano.presets import presets

Command = TypeVar("Command", bound=Callable[..., None])
_METAVARS = {int: "INTEGER", float: "NUMBER", str: "TEXT"}


def takes_settings(command: Command) -> Command:
    """Replace a command's `**flags` by one option for every setting except the prompt.

    Values arrive as text (None where a flag was not given): the same checks as for environment
    variables and files turn them into their types.
    """
    signature = inspect.signature(command)
    hints: dict[str, Any] = get_type_hints(command)
    own = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
    made = []
    for item in settings().values():
        if item.name == "prompt":
            continue
        hints[item.name] = bool | None if item.kind is bool else str | None
        made.append(
            inspect.Parameter(item.name, inspect.Parameter.KEYWORD_ONLY, default=_option(item))
        )
    own = [p.replace(annotation=hints[p.name]) for p in own]
    made = [p.replace(annotation=hints[p.name]) for p in made]
    command.__signature__ = signature.replace(parameters=[*own, *made])  # type: ignore[attr-defined]
    command.__annotations__ = hints
    return command


def _option(item: Setting) -> Any:
    flags = item.flags
    if item.kind is bool:
        flags = (f"{flags[0]}/--no-{flags[0].removeprefix('--')}",)
    complete = _completion(item.choices) if item.choices else None
    return typer.Option(
        None,
        *flags,
        metavar="|".join(item.choices) or _METAVARS.get(item.kind),
        help=f"{item.help.rstrip('.')} (default: {shown_default(item)}).",
        rich_help_panel=item.panel,
        autocompletion=complete,
        show_default=False,
    )


def shown_default(item: Setting) -> str:
    """The default as help and tables show it."""
    assert item.default is not MISSING
    return shown(item.default)


def shown(value: object) -> str:
    """A value as one would type it."""
    if value is None:
        return "auto"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value == "":
        return "empty"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _completion(choices: tuple[str, ...]) -> Callable[[str], list[str]]:
    def complete(incomplete: str) -> list[str]:
        return [choice for choice in choices if choice.startswith(incomplete)]

    return complete


def complete_config(incomplete: str) -> list[str]:
    """Named configs and YAML files; nothing where a folder, or a name to be quoted, begins so too.

    Of nothing the shell completes the names of files by itself.
    """
    here = [path for path in sorted(Path().iterdir()) if path.name.startswith(incomplete)]
    files = [path.name for path in here if path.suffix in (".yaml", ".yml")]
    if incomplete and any(path.is_dir() or shlex.quote(path.name) != path.name for path in here):
        return []
    return [name for name in presets() if name.startswith(incomplete)] + files


def given_flags(flags: Mapping[str, Any]) -> dict[str, str | bool]:
    """The flags that were given."""
    return {name: value for name, value in flags.items() if value is not None}


def show_help(context: typer.Context) -> None:
    """Print a group's help, which typer prints by itself where rich formats it."""
    text = context.get_help()
    if text:
        typer.echo(text)
