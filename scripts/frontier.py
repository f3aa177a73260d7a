"""Coherence, fidelity and prompt fit against time: MultiDiffusion, exact, and the fast presets.

    python scripts/frontier.py --loss-weights vgg16_features.safetensors

Every setting paints the same prompts from the same noise, through `syncpano reproduce`: pictures
that are there are kept, so an interrupted run goes on. The presets are read from configs/.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

import repeat
from syncpano import files
from syncpano.comparison import share_of_gain
from syncpano.plots import as_png
from syncpano.presets import find_config, read_yaml

BASELINE, EXACT = "MultiDiffusion", "exact, f = 50"
# Row -> preset (None: the defaults) and what it changes.
ROWS: dict[str, tuple[str | None, dict[str, Any]]] = {
    BASELINE: ("multidiffusion", {}),
    EXACT: ("exact", {}),
    "paper": ("paper", {}),
    "default": (None, {}),
    "f = 10": ("paper", {"sync_freq": 10}),
    "f = 5": ("paper", {"sync_freq": 5}),
    "first 5": ("paper", {"initial_steps": 5}),
    "first 3": ("paper", {"initial_steps": 3}),
    "balanced": ("balanced", {}),
    "fast": ("fast", {}),
    "fast, even steps": ("fast", {"initial_span": None}),
    "fast, predicting twice": ("fast", {"predict_once": False}),
    "draft": ("draft", {}),
}
# Shown on the plot's vertical axes: coherence by networks that guidance never sees, fidelity, fit.
SHOWN = ("intra_lpips", "intra_pocket", "colour", "fid", "kid", "clip", "pocket_fit", "edges")
COHERENCE = ("intra_lpips", "intra_pocket", "intra_style", "colour", "palette")


def experiment(samples: int, references: int, rows: Sequence[str]) -> dict[str, Any]:
    """The frontier as an experiment of `syncpano reproduce`."""
    made = []
    for name in rows:
        preset, changes = ROWS[name]
        settings = read_yaml(find_config(preset)) if preset else {}
        row: dict[str, Any] = {"name": name, "config": settings | changes}
        if name != BASELINE and BASELINE in rows:
            row["against"] = BASELINE
        made.append(row)
    return {
        "title": "Coherence against time",
        "kind": "table",
        "prompts": 6,
        "samples": samples,
        "references": references,
        "base": {"width": 3072, "height": 512},
        "rows": made,
    }


def reproduce(out: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """Paint and measure; the experiment's table.json."""
    rows = [name.strip() for name in arguments.rows.split(";")] if arguments.rows else list(ROWS)
    out.mkdir(parents=True, exist_ok=True)
    path = out / "frontier.yaml"
    content = experiment(arguments.samples, arguments.references, rows)
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    command = [sys.executable, "-m", "syncpano", "reproduce", str(path), "--out", str(out)]
    command.append("--overwrite")  # the results are read and written down here at once
    command += ["--model", arguments.model]
    for flag in ("metrics", "loss_weights", "judge"):
        if value := getattr(arguments, flag):
            command += [f"--{flag.replace('_', '-')}", str(value)]
    for setting in arguments.set:
        command += ["--set", setting]
    subprocess.run(command, check=True)
    table: dict[str, Any] = json.loads((out / "frontier" / "table.json").read_text())
    return table


def means(table: Mapping[str, Any], metric: str) -> dict[str, float]:
    """Row -> mean of a metric, where it has one."""
    found = {row["name"]: row["metrics"].get(metric, {}).get("mean") for row in table["rows"]}
    return {name: mean for name, mean in found.items() if mean is not None}


