"""`syncpano reproduce`: the tables and figures of the paper, by one command each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from syncpano.batch import read_prompt_file
from syncpano.config import Value
from syncpano.console import Voice, print_result, quiet_libraries
from syncpano.counting import counting
from syncpano.errors import SyncPanoError
from syncpano.experiments.reading import find_experiment, paper_prompts
from syncpano.experiments.request import COMMAND_FILE, Request, describe
from syncpano.experiments.spec import Experiment, only, varied
from syncpano.metrics.settings import CLIP_MODEL, OF_SETS, Settings

if TYPE_CHECKING:
    from syncpano.experiments.gallery import Exhibition
    from syncpano.metrics.evaluation import Evaluator

# Settings that `--set` may not touch: they have flags, or are the rows' own.
OF_ROWS = ("prompt", "seed", "model", "revision", "device", "method")
# What is measured unless one says otherwise. The pocket model paints no photographs, so its own
# judge stands for CLIP and Inception.
COMMON = "intra-lpips,intra-style,colour,palette,edges"
OF_FAMILY = {
    "pocket": (f"{COMMON},intra-pocket,giqa,fid,kid,pocket-fit", "pocket"),
    "sd": (f"{COMMON},giqa,fid,kid,clip", "inception"),
}


def reproduce(
    experiment: str = typer.Argument(
        help="table-s2, table-s3, pictures-s2, figure-s1, -s2, -s3, -s5, -s8, gradients, or a YAML "
        "file.",
        metavar="EXPERIMENT",
    ),
    model: str = typer.Option("pocket", "--model", help="As for `syncpano generate`."),
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

    from syncpano.models.source import resolve_source

    voice = Voice(quiet=quiet)
    found = find_experiment(experiment)
    if rows is not None:
        found = only(found, [name.strip() for name in rows.split(";") if name.strip()])
    if references is not None:
        found = replace(found, references=references)
    if pictures is not None:
        found = replace(found, pictures=pictures)
    overrides: dict[str, Value] = {
        **_settings(settings, varied(found)),
        "model": model,
        "device": device,
    }
    source = resolve_source(model, download=True, progress=not quiet)
    texts = paper_prompts()
    if prompts is not None:
        texts = read_prompt_file(prompts)
        found = replace(found, prompts=len(texts), pictures=pictures or len(texts))
    of_family, of_features = OF_FAMILY[source.family]
    request = Request(
        name=experiment,
        experiment=found,
        source=source,
        measured=texts[: found.prompts],
        shown=texts[: found.pictures or found.prompts],
        samples=samples or found.samples,
        folder=out,
        settings=Settings(
            metrics=_metrics(found, metrics, of_family),
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
    if not overwrite:
        _check_results(request)
    _run(request, voice)


def _check_results(request: Request) -> None:
    """Refuse to replace the results of another command; those of the same one are made anew."""
    folder = request.folder / request.experiment.name
    made_by = folder / COMMAND_FILE
    if made_by.is_file() and made_by.read_text(encoding="utf-8").strip() != request.command:
        raise SyncPanoError(
            f"{folder} holds the results of another command, which {made_by} names",
            hint="`--overwrite` replaces them; panoramas and measurements are kept in any case",
        )


def _run(request: Request, voice: Voice) -> None:
    from syncpano import files
    from syncpano.experiments.gallery import Curator, paint

    experiment = request.experiment
    curator = Curator(
        request.source,
        request.folder / "panoramas",
        request.overrides,
        request.settings.loss_weights,
    )
    exhibition = curator.lay_out(experiment, request.measured, request.shown, request.samples)
    files.check_writable(request.folder / "panoramas")
    quiet_libraries()
    evaluator = _evaluator(request)
    wanted = exhibition.all()
    missing = [painting for painting in wanted if not painting.is_there()]
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
    with counting("measuring", count, quiet=voice.quiet) as advance:
        results = measure_rows(experiment, exhibition, evaluator, lambda _: advance(1))
    report = assemble(
        experiment, request.measured, request.samples, results, describe(request, exhibition)
    )
    write(
        request.folder / experiment.name,
        report,
        exhibition,
        on_file=lambda path: print_result(str(path)),
    )


def _metrics(experiment: Experiment, asked: str | None, usual: str) -> tuple[str, ...]:
    """The metrics of a table; a grid shows pictures only."""
    listed = usual if asked is None else asked
    names = tuple(dict.fromkeys(name.strip() for name in listed.split(",") if name.strip()))
    if names == ("none",):
        return ()
    if experiment.kind == "grid":
        if asked is not None:
            raise SyncPanoError(
                f"{experiment.name} shows pictures and measures nothing",
                hint="leave `--metrics` out",
            )
        return ()
    if experiment.references == 0:
        unfounded = [name for name in names if name in OF_SETS]
        if asked is not None and unfounded:
            raise SyncPanoError(
                f"there are no references that {', '.join(unfounded)} could compare with",
                hint="give `--references 8`, or other `--metrics`",
            )
        names = tuple(name for name in names if name not in OF_SETS)
    return names


def _settings(given: Sequence[str], of_rows: frozenset[str]) -> dict[str, Value]:
    """NAME=VALUE as settings of a panorama; `of_rows` are those that rows differ by."""
    from syncpano.config import settings
    from syncpano.values import coerce

    found: dict[str, Value] = {}
    for text in given:
        name, equals, value = text.partition("=")
        name = name.strip().replace("-", "_")
        if not equals or name not in settings() or name in OF_ROWS:
            raise SyncPanoError(
                f"`--set {text}` is no setting that all panoramas could share",
                hint="write NAME=VALUE, for example `--set steps=25`",
            )
        if name in of_rows:
            raise SyncPanoError(
                f"`--set {text}` would paint rows that differ by {name} alike",
                hint="choose other `--rows`, or write an experiment of your own as YAML",
            )
        found[name] = coerce(settings()[name], value, f"--set {name}")
    return found
