"""Refuse what cannot be measured before a network is loaded. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from syncpano import files
from syncpano.errors import SyncPanoError
from syncpano.metrics.settings import OF_SETS, Settings
from syncpano.models.folder import JUDGE
from syncpano.models.source import resolve_source


def check_networks(settings: Settings) -> None:
    """Look for the files and folders that the settings name and their metrics read.

    Raises:
        SyncPanoError: one is not there, or nothing can read it.
    """
    metrics = set(settings.metrics)
    of_sets = bool(metrics & set(OF_SETS))
    if settings.loss_weights is not None and metrics & {"intra-lpips", "intra-style"}:
        files.require_weights_file(settings.loss_weights, "--loss-weights")
    if settings.feature_weights is not None and of_sets and settings.features == "vgg16":
        files.require_weights_file(settings.feature_weights, "--feature-weights")
    if of_sets and settings.features == "inception" and settings.feature_weights is not None:
        raise SyncPanoError(
            "Inception takes its weights from torch's cache alone",
            hint="leave `--feature-weights` out; `TORCH_HOME` says where the cache is",
        )
    if metrics & {"intra-pocket", "pocket-fit"} or (of_sets and settings.features == "pocket"):
        judge_folder(settings.judge)
    clip = settings.clip_model
    is_local = clip.startswith((".", "/", "~"))
    if "clip" in metrics and is_local and not files.is_folder(files.expanded(clip)):
        raise SyncPanoError(
            f"{clip[:80]}: no such folder",
            hint="`--clip-model` takes a folder or a Hub id `owner/name`",
        )


def check_sets(metrics: Sequence[str], paths: Sequence[Path], reference: Sequence[Path]) -> None:
    """Raise where metrics of sets have too little to compare."""
    of_sets = [metric for metric in metrics if metric in OF_SETS]
    if of_sets and not reference:
        raise SyncPanoError(
            f"there are no reference pictures to compare with, for {', '.join(of_sets)}",
            hint="give a folder by `--reference DIR`",
        )
    if len(paths) < 2 and set(of_sets) - {"giqa"}:
        raise SyncPanoError(
            "FID and KID compare sets: one picture is too few",
            hint="give at least two, better hundreds",
        )


def judge_folder(model: str) -> Path:
    """Where a model keeps the network that judges pictures.

    Raises:
        SyncPanoError: it has none.
    """
    source = resolve_source(model, download=False)
    if source.folder is None or not files.is_file(source.folder / JUDGE / "config.json"):
        raise SyncPanoError(
            f"{model} has no {JUDGE}/ folder with a network that judges pictures",
            hint="the pocket model has one: `--judge pocket`",
        )
    return source.folder / JUDGE
