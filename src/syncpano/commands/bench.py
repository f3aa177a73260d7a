"""`syncpano bench`: how long presets take, in turns on this machine."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from syncpano import layers
from syncpano.advice import without_effect
from syncpano.commands.options import given_flags, takes_settings
from syncpano.commands.request import warn_of_variables
from syncpano.config import Value
from syncpano.console import Voice, print_result
from syncpano.errors import SyncPanoError
from syncpano.files import readable, short_name
from syncpano.plan import plan

if TYPE_CHECKING:
    from syncpano.bench import Case

PRESETS = "multidiffusion,exact,balanced,fast,draft"
PROMPT = "A waterfall"
TITLE = "Speed"


@takes_settings
def bench(
    presets: str = typer.Option(
        PRESETS, "--presets", metavar="LIST", help="Named configs or YAML files; ratios: the first."
    ),
    widths: str | None = typer.Option(
        None, "--widths", metavar="LIST", help="Such as 1024,3072,12288.", show_default="--width"
    ),
    prompt: str = typer.Option(PROMPT, "--prompt", metavar="TEXT", help="What to paint."),
    repeats: int = typer.Option(3, "--repeats", min=1, help="Rounds; each runs every case once."),
    markdown: Path | None = typer.Option(
        None, "--markdown", metavar="FILE", help="Write the table as a page too."
    ),
    overwrite: bool = typer.Option(False, "--overwrite", help="Replace that page if it exists."),
    title: str = typer.Option(TITLE, "--title", metavar="TEXT", help="Of that page."),
    as_json: bool = typer.Option(False, "--json", help="Print everything as JSON."),
    quiet: bool = typer.Option(False, "--quiet", "-q", help="Nothing on stderr but errors."),
    **flags: Any,
) -> None:
    """Time presets against each other: seconds, memory, model calls and operations.

    Every case runs in its own process, after a warm-up. Flags of settings hold for all cases.
    """
    from syncpano import bench as benchmark
    from syncpano import files
    from syncpano.models.precision import check_precision
    from syncpano.models.source import resolve_early, resolve_source

    voice = Voice(quiet=quiet)
    warn_of_variables(voice)
    environment = dict(layers.environment_layer(os.environ).values)
    if widths is not None:  # a flag, as strong as `--width`, and stronger than a variable
        environment.pop("width", None)
    given = {**environment, **layers.flag_layer(given_flags(flags)).values}
    given.pop("prompt", None)
    cases = _cases(presets, widths, prompt, given)
    first = cases[0].config
    check_precision(first.device, first.dtype)
    if markdown is not None:
        files.check_writable(markdown.parent)
        if files.exists(markdown) and not overwrite:
            raise files.exists_error(markdown)
    elif overwrite:
        voice.warn("`--overwrite` has no effect without `--markdown`")
    if markdown is None and as_json and title != TITLE:  # else it is the printed page's
        voice.warn("`--title` has no effect with `--json` and without `--markdown`")
    source = resolve_early(first.model, first.revision, progress=not quiet)
    try:
        timed = benchmark.lay_out(cases, source)
    except SyncPanoError as error:
        if widths is None:
            raise
        hint = error.hint.replace("`--width ", "`--widths ")  # the flag that was given
        raise SyncPanoError(error.message, hint=hint) from error
    for sentence in dict.fromkeys(
        f"{case.preset}: {sentence}"
        for case in cases
        for sentence in without_effect(plan(case.config, source), source, given)
    ):
        voice.warn(sentence)
    command = _command(presets, widths, prompt, repeats, given)
    resolve_source(first.model, first.revision, download=True, progress=not quiet)
    with voice.counting("timing", repeats * len(timed)) as advance:
        benchmark.time_in_turns(timed, repeats, on_run=lambda _: advance(1))
    report = benchmark.summarise(timed, command)
    page = benchmark.to_markdown(report, title)
    if markdown is not None:
        files.write_atomic(markdown, page.encode(), overwrite=overwrite)
        voice.say(f"{markdown} written")
    print_result(json.dumps(report, indent=2) if as_json else page)


def _cases(presets: str, widths: str | None, prompt: str, given: Mapping[str, Value]) -> list[Case]:
    """Every preset at every width, widths outermost; `given` holds for all."""
    from syncpano.bench import Case

    names = list(dict.fromkeys(name.strip() for name in presets.split(",") if name.strip()))
    if not names:
        raise SyncPanoError("there is no preset to time", hint=f"use `--presets {PRESETS}`")
    if widths is not None and "width" in given:
        raise SyncPanoError("there is `--width` and `--widths`", hint="give one of them")
    cases = []
    for width in [None] if widths is None else _numbers(widths):
        for name in names:
            resolved = layers.resolve([layers.Layer("flag", given), layers.config_layer(name)])
            overrides = {} if width is None else {"width": width}
            cases.append(Case(name, resolved.config(prompt=prompt, **overrides)))
    first = cases[0]
    for case in cases:
        for setting in ("model", "revision", "device", "dtype"):
            if getattr(case.config, setting) != getattr(first.config, setting):
                raise SyncPanoError(
                    f"{first.preset} and {case.preset} differ in {setting}: a table has one",
                    hint=f"give `--{setting}`, which holds for all",
                )
    return cases


def _numbers(widths: str) -> list[int]:
    numbers = [text.strip() for text in widths.split(",")]
    if not all(text.isdecimal() and len(text) < 8 for text in numbers):
        raise SyncPanoError(
            f"widths {widths[:40]!r} are not whole numbers", hint="write `--widths 1024,3072`"
        )
    return [int(text) for text in dict.fromkeys(numbers)]


def _command(
    presets: str, widths: str | None, prompt: str, repeats: int, given: Mapping[str, Value]
) -> str:
    """The command line that repeats the run, folders by their names alone."""
    words = ["syncpano", "bench", "--presets", presets]
    words += ["--widths", widths] if widths else []
    words += ["--prompt", prompt] if prompt != PROMPT else []
    words += ["--repeats", str(repeats)]
    for name, value in given.items():
        flag = name.replace("_", "-")
        if isinstance(value, bool):
            words.append(f"--{flag}" if value else f"--no-{flag}")
        elif name in ("model", "loss_weights") and isinstance(value, str):
            words += [f"--{flag}", short_name(value)]
        else:
            words += [f"--{flag}", "auto" if value is None else str(value)]
    return readable(shlex.join(words))
