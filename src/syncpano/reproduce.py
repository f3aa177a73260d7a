"""Run an experiment: paint what is missing, measure, write tables, plots, grids and the report."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from syncpano import files
from syncpano.comparison import Number, RowResult, judge, paired, summarise
from syncpano.errors import RUN_FAILED, SyncPanoError
from syncpano.experiments import Experiment
from syncpano.gallery import Exhibition, Painting
from syncpano.grids import compare
from syncpano.metrics.evaluation import Evaluator, Result
from syncpano.plots import draw
from syncpano.report import to_html
from syncpano.request import COMMAND_FILE
from syncpano.saving import encode
from syncpano.tables import Report, to_csv, to_json, to_markdown

Place = tuple[str, str]  # layout and row name
SECONDS = "seconds"


def measure_rows(
    experiment: Experiment,
    exhibition: Exhibition,
    evaluator: Evaluator | None,
    on_picture: Callable[[Path], None] = lambda _: None,
) -> list[RowResult]:
    """Numbers of every row, with the differences to the rows they are compared with.

    Args:
        evaluator: None measures nothing but the time.

    Raises:
        SyncPanoError: a picture could not be measured.
    """
    found: dict[Place, tuple[dict[str, Result], dict[str, list[float | None]]]] = {}
    for place, paintings in exhibition.measured.items():
        results, scores = _measure(paintings, exhibition.references, evaluator, on_picture)
        scores[SECONDS] = [painting.seconds() for painting in paintings]
        found[place] = results, scores
    return [_row_result(experiment, place, found) for place in found]


def write(
    folder: Path,
    report: Report,
    exhibition: Exhibition,
    on_file: Callable[[Path], None] = lambda _: None,
) -> None:
    """Write everything into `folder`; `on_file` is told of each file."""
    shown = {
        place: [(painting.config.prompt, painting.path) for painting in paintings]
        for place, paintings in exhibition.shown.items()
    }
    command = f"{report.settings['command']}\n"
    files.write_atomic(folder / COMMAND_FILE, command.encode(), overwrite=True)
    contents: dict[str, bytes] = {}
    plot = None
    if report.experiment.kind != "grid":
        plot = draw(report)
        contents |= {
            "table.md": to_markdown(report).encode(),
            "table.csv": to_csv(report).encode(),
            "table.json": json.dumps(to_json(report), indent=2, ensure_ascii=False).encode(),
            "plot.png": plot,
        }
    for name, content in contents.items():
        _write(folder / name, content, on_file)
    if report.experiment.kind == "grid":
        for name, picture in _grids(report.experiment, exhibition):
            _write(folder / name, encode(picture), on_file)
    _write(folder / "report.html", to_html(report, shown, plot).encode(), on_file)


def assemble(
    experiment: Experiment,
    prompts: Sequence[str],
    samples: int,
    results: Sequence[RowResult],
    settings: Mapping[str, Any],
) -> Report:
    """The results with the experiment's claims held against them."""
    verdicts = [judge(bar, results) for bar in experiment.bars]
    return Report(
        experiment,
        prompts,
        samples,
        results,
        [verdict for verdict in verdicts if verdict is not None],
        settings,
    )


def _measure(
    paintings: Sequence[Painting],
    references: Sequence[Painting],
    evaluator: Evaluator | None,
    on_picture: Callable[[Path], None],
) -> tuple[dict[str, Result], dict[str, list[float | None]]]:
    if evaluator is None:
        return {}, {}
    evaluation = evaluator.evaluate(
        [painting.path for painting in paintings],
        [painting.path for painting in references],
        on_picture=on_picture,
    )
    if evaluation.skipped:
        path, reason = evaluation.skipped[0]
        raise SyncPanoError(
            f"{path} could not be measured: {reason}",
            hint="remove it and run the experiment again",
            exit_code=RUN_FAILED,
        )
    scores: dict[str, list[float | None]] = {}
    for metric in evaluation.results:
        if metric in evaluation.scores[0]:
            values = [entry[metric] for entry in evaluation.scores]
            scores[metric] = [v if isinstance(v, float) else None for v in values]
    return evaluation.results, scores


def _row_result(
    experiment: Experiment,
    place: Place,
    found: Mapping[Place, tuple[dict[str, Result], dict[str, list[float | None]]]],
) -> RowResult:
    layout, name = place
    row = next(row for row in experiment.rows if row.name == name)
    results, scores = found[place]
    numbers = {metric: summarise(values) for metric, values in scores.items()}
    for metric, result in results.items():
        if metric not in numbers:  # of sets
            numbers[metric] = Number(result.mean, result.std, result.n)
    differences = {}
    if row.against is not None:
        _, others = found[layout, row.against]
        pairs = {metric: paired(values, others[metric]) for metric, values in scores.items()}
        differences = {metric: pair for metric, pair in pairs.items() if pair is not None}
    features = {metric: result.features for metric, result in results.items()}
    return RowResult(row, layout, numbers, scores, features, differences)


def _grids(experiment: Experiment, exhibition: Exhibition) -> Iterator[tuple[str, Image.Image]]:
    """File name and sheet for every layout and prompt, one after the other."""
    labels = [row.name for row in experiment.rows]
    slugs = files.slugs(p.config.prompt for shown in exhibition.shown.values() for p in shown)
    for layout in experiment.layouts:
        strips = [exhibition.shown[layout.name, label] for label in labels]
        for paintings in zip(*strips, strict=True):
            prompt = paintings[0].config.prompt
            pictures = [Image.open(painting.path).convert("RGB") for painting in paintings]
            name = f"grid-{layout.name}-{slugs[prompt]}.png"
            yield name, compare(pictures, labels, prompt)


def _write(path: Path, content: bytes, on_file: Callable[[Path], None]) -> None:
    files.write_atomic(path, content, overwrite=True)
    on_file(path)
