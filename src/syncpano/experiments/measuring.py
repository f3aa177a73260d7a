"""Measure the rows of an experiment, and compare them as it says."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from syncpano.errors import RUN_FAILED, SyncPanoError
from syncpano.experiments.comparison import Number, RowResult, judge, paired, summarise
from syncpano.experiments.gallery import Exhibition, Painting
from syncpano.experiments.spec import Experiment
from syncpano.experiments.tables import Report
from syncpano.metrics.evaluation import Evaluator, Result
from syncpano.metrics.gaps import about_gaps
from syncpano.metrics.settings import key_of

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


def gaps(results: Sequence[RowResult], metrics: Sequence[str]) -> list[str]:
    """Why some numbers are missing: a sentence for each reason, with the rows that it is about."""
    rows: dict[str, list[str]] = {}
    for result in results:
        count = len(result.scores[SECONDS])
        missing = {name: count - result.numbers[key_of(name)].n for name in metrics}
        for sentence in about_gaps(missing):
            rows.setdefault(sentence, []).append(result.row.name)
    return [
        sentence
        if len(found) == len(results)
        else f"{sentence} (rows {', '.join(dict.fromkeys(found))})"
        for sentence, found in rows.items()
    ]


def assemble(
    experiment: Experiment,
    prompts: Sequence[str],
    results: Sequence[RowResult],
    settings: Mapping[str, Any],
) -> Report:
    """The results with the experiment's claims held against them."""
    verdicts = [judge(bar, results) for bar in experiment.bars]
    return Report(
        experiment,
        prompts,
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
