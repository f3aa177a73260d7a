"""Carry an experiment out: paint what is missing, measure, write."""

from __future__ import annotations

from textwrap import shorten
from typing import TYPE_CHECKING

from syncpano import files
from syncpano.console import Voice, print_result, quiet_libraries
from syncpano.errors import SyncPanoError
from syncpano.experiments.gallery import Exhibition, Painting, paint, require_losses
from syncpano.experiments.request import COMMAND_FILE, Request, provenance, results_in

if TYPE_CHECKING:
    from syncpano.metrics.evaluation import Evaluator


def check_results(request: Request) -> None:
    """Refuse to replace results of anything else; those of the same command are made anew.

    Raises:
        SyncPanoError: there are some.
    """
    folder = request.results
    made_by = folder / COMMAND_FILE
    if not files.is_file(made_by):
        if found := sorted(results_in(folder)):
            raise files.exists_error(found[0])
        return
    there = made_by.read_text(encoding="utf-8")
    if there != request.record:
        other = "another command"
        if there.splitlines()[:1] == [request.command]:
            other = "this command with another experiment, model or files under the same names"
        raise SyncPanoError(
            f"{folder} holds the results of {other}: see {made_by}",
            hint="`--overwrite` replaces them; panoramas and measurements are kept in any case",
        )


def run(request: Request, voice: Voice) -> None:
    """Paint what is missing, measure and write; prints the path of every result.

    Raises:
        SyncPanoError: something that is needed is not there, or a panorama could not be painted.
    """
    experiment = request.experiment
    exhibition = request.exhibition()
    quiet_libraries()
    evaluator = _evaluator(request)
    wanted = exhibition.all()
    missing = [painting for painting in wanted if not painting.is_there()]
    require_losses(missing, request.source)
    voice.say(f"{experiment.name}: {len(missing)} of {len(wanted)} panoramas are to be painted")
    if missing:
        from syncpano.pipeline import Studio

        several = len({painting.config.prompt for painting in missing}) > 1

        def begin(painting: Painting) -> None:
            prompt = shorten(painting.config.prompt, 40, placeholder="…")
            voice.about = f"{prompt!r}: " if several else ""

        total = sum(painting.cost for painting in missing)
        with voice.logging(), voice.counting("painting", total) as advance:
            paint(missing, Studio(), on_begin=begin, on_cost=advance)
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
    from syncpano.experiments.measuring import assemble, gaps, measure_rows
    from syncpano.experiments.writing import write

    experiment = request.experiment
    count = sum(map(len, exhibition.measured.values())) + len(exhibition.references)
    count *= evaluator is not None
    with voice.counting("measuring", count) as advance:
        results = measure_rows(experiment, exhibition, evaluator, lambda _: advance(1))
    for sentence in gaps(results, request.settings.metrics):
        voice.warn(sentence)
    description = provenance(request, exhibition)
    if len(description["setups"]) > 1:
        voice.warn(
            f"the panoramas were painted in several ways ({'; '.join(description['setups'])}): "
            "their seconds do not compare"
        )
    report = assemble(experiment, request.measured, results, description)
    write(
        request.results,
        report,
        exhibition,
        request.record,
        on_file=lambda path: print_result(str(path)),
    )
