"""`syncpano reproduce`: the tables and figures of the paper, by one command each."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from syncpano import files
from syncpano.batch import read_prompt_file
from syncpano.config import Value
from syncpano.console import Voice, print_result, quiet_libraries
from syncpano.counting import counting
from syncpano.errors import SyncPanoError
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
from syncpano.experiments.request import (
    COMMAND_FILE,
    Request,
    check_rows,
    describe,
    results_in,
)
from syncpano.experiments.spec import varied
from syncpano.metrics.settings import CLIP_MODEL, Settings

if TYPE_CHECKING:
    from syncpano.experiments.gallery import Exhibition
    from syncpano.metrics.evaluation import Evaluator


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
        help="Trunk of LPIPS and the style loss, in metrics and in rows that descend them.",
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
        [], "--set", metavar="NAME=VALUE", help="A setting of all panoramas, such as steps=25."
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
        "device": device,
    }
    source = resolve_early(model, revision, progress=not quiet)
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
    source = resolve_source(model, revision, download=True, progress=not quiet)
    request = replace(request, source=source)
    if not overwrite:
        _check_results(request)
    _run(request, voice)


def _check_results(request: Request) -> None:
    """Refuse to replace results of anything else; those of the same command are made anew."""
    folder = request.folder / request.experiment.name
    made_by = folder / COMMAND_FILE
    if not made_by.is_file():
        if found := sorted(results_in(folder)):
            raise files.exists_error(found[0])
        return
    there = made_by.read_text(encoding="utf-8")
    if there != request.record:
        other = "another command"
        if there.splitlines()[:1] == [request.command]:
            other = "this command with other files under the same names"
        raise SyncPanoError(
            f"{folder} holds the results of {other}: see {made_by}",
            hint="`--overwrite` replaces them; panoramas and measurements are kept in any case",
        )


def _run(request: Request, voice: Voice) -> None:
    from syncpano.experiments.gallery import Curator, paint, require_losses

    experiment = request.experiment
    curator = Curator(
        request.source,
        request.folder / "panoramas",
        request.overrides,
        request.settings.loss_weights,
    )
    exhibition = curator.lay_out(experiment, request.measured, request.shown)
    files.check_writable(request.folder / "panoramas")
    quiet_libraries()
    evaluator = _evaluator(request)
    wanted = exhibition.all()
    missing = [painting for painting in wanted if not painting.is_there()]
    require_losses(missing, request.source)
    voice.say(f"{experiment.name}: {len(missing)} of {len(wanted)} panoramas are to be painted")
    if missing:
        from syncpano.pipeline import Studio

        total = sum(painting.cost for painting in missing)
        with voice.logging(), counting("painting", total, quiet=voice.quiet) as advance:
            paint(missing, Studio(), on_cost=advance)
    _measure_and_write(request, exhibition, evaluator, voice)


def _evaluator(request: Request) -> Evaluator | None:
    """Load the judges before hours of painting, and find out that plots can be drawn."""
    from dataclasses import replace

    from syncpano.experiments.plots import require_matplotlib
    from syncpano.metrics.cache import MeasurementCache
    from syncpano.metrics.evaluation import Evaluator
    from syncpano.models.precision import resolve_device

    if request.experiment.kind != "grid":
        require_matplotlib()
    if not request.settings.metrics:
        return None
    device = str(resolve_device(str(request.overrides["device"])))
    cache = MeasurementCache(request.folder / "measurements")
    return Evaluator(replace(request.settings, device=device), cache)


def _measure_and_write(
    request: Request, exhibition: Exhibition, evaluator: Evaluator | None, voice: Voice
) -> None:
    from syncpano.experiments.measuring import assemble, measure_rows
    from syncpano.experiments.writing import write

    experiment = request.experiment
    count = sum(map(len, exhibition.measured.values())) + len(exhibition.references)
    count *= evaluator is not None
    with counting("measuring", count, quiet=voice.quiet) as advance:
        results = measure_rows(experiment, exhibition, evaluator, lambda _: advance(1))
    description = describe(request, exhibition)
    if len(description["setups"]) > 1:
        voice.warn(
            f"the panoramas were painted in several ways ({'; '.join(description['setups'])}): "
            "their seconds do not compare"
        )
    report = assemble(experiment, request.measured, results, description)
    write(
        request.folder / experiment.name,
        report,
        exhibition,
        request.record,
        on_file=lambda path: print_result(str(path)),
    )
