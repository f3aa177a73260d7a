"""`syncpano evaluate`: numbers for pictures, ours or not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from syncpano import files
from syncpano.console import Voice, aligned, print_result, quiet_libraries
from syncpano.errors import RUN_FAILED, SyncPanoError
from syncpano.metrics.checks import check_networks, check_sets
from syncpano.metrics.gaps import about_gaps
from syncpano.metrics.settings import (
    CLIP_MODEL,
    EXTRACTORS,
    LEAST_SIDE,
    METRICS,
    OF_SETS,
    PACKAGES,
    Settings,
    key_of,
    without_effect,
)
from syncpano.versions import versions_of

if TYPE_CHECKING:
    from syncpano.metrics.evaluation import Evaluation

SCHEMA = "syncpano.evaluation/1"
OFFLINE = "intra-pocket,colour,palette,edges"  # the default: nothing has to be downloaded


def evaluate(
    paths: list[Path] = typer.Argument(
        help="Pictures (PNG, JPEG), and folders that are searched for them.", metavar="PATH"
    ),
    metrics: str = typer.Option(
        OFFLINE, "--metrics", metavar="LIST", help=f"From: {', '.join(METRICS)}."
    ),
    reference: Path | None = typer.Option(
        None, "--reference", metavar="DIR", help="Pictures that fid, kid and giqa compare with."
    ),
    features: str = typer.Option(
        "inception", "--features", help=f"Network of fid, kid, giqa: {', '.join(EXTRACTORS)}."
    ),
    prompt: str | None = typer.Option(
        None, "--prompt", metavar="TEXT", help="Prompt of all pictures, not the run logs'."
    ),
    by_prompt: bool = typer.Option(
        False,
        "--by-prompt",
        help="Compare with reference pictures of the same prompt, and average.",
    ),
    crop: int | None = typer.Option(
        None,
        "--crop",
        min=LEAST_SIDE,
        metavar="PIXELS",
        help="Side of a crop; auto is the window in the run log, else the shorter side.",
        show_default="auto",
    ),
    seed: int = typer.Option(0, "--seed", min=0, help="Seed of the random crops."),
    reduction: str = typer.Option(
        "mean", "--reduction", help="Of a picture's pairs: mean, or the reference code's sum."
    ),
    giqa_form: str = typer.Option(
        "code",
        "--giqa-form",
        help="KNN-GIQA as its published code has it, or as its paper: code, paper.",
    ),
    loss_weights: Path | None = typer.Option(
        None, "--loss-weights", metavar="FILE", help="Trunk of intra-lpips and intra-style."
    ),
    feature_weights: Path | None = typer.Option(
        None, "--feature-weights", metavar="FILE", help="Trunk of `--features vgg16`."
    ),
    clip_model: str = typer.Option(
        CLIP_MODEL, "--clip-model", metavar="ID|DIR", help="CLIP of the metric clip."
    ),
    judge: str = typer.Option(
        "pocket", "--judge", metavar="MODEL", help="Model whose features/ folder judges."
    ),
    device: str = typer.Option("auto", "--device", help="auto, cpu, cuda or mps."),
    batch: int = typer.Option(4, "--batch", min=1, help="Crops at once; no number depends on it."),
    cache: Path | None = typer.Option(
        None,
        "--cache",
        metavar="DIR",
        help="Where measurements are kept.",
        show_default="the user's cache",
    ),
    no_cache: bool = typer.Option(False, "--no-cache", help="Measure everything again."),
    as_json: bool = typer.Option(False, "--json", help="All numbers, picture by picture."),
    quiet: bool = typer.Option(False, "--quiet", "-q", help="Nothing on stderr but errors."),
) -> None:
    """Measure coherence, fidelity and prompt fit of pictures.

    A picture that cannot be read or measured is named and skipped. The exit code is 1 if any was
    skipped or nothing could be compared with the reference, and 2 if no picture is left.
    """
    _one_of("--reduction", reduction, ("mean", "sum"))
    _one_of("--giqa-form", giqa_form, ("code", "paper"))
    _one_of("--features", features, EXTRACTORS)
    settings = Settings(
        metrics=tuple(dict.fromkeys(name.strip() for name in metrics.split(",") if name.strip())),
        crop=crop,
        seed=seed,
        reduction=reduction,  # type: ignore[arg-type]
        features=features,
        loss_weights=loss_weights,
        feature_weights=feature_weights,
        clip_model=clip_model,
        judge=judge,
        giqa_form=giqa_form,  # type: ignore[arg-type]
        by_prompt=by_prompt,
        prompt=prompt,
        device=device,
        batch=batch,
    )
    voice = Voice(quiet=quiet)
    evaluation, described = _measure(settings, paths, reference, cache, no_cache, voice)
    print_result(
        json.dumps(to_json(evaluation, described), indent=2, allow_nan=False)
        if as_json
        else to_text(evaluation)
    )
    compared = (evaluation.results[key_of(name)] for name in settings.metrics if name in OF_SETS)
    if evaluation.skipped or any(result.n == 0 for result in compared):
        raise typer.Exit(RUN_FAILED)


def to_json(evaluation: Evaluation, settings: dict[str, Any]) -> dict[str, Any]:
    """The object of `--json`; metrics/evaluation.schema.json describes it."""
    return {
        "schema": SCHEMA,
        "settings": settings,
        "metrics": {
            name: {
                "mean": result.mean,
                "std": result.std,
                "n": result.n,
                "features": result.features,
                **({"reduction": result.reduction} if result.reduction else {}),
            }
            for name, result in evaluation.results.items()
        },
        "images": evaluation.scores,
        "skipped": [{"path": str(path), "reason": why} for path, why in evaluation.skipped],
    }


def to_text(evaluation: Evaluation) -> str:
    """One line a metric: mean, standard deviation, number of pictures, which network."""
    lines = [("metric", "mean", "std", "n", "made by")]
    for name, result in evaluation.results.items():
        label = name if result.reduction != "sum" else f"{name} (sum)"
        lines.append(
            (label, _number(result.mean), _number(result.std), str(result.n), result.features)
        )
    return aligned(lines, left=(0, 4))


def _measure(
    settings: Settings,
    paths: list[Path],
    reference: Path | None,
    cache: Path | None,
    no_cache: bool,
    voice: Voice,
) -> tuple[Evaluation, dict[str, Any]]:
    if not settings.metrics:
        raise SyncPanoError("no metric was asked for", hint=f"metrics: {', '.join(METRICS)}")
    if settings.prompt is not None and not settings.prompt.strip():
        raise SyncPanoError(
            "the prompt is empty", hint="leave `--prompt` out for the prompts of the run logs"
        )
    from dataclasses import asdict, replace

    from syncpano.metrics.pictures import find_pictures

    for sentence in without_effect(settings, reference=reference is not None):
        voice.warn(sentence)
    pictures = find_pictures(paths)
    others = find_pictures([reference]) if reference else []
    if not set(settings.metrics) & set(OF_SETS):
        others = []
    check_networks(settings)
    check_sets(settings.metrics, pictures, others)
    quiet_libraries()
    from syncpano.metrics.cache import OTHER_CACHE, MeasurementCache, default_folder
    from syncpano.metrics.evaluation import Evaluator
    from syncpano.models.precision import resolve_device

    settings = replace(settings, device=str(resolve_device(settings.device)))
    folder = None if no_cache else cache or default_folder()
    if folder is not None:
        files.check_writable(folder, OTHER_CACHE)
    kept = MeasurementCache(folder)
    evaluator = Evaluator(settings, kept)
    with voice.counting("measuring", len(pictures) + len(others)) as advance:
        evaluation = evaluator.evaluate(
            pictures,
            others,
            on_picture=lambda _: advance(1),
            on_skip=lambda path, reason: voice.warn(f"{path} was skipped: {reason}"),
        )
    _warn_of_gaps(settings, evaluation, voice)
    described = asdict(settings) | {"reference": reference, "features_by": evaluator.features}
    described = {k: str(v) if isinstance(v, Path) else v for k, v in described.items()}
    return evaluation, described | {"versions": versions_of(PACKAGES)}


def _warn_of_gaps(settings: Settings, evaluation: Evaluation, voice: Voice) -> None:
    """Say why pictures have no number of some metric, or why there is none at all."""
    missing = {
        name: len(evaluation.scores) - evaluation.results[key_of(name)].n
        for name in settings.metrics
    }
    for sentence in about_gaps(missing, by_prompt=settings.by_prompt):
        voice.warn(sentence)


def _one_of(flag: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise SyncPanoError(
            f"`{flag} {value}` is not one of {', '.join(choices)}",
            hint=f"use `{flag} {choices[0]}`",
        )


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.6g}"
