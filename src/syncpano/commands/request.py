"""Which pictures a command line asks for: settings, prompts, seeds and places."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from syncpano import batch, files, kept, layers, lists, runlog
from syncpano.commands.options import given_flags
from syncpano.config import PanoramaConfig
from syncpano.console import Voice
from syncpano.errors import SyncPanoError
from syncpano.models.source import ModelSource, resolve_early
from syncpano.plan import Plan, plan
from syncpano.presets import is_config

OUTPUT_FOLDER = Path("out")
SHOWN_LETTERS = 40  # of a prompt, in what a warning about it begins with


@dataclass(frozen=True)
class Request:
    """Which pictures a command line asks for."""

    resolved: layers.Resolved
    jobs: list[batch.Job]
    options: batch.Options


def check_names(configs: Sequence[str]) -> None:
    """Refuse several configs in one `--config`, of which the nearest name would be only one."""
    for text in configs:
        names = re.split(r"[,\s]+", text.strip(", \t"))
        if len(names) > 1 and not files.is_file(Path(text)) and all(map(is_config, names)):
            apart = " ".join(f"--config {name}" for name in names)
            raise SyncPanoError(
                f"{text[:80]!r} are several configs", hint=f"give each its own: `{apart}`"
            )


def resolve_settings(
    flags: Mapping[str, Any],
    configs: Sequence[str],
    from_log: Path | None,
) -> layers.Resolved:
    """Flags over SYNCPANO_* over --config (the last over the first) over --from over defaults."""
    found = [layers.flag_layer(given_flags(flags)), layers.environment_layer(os.environ)]
    found += map(layers.config_layer, reversed(configs))
    if from_log is None:
        return layers.resolve(found)
    earlier = runlog.read(from_log)  # once: it may be a pipe
    given = {name: value for layer in reversed(found) for name, value in layer.values.items()}
    found.append(layers.log_layer(earlier, from_log, given))
    return replace(layers.resolve(found), earlier=earlier)


def warn_of_variables(voice: Voice) -> None:
    """Name the variables that are nearly those of settings."""
    for name, near in layers.unknown_variables(os.environ).items():
        voice.warn(f"{name} is no setting" + (f"; did you mean {near}?" if near else ""))


def read_prompts(prompt: str | None, file: Path | None) -> list[str]:
    """The prompts of the command line; none where another layer may have one."""
    if prompt is not None and file is not None:
        raise SyncPanoError("there is a PROMPT and a `--prompts` file", hint="give one of them")
    if prompt == str(lists.STDIN):
        file = lists.STDIN
    if file is not None:
        return lists.read_prompt_file(file)
    return [] if prompt is None else [prompt]


def read_seeds(seeds: str | None, flags: Mapping[str, Any]) -> list[int]:
    """The seeds of the command line; none where another layer has one."""
    if seeds is None:
        return []
    if flags.get("seed") is not None:
        raise SyncPanoError("there is `--seed` and `--seeds`", hint="give one of them")
    return lists.parse_seeds(seeds)


def name_configs(
    resolved: layers.Resolved, prompts: list[str], seeds: list[int]
) -> list[PanoramaConfig]:
    """The config of every picture: each prompt with each seed.

    Raises:
        SyncPanoError: they are too many, which is found out before the first is made; or there is
            no prompt.
    """
    count = max(len(prompts), 1) * max(len(seeds), 1)
    if count > lists.MAX_PICTURES:
        raise SyncPanoError(
            f"{count} pictures are too many for one run", hint="paint them in several runs"
        )
    texts = [resolved.config(prompt=prompt) for prompt in prompts] or [resolved.config()]
    return [replace(config, seed=seed) for config in texts for seed in (seeds or [config.seed])]


def place_jobs(
    configs: list[PanoramaConfig], output: Path | None, folder: Path | None
) -> list[batch.Job]:
    """Where every picture goes."""
    if output is None:
        return batch.name_jobs(configs, folder or OUTPUT_FOLDER)
    if folder is not None:
        raise SyncPanoError("there is `--output` and `--output-dir`", hint="give one of them")
    if len(configs) > 1:
        raise SyncPanoError(
            f"`--output` names one file, but there are {len(configs)} pictures",
            hint="use `--output-dir`",
        )
    if not output.name:
        raise SyncPanoError("`--output` names no file", hint="use `--output panorama.png`")
    if output.suffix.lower() != ".png":
        raise SyncPanoError(
            f"{output} is not a .png file",
            hint="use `--output panorama.png`"
            if output.name.startswith(".")
            else f"use `--output {output.with_suffix('.png')}`",
        )
    return [batch.Job(configs[0], output)]


def at_hand(config: PanoramaConfig) -> ModelSource | None:
    """The model, where settings can be checked against it without a download."""
    try:
        return resolve_early(config.model, config.revision, download=False)
    except SyncPanoError:  # which is said when it is needed: what exists already comes first
        return None


def lay_out(request: Request, source: ModelSource) -> list[Plan]:
    """The plan of every picture.

    Raises:
        SyncPanoError: one cannot work.
    """
    return [plan(job.config, source, request.resolved.written) for job in request.jobs]


def remaining(request: Request, source: ModelSource, voice: Voice) -> list[batch.Job]:
    """The pictures that are still to be painted."""
    jobs = batch.pending(request.jobs, request.options, source)
    if len(jobs) < len(request.jobs):
        voice.say(f"{len(request.jobs) - len(jobs)} of {len(request.jobs)} pictures exist already")
    return jobs


def restore_logs(request: Request, jobs: Sequence[batch.Job], voice: Voice) -> None:
    """Write the JSON of pictures that are kept where it is lost: the log is in the picture too.

    Args:
        jobs: what is still to be painted.
    """
    painted = {job.config for job in jobs}
    for job in request.jobs:
        if job.config not in painted:
            written = kept.restore_log(kept.place(job.config, job.path, job.other))
            if written is not None:
                voice.say(f"{written} was missing: written again from the picture")


def labels(jobs: Sequence[batch.Job]) -> dict[str, str]:
    """Prompt -> what a warning about it begins with: nothing where it is the only one."""
    prompts = dict.fromkeys(job.config.prompt for job in jobs)
    several = len(prompts) > 1
    return {p: f"{_beginning(p)!r}: " if several else "" for p in prompts}


def _beginning(prompt: str) -> str:
    """What fits into a warning; cut anywhere, for not all languages have spaces between words."""
    line = " ".join(prompt.split())
    return line if len(line) <= SHOWN_LETTERS else f"{line[: SHOWN_LETTERS - 1]}…"
