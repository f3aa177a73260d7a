"""`syncpano reproduce`: the tables and figures of the paper, by one command each."""

from __future__ import annotations

from pathlib import Path

import typer

from syncpano import files
from syncpano.choices import AUTO
from syncpano.config import Value
from syncpano.config import settings as all_settings
from syncpano.console import Voice, print_result
from syncpano.experiments.flags import (
    OF_FAMILY,
    check_features,
    check_prompts,
    metrics_of,
    shared_settings,
    tailored,
    with_references,
)
from syncpano.experiments.reading import find_experiment, paper_prompts
from syncpano.experiments.request import Request, check_rows
from syncpano.experiments.spec import varied
from syncpano.lists import read_prompt_file
from syncpano.metrics.checks import check_networks
from syncpano.metrics.settings import CLIP_MODEL, Settings
from syncpano.values import coerce


def reproduce(
    experiment: str = typer.Argument(
        help="table-s2, table-s3, pictures-s2, figure-s1, -s2, -s3, -s5, -s8, gradients, or a YAML "
        "file.",
        metavar="EXPERIMENT",
    ),
    model: str = typer.Option("pocket", "--model", help="As for `syncpano generate`."),
    revision: str | None = typer.Option(
        None, "--revision", help="Branch, tag or commit of a Hub model.", show_default="main"
    ),
    prompts: Path | None = typer.Option(
        None, "--prompts", metavar="FILE", help="One prompt a line, instead of the paper's."
    ),
    samples: int | None = typer.Option(
        None, "--samples", min=1, help="Seeds of every prompt.", show_default="the experiment's"
    ),
    references: int | None = typer.Option(
        None,
        "--references",
        min=0,
        help="Reference panoramas of every prompt.",
        show_default="the experiment's",
    ),
    rows: str | None = typer.Option(
        None, "--rows", metavar="NAMES", help="Only these rows, separated by `;`."
    ),
    pictures: int | None = typer.Option(
        None,
        "--pictures",
        min=1,
        help="Prompts that the report shows, measured or not.",
        show_default="the experiment's",
    ),
    out: Path = typer.Option(
        Path("out/reproduce"), "--out", metavar="DIR", help="Panoramas are shared inside it."
    ),
    metrics: str | None = typer.Option(
        None, "--metrics", metavar="LIST", help="As for `syncpano evaluate`; `none` for times only."
    ),
    features: str | None = typer.Option(
        None, "--features", help="Network of fid, kid, giqa.", show_default="by model"
    ),
    loss_weights: Path | None = typer.Option(
        None,
        "--loss-weights",
        metavar="FILE",
        help="VGG's trunk for LPIPS and the style loss, in metrics and in rows that descend them "
        "and have no `loss_weights` of their own.",
    ),
    feature_weights: Path | None = typer.Option(
        None, "--feature-weights", metavar="FILE", help="Trunk of `--features vgg16`."
    ),
    clip_model: str = typer.Option(CLIP_MODEL, "--clip-model", metavar="ID|DIR", help="CLIP."),
    judge: str = typer.Option(
        "pocket", "--judge", metavar="MODEL", help="Model whose features/ folder judges."
    ),
    device: str = typer.Option("auto", "--device", help="auto, cpu, cuda or mps."),
    settings: list[str] = typer.Option(
        [],
        "--set",
        metavar="NAME=VALUE",
        help="A setting of all panoramas, such as guidance-scale=5.",
    ),
    dry_run: bool = typer.Option(
        False, "--dry-run", help="Print what there is to paint, and paint nothing."
    ),
    overwrite: bool = typer.Option(
        False, "--overwrite", help="Replace results of other rows, samples or metrics."
    ),
    quiet: bool = typer.Option(False, "--quiet", "-q", help="Nothing on stderr but errors."),
) -> None:
    """Reproduce a table or figure of the paper: paint, measure, compare.

    Panoramas that are there already are kept, so an interrupted run goes on where it stopped.
    """
    from dataclasses import replace

    from syncpano.experiments.forecast import forecast
    from syncpano.experiments.run import check_results, run
    from syncpano.models.source import resolve_early, resolve_source

    voice = Voice(quiet=quiet)
    texts = paper_prompts() if prompts is None else read_prompt_file(prompts)
    found = tailored(
        find_experiment(experiment),
        rows=rows,
        prompts=None if prompts is None else len(texts),
        samples=samples,
        references=references,
        pictures=pictures,
    )
    check_prompts(found, len(texts))
    overrides: dict[str, Value] = {
        **shared_settings(settings, varied(found)),
        "model": model,
        "revision": revision,
        "device": coerce(all_settings()["device"], device, "--device"),
    }
    if not dry_run:
        from syncpano.models.precision import check_precision

        check_precision(device, str(overrides.get("dtype", AUTO)))
    source = resolve_early(model, revision, download=not dry_run, progress=not quiet)
    of_family, of_features = OF_FAMILY[source.family]
    check_features(features, of_features)
    names = metrics_of(found, metrics, of_family)
    found = with_references(found, names, references)
    request = Request(
        name=experiment,
        experiment=found,
        source=source,
        measured=texts[: found.prompts],
        shown=texts[: found.pictures or found.prompts],
        folder=out,
        settings=Settings(
            metrics=names,
            features=features or of_features,
            loss_weights=loss_weights,
            feature_weights=feature_weights,
            clip_model=clip_model,
            judge=judge,
        ),
        overrides=overrides,
        rows=rows,
        metrics=metrics,
        features=features,
        prompts=prompts,
    )
    check_rows(found, source, overrides, texts[0])
    check_networks(request.settings)
    if not dry_run:
        files.check_writable(request.panoramas)
    source = resolve_source(model, revision, download=not dry_run, progress=not quiet)
    request = replace(request, source=source)
    if dry_run:
        print_result(forecast(request))
        return
    if not overwrite:
        check_results(request)
    run(request, voice)
