"""The rows of an experiment as Markdown, CSV and JSON. No torch."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from syncpano.experiments.comparison import UNITS, Number, RowResult, Verdict, check_features
from syncpano.experiments.spec import Experiment, Published

SCHEMA = "syncpano.table/1"
PAPER = "(paper)"
PAPER_FEATURES = "the paper's own numbers for Stable Diffusion 2"


@dataclass(frozen=True)
class Report:
    """An experiment and all that was found.

    Attributes:
        prompts: those that were measured.
        settings: model, metrics, versions, machine: what one needs to repeat it.
    """

    experiment: Experiment
    prompts: Sequence[str]
    results: Sequence[RowResult]
    verdicts: Sequence[Verdict]
    settings: Mapping[str, Any]

    @property
    def metrics(self) -> list[str]:
        """Keys of the metrics that were measured, in the order of `UNITS`."""
        found = {metric for result in self.results for metric in result.numbers}
        return [metric for metric in UNITS if metric in found]

    @property
    def published(self) -> list[str]:
        """Keys of the metrics that the paper has."""
        found = {metric for result in self.results for metric in result.row.paper}
        return [metric for metric in UNITS if metric in found]

    def name_of(self, result: RowResult) -> str:
        """The row's name, with its layout where there are several."""
        several = len(self.experiment.layouts) > 1
        return f"{result.row.name} ({result.layout})" if several else result.row.name


def to_markdown(report: Report) -> str:
    """Our numbers beside the paper's, the paired differences, and the claims."""
    made_by = check_features(report.results)
    parts = [f"# {report.experiment.title}", _how(report)]
    parts += ["## Numbers", _numbers(report), "Made by: " + _legend(report, made_by)]
    if report.published:
        parts.append(
            f'Columns "{PAPER}" are {PAPER_FEATURES}: another model, other networks, another GPU. '
            "Only the course from row to row can be compared with ours."
        )
    if any(result.differences for result in report.results):
        parts += ["## Paired differences", _differences(report)]
        parts.append("Mean ± standard error over pairs of the same prompt and seed.")
    if report.verdicts:
        parts += ["## Claims", _claims(report)]
    return "\n\n".join(parts) + "\n"


def to_csv(report: Report) -> str:
    """One line a row: unscaled means, deviations and counts, differences, the paper's numbers."""
    stream = io.StringIO()
    columns = ["row", "layout"]
    for metric in report.metrics:
        columns += [f"{metric}_{part}" for part in ("mean", "std", "n", "features")]
        columns += [f"{metric}_difference", f"{metric}_difference_error"]
    columns += [f"paper_{m}_{part}" for m in report.published for part in ("mean", "std")]
    writer = csv.DictWriter(stream, columns, restval="", lineterminator="\n")
    writer.writeheader()
    for result in report.results:
        line: dict[str, object] = {"row": result.row.name, "layout": result.layout}
        for metric, number in result.numbers.items():
            values = {**asdict(number), "features": result.features.get(metric, "run log")}
            line |= {f"{metric}_{part}": value for part, value in values.items()}
            if difference := result.differences.get(metric):
                line[f"{metric}_difference"] = difference.mean
                line[f"{metric}_difference_error"] = difference.error
        for metric, (mean, std) in result.row.paper.items():
            line |= {f"paper_{metric}_mean": mean, f"paper_{metric}_std": std}
        writer.writerow({k: "" if v is None else v for k, v in line.items()})
    return stream.getvalue()


def to_json(report: Report) -> dict[str, Any]:
    """Everything in full precision."""
    return {
        "schema": SCHEMA,
        "experiment": report.experiment.name,
        "title": report.experiment.title,
        "prompts": list(report.prompts),
        "samples": report.experiment.samples,
        "settings": dict(report.settings),
        "units": {metric: {"label": UNITS[metric][0]} for metric in report.metrics},
        "rows": [
            {
                "name": result.row.name,
                "layout": result.layout,
                "config": dict(result.row.config),
                "metrics": {
                    metric: asdict(number) | {"features": result.features.get(metric, "run log")}
                    for metric, number in result.numbers.items()
                },
                "scores": {metric: list(scores) for metric, scores in result.scores.items()},
                "against": result.row.against,
                "differences": {m: asdict(d) for m, d in result.differences.items()},
                "paper": {
                    metric: {"mean": mean, "std": std, "factor": UNITS[metric][1]}
                    for metric, (mean, std) in result.row.paper.items()
                },
            }
            for result in report.results
        ],
        "claims": [asdict(verdict) for verdict in report.verdicts],
    }


def show(number: Number | None, metric: str) -> str:
    """`0.561 ± 0.062` in the metric's units."""
    if number is None or number.mean is None:
        return "-"
    factor = UNITS[metric][1]
    mean = f"{number.mean * factor:.4g}"
    return mean if number.std is None else f"{mean} ± {number.std * factor:.2g}"


def _how(report: Report) -> str:
    settings = report.settings
    return (
        f"Model {settings['model']} (weights {settings['model_hash'][:12]}), "
        f"{len(report.prompts)} prompts x {report.experiment.samples} seeds, the same in every "
        "row. "
        f"Device: {', '.join(settings['setups'])}. "
        f"Made by `{settings['command']}`."
    )


def _legend(report: Report, made_by: Mapping[str, str]) -> str:
    named = [f"{UNITS[m][0]}: {made_by[m]}" for m in report.metrics if m in made_by]
    return "; ".join([*named, "seconds: run logs, without loading and saving"]) + "."


def _numbers(report: Report) -> str:
    """Ours and the paper's side by side, each metric in its own columns."""
    shown = [m for m in UNITS if m in report.metrics or m in report.published]
    header = ["row"]
    for metric in shown:
        header += [_arrow(metric)] if metric in report.metrics else []
        header += [f"{_arrow(metric)} {PAPER}"] if metric in report.published else []
    lines = []
    for result in report.results:
        cells = [report.name_of(result)]
        for metric in shown:
            if metric in report.metrics:
                cells.append(show(result.numbers.get(metric), metric))
            if metric in report.published:
                cells.append(_paper(result.row.paper.get(metric)))
        lines.append(cells)
    return _table(header, lines)


def _differences(report: Report) -> str:
    metrics = [m for m in report.metrics if any(m in r.differences for r in report.results)]
    lines = []
    for result in report.results:
        if not result.differences:
            continue
        cells = []
        for metric in metrics:
            found, factor = result.differences.get(metric), UNITS[metric][1]
            if found is None:
                cells.append("-")
                continue
            error = "" if found.error is None else f" ± {found.error * factor:.2g}"
            relative = "" if found.relative is None else f" ({found.relative:+.1%})"
            cells.append(f"{found.mean * factor:+.3g}{error}{relative}")
        lines.append([report.name_of(result), str(result.row.against), *cells])
    return _table(["row", "against", *(UNITS[metric][0] for metric in metrics)], lines)


def _claims(report: Report) -> str:
    return _table(
        ["claim", "holds", "found"],
        [[v.claim, "yes" if v.holds else "**no**", v.found] for v in report.verdicts],
    )


def _table(header: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    rows = [header, ["---"] * len(header), *lines]
    return "\n".join("| " + " | ".join(c.replace("|", "\\|") for c in row) + " |" for row in rows)


def _arrow(metric: str) -> str:
    label, _, more_is_better = UNITS[metric]
    return label if metric in ("seconds",) else f"{label} {'↑' if more_is_better else '↓'}"


def _paper(published: Published | None) -> str:
    return "-" if published is None else f"{published[0]} ± {published[1]}"
