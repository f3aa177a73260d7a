"""Flags of `syncpano reproduce`, as the metrics and settings of an experiment. No torch."""

from __future__ import annotations

from collections.abc import Sequence

from syncpano.config import Value, settings
from syncpano.errors import SyncPanoError, suggestion
from syncpano.experiments.spec import Experiment
from syncpano.metrics.settings import EXTRACTORS, OF_SETS
from syncpano.values import coerce

# Settings that `--set` may not touch: they have flags, or are the rows' own.
OF_ROWS = ("prompt", "seed", "model", "revision", "device", "method")
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


def metrics_of(
    experiment: Experiment, asked: str | None, usual: str, pictures: int
) -> tuple[str, ...]:
    """The metrics of a table with so many pictures a row; a grid shows pictures only.

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
        if not equals or not name or name in OF_ROWS:
            raise SyncPanoError(
                f"`--set {text}` is no setting that all panoramas could share",
                hint=suggestion(asked.strip(), () if name else names)
                or "write NAME=VALUE, for example `--set steps=25`",
            )
        if name in of_rows:
            raise SyncPanoError(
                f"`--set {text}` would paint rows that differ by {name} alike",
                hint="choose other `--rows`, or write an experiment of your own as YAML",
            )
        found[name] = coerce(settings()[name], value, f"--set {name}")
    return found