def summary(table: Mapping[str, Any], whole: str = EXACT) -> str:
    """Speed-up and share of the gain of the row `whole`, row by row."""
    seconds = means(table, "seconds")
    scores = {row["name"]: row["scores"] for row in table["rows"]}
    metrics = [m for m in COHERENCE if BASELINE in means(table, m) and whole in means(table, m)]
    labels = [table["units"][metric]["label"].split(" x1e")[0] for metric in metrics]
    header = ["setting", "seconds", f"times {BASELINE}", f"faster than {whole}"]
    header += [f"{label} gain kept" for label in labels]
    header += [f"FID against {whole}"] if whole in means(table, "fid") else []
    rows = [header, ["---"] * len(header)]
    for name, taken in seconds.items():
        cells = [name, f"{taken:.1f}", f"{taken / seconds[BASELINE]:.2f}"]
        cells.append(f"{seconds[whole] / taken:.1f}" if whole in seconds else "-")
        for metric in metrics:
            kept = share_of_gain(*(scores[row][metric] for row in (BASELINE, name, whole)))
            cells.append(str(kept) if kept else "-")
        if whole in (fid := means(table, "fid")):
            cells.append(f"{fid[name] / fid[whole] - 1:+.1%}")
        rows.append(cells)
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def draw(table: Mapping[str, Any]) -> bytes:
    """One panel a metric, seconds on a logarithmic axis; the Pareto front is joined."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot, ticker

    seconds = means(table, "seconds")
    metrics = [metric for metric in SHOWN if means(table, metric)]
    columns = min(3, len(metrics))
    rows = -(-len(metrics) // columns)
    figure, axes = pyplot.subplots(
        rows, columns, figsize=(5 * columns, 3.6 * rows), squeeze=False, layout="constrained"
    )
    for axis, metric in zip(axes.flat, metrics, strict=False):
        values = means(table, metric)
        more_is_better = metric in ("clip", "pocket_fit", "edges")
        axis.scatter([seconds[n] for n in values], list(values.values()), s=18)
        for name, value in values.items():
            axis.annotate(
                name, (seconds[name], value), fontsize=7, xytext=(3, 3), textcoords="offset points"
            )
        front = pareto({n: (seconds[n], -v if more_is_better else v) for n, v in values.items()})
        axis.plot([seconds[n] for n in front], [values[n] for n in front], lw=0.8, alpha=0.6)
        arrow = "higher" if more_is_better else "lower"
        label = table["units"][metric]["label"].split(" x1e")[0]
        axis.set(title=f"{label} ({arrow} is better)", xlabel="seconds", xscale="log")
        axis.xaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
        axis.xaxis.set_major_formatter("{x:g}")
        axis.xaxis.set_minor_locator(ticker.NullLocator())
        axis.margins(x=0.2)
        axis.grid(alpha=0.3)
    for axis in axes.flat[len(metrics) :]:
        axis.set_visible(False)
    return as_png(figure, dpi=130)


def pareto(points: Mapping[str, tuple[float, float]]) -> list[str]:
    """Names of the points that no other one beats in both numbers, by the first; less is better."""
    front: list[str] = []
    for name in sorted(points, key=lambda n: points[n]):
        if not front or points[name][1] < points[front[-1]][1]:
            front.append(name)
    return front


def main() -> None:
    """Paint, measure, write the page and the plot."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="pocket")
    parser.add_argument("--samples", type=int, default=3, help="seeds of each of six prompts")
    parser.add_argument("--references", type=int, default=8)
    parser.add_argument("--rows", help="some of the rows, separated by ;")
    parser.add_argument("--whole", default=EXACT, help="the row whose gain counts as whole")
    parser.add_argument("--metrics", help="as for `syncpano reproduce`; `none` only paints")
    parser.add_argument("--loss-weights", type=Path, help="VGG trunk of Intra-LPIPS")
    parser.add_argument("--judge", help="model whose features/ folder judges", default="")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--out", type=Path, default=Path("out/frontier"))
    parser.add_argument("--markdown", type=Path, default=Path("benchmarks/frontier.md"))
    arguments = parser.parse_args()
    if arguments.rows and BASELINE not in [name.strip() for name in arguments.rows.split(";")]:
        parser.error(f"--rows needs {BASELINE}, which all others are compared with")
    table = reproduce(arguments.out, arguments)
    if arguments.metrics == "none":
        return
    settings = table["settings"]
    plot = arguments.markdown.with_suffix(".png")
    files.write_atomic(plot, draw(table), overwrite=True)
    numbers = (arguments.out / "frontier" / "table.md").read_text().split("## Numbers", 1)[1]
    text = (
        "# Coherence against time\n\n"
        f"Made by `{repeat.command(__file__, parser, arguments)}`: {len(table['prompts'])} prompts "
        f"x {table['samples']} seeds, the same noise in every setting, model {settings['model']} "
        f"(weights {settings['model_hash'][:12]}), {settings['device']}. Seconds are means over "
        "the run logs, without loading and saving. Gain kept: how much of the gain of "
        f"`{arguments.whole}` over MultiDiffusion a setting has, with its standard error.\n\n"
        f"{summary(table, arguments.whole)}\n\n![metrics against seconds]({plot.name})\n\n"
        f"## Numbers{numbers}"
    )
    files.write_atomic(arguments.markdown, text.encode(), overwrite=True)
    print(text)


if __name__ == "__main__":
    main()
