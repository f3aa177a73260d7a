"""Flags of `syncpano reproduce`, as the metrics and settings of an experiment. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from syncpano.config import Value, settings
from syncpano.errors import SyncPanoError, suggestion
from syncpano.experiments.spec import OF_COMMAND, Experiment, only
from syncpano.metrics.settings import EXTRACTORS, OF_SETS
from syncpano.values import coerce

# What is measured unless one says otherwise. The pocket model paints no photographs, so its own
# judge stands for CLIP and Inception.
COMMON = "intra-lpips,intra-style,colour,palette,edges"
OF_FAMILY = {
    "pocket": (f"{COMMON},intra-pocket,giqa,fid,kid,pocket-fit", "pocket"),
    "sd": (f"{COMMON},giqa,fid,kid,clip", "inception"),
}


def check_features(asked: str | None, usual: str) -> None:
    """Refuse a network that there is not; None takes the usual one.

    Raises:
        SyncPanoError: it is unknown.
    """
    if asked is not None and asked not in EXTRACTORS:
        raise SyncPanoError(
            f"`--features {asked}` is not one of {', '.join(EXTRACTORS)}",
            hint=f"use `--features {usual}`",
        )


def tailored(
    experiment: Experiment,
    *,
    rows: str | None = None,
    prompts: int | None = None,
    samples: int | None = None,
    references: int | None = None,
    pictures: int | None = None,
) -> Experiment:
    """The experiment as the flags want it, None for its own; a grid paints what it shows.

    Args:
        prompts: how many there are in a file of one's own.

    Raises:
        SyncPanoError: there is no such row, or a grid is to have what only measuring needs.
    """
    if rows is not None:
        experiment = only(experiment, [name.strip() for name in rows.split(";") if name.strip()])
    if prompts is not None:
        experiment = replace(experiment, prompts=prompts, pictures=prompts)
    if pictures is not None:
        experiment = replace(experiment, pictures=pictures)
    if experiment.kind == "grid":
        for name, value in {"samples": samples, "references": references}.items():
            if value is not None:
                raise SyncPanoError(
                    f"{experiment.name} shows one picture of every prompt and measures nothing",
                    hint=f"leave `--{name}` out; `--pictures` says how many prompts",
                )
        shown = experiment.pictures or experiment.prompts
        return replace(experiment, prompts=shown, samples=1, references=0)
    if samples is not None:
        experiment = replace(experiment, samples=samples)
    return experiment if references is None else replace(experiment, references=references)


def check_prompts(experiment: Experiment, count: int) -> None:
    """Refuse to measure or show fewer prompts than were asked for.

    Raises:
        SyncPanoError: there are only `count`.
    """
    wanted = max(experiment.prompts, experiment.pictures)
    if wanted > count:
        raise SyncPanoError(
            f"{experiment.name} wants {wanted} prompts, and there are {count}",
            hint="give more by `--prompts FILE`, or fewer `--pictures`",
        )


def with_references(
    experiment: Experiment, metrics: Sequence[str], asked: int | None
) -> Experiment:
    """The experiment without references where nothing is compared with them.

    Raises:
        SyncPanoError: some were asked for.
    """
    if set(metrics) & set(OF_SETS):
        return experiment
    if asked:
        raise SyncPanoError(
            f"`--references {asked}` would be painted for nothing: no metric compares with them",
            hint=f"leave it out, or measure {', '.join(OF_SETS)}",
        )
    return replace(experiment, references=0)


def metrics_of(experiment: Experiment, asked: str | None, usual: str) -> tuple[str, ...]:
    """The metrics of a table; a grid shows pictures only.

    Of the usual ones those that cannot be are left out.

    Raises:
        SyncPanoError: what was asked for cannot be measured.
    """
    listed = usual if asked is None else asked
    names = tuple(dict.fromkeys(name.strip() for name in listed.split(",") if name.strip()))
    if names == ("none",):
        return ()
    if not names:
        raise SyncPanoError("no metric was asked for", hint="`--metrics none` is for times only")
    if experiment.kind == "grid":
        if asked is not None:
            raise SyncPanoError(
                f"{experiment.name} shows pictures and measures nothing",
                hint="leave `--metrics` out",
            )
        return ()
    pictures = experiment.prompts * experiment.samples
    for lacking, needy, reason, remedy in (
        (experiment.references == 0, OF_SETS, "there are no references", "`--references 8`"),
        (pictures < 2, ("fid", "kid"), "one picture a row is too few", "`--samples 2`"),
    ):
        unfounded = [name for name in names if lacking and name in needy]
        if asked is not None and unfounded:
            raise SyncPanoError(
                f"{reason} for {', '.join(unfounded)}",
                hint=f"give {remedy} or more, or other `--metrics`",
            )
        names = tuple(name for name in names if name not in unfounded)
    return names


def shared_settings(given: Sequence[str], of_rows: frozenset[str]) -> dict[str, Value]:
    """NAME=VALUE as settings of a panorama; `of_rows` are those that rows differ by.

    Raises:
        SyncPanoError: one is unknown, has a flag, or would make rows alike.
    """
    found: dict[str, Value] = {}
    names = {
        flag.removeprefix("--"): item.name for item in settings().values() for flag in item.flags
    }
    for text in given:
        asked, equals, value = text.partition("=")
        name = names.get(asked.strip().replace("_", "-"), "")
        if not equals or not name or name in (*OF_COMMAND, "method"):
            raise SyncPanoError(
                f"`--set {text}` is no setting that all panoramas could share",
                hint=suggestion(asked.strip(), () if name else names)
                or "write NAME=VALUE, for example `--set guidance-scale=5`",
            )
        if name in of_rows:
            raise SyncPanoError(
                f"`--set {text}` would paint rows that differ by {name} alike",
                hint="choose other `--rows`, or write an experiment of your own as YAML",
            )
        found[name] = coerce(settings()[name], value, f"--set {name}")
    return found
