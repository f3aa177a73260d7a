"""Plots of an experiment, by matplotlib (the extra `plot`)."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

from syncpano.errors import SyncPanoError
from syncpano.experiments.comparison import UNITS, RowResult
from syncpano.experiments.tables import Report

DPI = 150
COLUMNS = 3


def require_matplotlib() -> None:
    """Find out before hours of painting.

    Raises:
        SyncPanoError: matplotlib is not installed.
    """
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise SyncPanoError(
            "plots need matplotlib, which is not installed", hint="`pip install matplotlib`"
        ) from error


def draw(report: Report) -> bytes:
    """A PNG with one panel a metric: a line over x with its deviation, or a point for each row."""
    require_matplotlib()
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    metrics = report.metrics
    lines = report.experiment.kind == "lines"
    columns = min(COLUMNS, len(metrics))
    rows = -(-len(metrics) // columns)
    height = 2.8 if lines else 0.8 + 0.26 * len(report.results)
    figure, axes = pyplot.subplots(
        rows, columns, figsize=(4 * columns, height * rows), squeeze=False, layout="constrained"
    )
    panels = list(axes.flat)
    for axis, metric in zip(panels, metrics, strict=False):
        if lines:
            _lines(axis, metric, report)
        else:
            _points(axis, metric, report)
        axis.set_title(UNITS[metric][0], fontsize=10)
        if lines:
            axis.set_xlabel(report.experiment.x_label)
        axis.grid(alpha=0.3)
    for axis in panels[len(metrics) :]:
        axis.set_visible(False)
    figure.suptitle(report.experiment.title)
    return as_png(figure)


def as_png(figure: Any, dpi: int = DPI) -> bytes:
    """A figure of matplotlib's as the bytes of a PNG; the figure is closed."""
    from matplotlib import pyplot

    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=dpi)
    pyplot.close(figure)
    return stream.getvalue()


def _lines(axis: Any, metric: str, report: Report) -> None:
    layouts = [layout.name for layout in report.experiment.layouts]
    for layout in layouts:
        _line(axis, metric, [r for r in report.results if r.layout == layout], layout)
    if len(layouts) > 1:
        axis.legend(fontsize=7)


def _line(axis: Any, metric: str, results: Sequence[RowResult], label: str) -> None:
    factor = UNITS[metric][1]
    there = [r for r in results if r.row.x is not None and _mean(r, metric) is not None]
    x = [result.row.x for result in there]
    means = [factor * (_mean(result, metric) or 0.0) for result in there]
    stds = [factor * (result.numbers[metric].std or 0.0) for result in there]
    axis.plot(x, means, marker="o", markersize=4, label=label)
    axis.fill_between(
        x,
        [mean - std for mean, std in zip(means, stds, strict=True)],
        [mean + std for mean, std in zip(means, stds, strict=True)],
        alpha=0.2,
    )


def _points(axis: Any, metric: str, report: Report) -> None:
    factor = UNITS[metric][1]
    for place, result in enumerate(report.results):
        mean = _mean(result, metric)
        if mean is not None:
            std = result.numbers[metric].std
            axis.errorbar(
                factor * mean, place, xerr=factor * std if std else None, fmt="o", markersize=4,
                color="C0", capsize=2,
            )  # fmt: skip
    names = [report.name_of(result) for result in report.results]
    axis.set_yticks(range(len(names)), names, fontsize=7)
    axis.invert_yaxis()


def _mean(result: RowResult, metric: str) -> float | None:
    number = result.numbers.get(metric)
    return None if number is None else number.mean
