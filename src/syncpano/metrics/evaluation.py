"""Measure many pictures, one after the other: no more than a few are in memory at a time.

# n pictures, d feature dimensions
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np

from syncpano.errors import RUN_FAILED, SyncPanoError
from syncpano.metrics.cache import MeasurementCache
from syncpano.metrics.checks import check_sets
from syncpano.metrics.instruments import Instruments
from syncpano.metrics.measures import (
    Array,
    boxes_of,
    measure,
    prompt_of,
    reference_features,
    what_decides,
)
from syncpano.metrics.pairs import reduce_pairs
from syncpano.metrics.pictures import Picture, read_picture
from syncpano.metrics.sets import POOLED, FeatureSet, distances, giqa_by_row
from syncpano.metrics.settings import OF_PAIRS, OF_SETS, Settings, key_of

READ_AHEAD = 4  # pictures that are decoded while one is measured


@dataclass(frozen=True)
class Result:
    """One metric over all pictures.

    Attributes:
        std: sample standard deviation over pictures or prompts; None for one value.
        n: pictures that have a value.
        features: the network and weights that made it.
        reduction: over the pairs of a picture; None for other metrics.
    """

    mean: float | None
    std: float | None
    n: int
    features: str
    reduction: str | None = None


@dataclass
class Evaluation:
    """What was measured.

    Attributes:
        scores: for every picture its path and, by metric key, its number; None where a metric
            does not apply.
        skipped: pictures that could not be measured, with the reason.
    """

    results: dict[str, Result] = field(default_factory=dict)
    scores: list[dict[str, str | float | None]] = field(default_factory=list)
    skipped: list[tuple[Path, str]] = field(default_factory=list)


class Evaluator:
    """Measures pictures under one set of settings; networks and cache are kept between calls."""

    def __init__(self, settings: Settings, cache: MeasurementCache) -> None:
        """Load every network that the metrics need, before any picture is read.

        Raises:
            SyncPanoError: a network or its weights cannot be had.
        """
        self.settings = settings
        self.cache = cache
        self.tools = Instruments(settings)
        self.features = {metric: self.tools.features_of(metric) for metric in settings.metrics}
        self._of_sets = [metric for metric in settings.metrics if metric in OF_SETS]
        self._references: dict[tuple[Path, ...], FeatureSet] = {}

    def evaluate(
        self,
        paths: Sequence[Path],
        reference: Sequence[Path] = (),
        *,
        on_picture: Callable[[Path], None] = lambda _: None,
        on_skip: Callable[[Path, str], None] = lambda path, reason: None,
    ) -> Evaluation:
        """Measure every picture; one that cannot be measured is skipped and listed.

        Args:
            reference: pictures for FID, KID and GIQA; all native crops of each count. They are
                read once, however often they are given.
            on_picture: called after every picture, reference pictures included.
            on_skip: called with a picture that could not be measured, and the reason.

        Raises:
            SyncPanoError: too few pictures for a metric of sets, no picture could be measured, or
                what was measured cannot be kept.
        """
        check_sets(self.settings.metrics, paths, reference)
        evaluation = Evaluation()

        def skip(path: Path, reason: str) -> None:
            evaluation.skipped.append((path, reason))
            on_skip(path, reason)

        others = self._reference_set(reference, on_picture, skip) if self._of_sets else FeatureSet()
        ours = FeatureSet()
        for path, picture in read_ahead(paths, skip):
            self._measure_one(path, picture, evaluation, ours, skip)
            on_picture(path)
        if not evaluation.scores:
            raise SyncPanoError("no picture could be measured", hint="see the reasons above")
        self._summarise(evaluation, ours, others)
        return evaluation

    def _measure_one(
        self,
        path: Path,
        picture: Picture | None,
        evaluation: Evaluation,
        ours: FeatureSet,
        skip: Callable[[Path, str], None],
    ) -> None:
        if picture is None:
            return
        try:
            scores, vector = self._scores(picture)
            group = self._group(picture)
        except SyncPanoError as error:
            if error.exit_code == RUN_FAILED:  # not the picture's fault: the next one fails too
                raise
            skip(path, " - ".join(filter(None, (error.message, error.hint))))
            return
        if vector is not None:
            ours.features[group].append(vector)
            ours.rows[group].append(len(evaluation.scores))
        evaluation.scores.append({"path": str(path), "prompt": picture.prompt, **scores})

    def _scores(self, picture: Picture) -> tuple[dict[str, float | None], Array | None]:
        scores: dict[str, float | None] = {}
        vector = None
        for metric in self.settings.metrics:
            if metric in OF_SETS and vector is not None:
                continue  # they share their features
            numbers = self.cache.get(
                what_decides(metric, picture, self.settings, self.tools),
                partial(measure, metric, picture, self.settings, self.tools),
            )
            if metric in OF_SETS:
                vector = numbers
            elif metric in OF_PAIRS:
                scores[key_of(metric)] = reduce_pairs(numbers.tolist(), self.settings.reduction)
            else:
                has_one = len(numbers) and np.isfinite(numbers[0])
                scores[key_of(metric)] = float(numbers[0]) if has_one else None
        return scores, vector

    def _reference_set(
        self,
        paths: Sequence[Path],
        on_picture: Callable[[Path], None],
        skip: Callable[[Path, str], None],
    ) -> FeatureSet:
        if tuple(paths) in self._references:
            return self._references[tuple(paths)]
        found = FeatureSet()
        made_by = self.features[self._of_sets[0]]
        for path, picture in read_ahead(paths, skip):
            on_picture(path)
            if picture is None:
                continue
            try:
                boxes, _ = boxes_of(picture, self.settings)
                key = f"features by {made_by} of {picture.digest} at {boxes}"
                features = self.cache.get(
                    key,
                    partial(reference_features, picture, self.settings, self.tools),
                )
                found.features[self._group(picture)].extend(features)
            except SyncPanoError as error:
                if error.exit_code == RUN_FAILED:
                    raise
                skip(path, error.message)
        self._references[tuple(paths)] = found
        return found

    def _group(self, picture: Picture) -> str:
        if self._of_sets and self.settings.by_prompt:
            return prompt_of(picture, self.settings)
        return POOLED

    def _summarise(self, evaluation: Evaluation, ours: FeatureSet, others: FeatureSet) -> None:
        for metric in self.settings.metrics:
            key = key_of(metric)
            if metric in ("fid", "kid"):
                found = distances(metric, ours, others, self.settings.seed)
                result = _result(found.values, found.n, self.features[metric])
                evaluation.results[key] = replace(
                    result, std=found.spread if result.std is None else result.std
                )
                continue
            if metric == "giqa":
                scores = giqa_by_row(ours, others, self.settings.giqa_form)
                for row, entry in enumerate(evaluation.scores):
                    entry[key] = scores.get(row)
            values = [score[key] for score in evaluation.scores]
            numbers = [value for value in values if isinstance(value, float)]
            reduction = self.settings.reduction if metric in OF_PAIRS else None
            evaluation.results[key] = _result(
                numbers, len(numbers), self.features[metric], reduction
            )


def _result(
    values: Sequence[float], count: int, features: str, reduction: str | None = None
) -> Result:
    mean = float(np.mean(values)) if values else None
    std = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return Result(mean, std, count, features, reduction)


def read_ahead(
    paths: Sequence[Path], skip: Callable[[Path, str], None]
) -> Iterator[tuple[Path, Picture | None]]:
    """Decode pictures in another thread, a few ahead; None for one that cannot be read."""
    waiting = iter(paths)
    with ThreadPoolExecutor(max_workers=1) as pool:
        queue: list[tuple[Path, Future[Picture]]] = [
            (path, pool.submit(read_picture, path)) for path in islice(waiting, READ_AHEAD)
        ]
        while queue:
            path, future = queue.pop(0)
            queue += [(p, pool.submit(read_picture, p)) for p in islice(waiting, 1)]
            try:
                yield path, future.result()
            except SyncPanoError as error:
                skip(path, error.message)
                yield path, None
