"""Coherence, fidelity and prompt fit against time: MultiDiffusion, exact, and the fast presets.

    python scripts/frontier.py --loss-weights VGG16_FILE

Writes out/frontier.md; benchmarks/frontier.md has remarks beside its numbers.
Every setting paints the same prompts from the same noise, through `syncpano reproduce`: pictures
that are there are kept, so an interrupted run goes on. Pictures of one setting come out of other
hours than those of another, so `syncpano bench` times the settings, in turns. The presets are read
from configs/.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

import repeat
from syncpano import files
from syncpano.experiments.comparison import share_of_gain
from syncpano.experiments.plots import as_png
from syncpano.presets import find_config, read_yaml

BASELINE, EXACT = "MultiDiffusion", "exact, f = 50"
AS_IN_THE_PAPER = {"negative_prompt": ""}
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
    "fast, eight descents": (
        "fast",
        {"steps": 14, "initial_steps": 8, "initial_span": 0.235, "sync_decay": 0.95},
    ),
    "fast, even steps": ("fast", {"initial_span": None}),
    "fast, predicting twice": ("fast", {"predict_once": False}),
    "fast, eight windows": ("fast", {"stride": 384}),
    "fast, colder": ("fast", {"temperature": 0.5}),
    "draft": ("draft", {}),
}
# Shown on the plot's vertical axes: coherence by networks that guidance never sees, fidelity, fit.
SHOWN = ("intra_lpips", "intra_pocket", "colour", "fid", "kid", "clip", "pocket_fit", "edges")
COHERENCE = ("intra_lpips", "intra_pocket", "intra_style", "colour", "palette")


def settings_of(row: str) -> dict[str, Any]:
    """What a row's preset says, and what the row changes."""
    preset, changes = ROWS[row]
    return (read_yaml(find_config(preset)) if preset else {}) | changes


def common_settings(given: Sequence[str]) -> dict[str, Any]:
    """NAME=VALUE, which hold for all rows; a value stays text, of which settings make their own."""
    pairs = (text.partition("=") for text in given)
    return {name.replace("-", "_"): value for name, _, value in pairs}


def experiment(
    samples: int, references: int, rows: Sequence[str], common: Mapping[str, Any]
) -> dict[str, Any]:
    """The frontier as an experiment of `syncpano reproduce`."""
    made = []
    for name in rows:
        row: dict[str, Any] = {"name": name, "config": {**settings_of(name), **common}}
        if name != BASELINE and BASELINE in rows:
            row["against"] = BASELINE
        made.append(row)
    return {
        "title": "Coherence against time",
        "kind": "table",
        "prompts": 6,
        "samples": samples,
        "references": references,
        "base": {"width": 3072, "height": 512, **AS_IN_THE_PAPER},
        "rows": made,
    }


def rows_of(arguments: argparse.Namespace) -> list[str]:
    """Names of the rows that were asked for."""
    asked = arguments.rows
    return [name.strip() for name in asked.split(";")] if asked else list(ROWS)


def reproduce(out: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """Paint and measure; the experiment's table.json."""
    out.mkdir(parents=True, exist_ok=True)
    path = out / "frontier.yaml"
    rows = rows_of(arguments)
    common = common_settings(arguments.set)
    content = experiment(arguments.samples, arguments.references, rows, common)
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    # Overwrites: the results are read and written down here at once.
    options = ["--out", str(out), "--overwrite", "--model", arguments.model]
    for flag in ("metrics", "loss_weights", "judge"):
        if value := getattr(arguments, flag):
            options += [f"--{flag.replace('_', '-')}", str(value)]
    run_syncpano("reproduce", str(path), *options)
    table: dict[str, Any] = json.loads((out / "frontier" / "table.json").read_text())
    return table


def run_syncpano(*arguments: str) -> str:
    """What the command prints; this script ends as it does where it fails."""
    command = [sys.executable, "-m", "syncpano", *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:  # it has said why
        sys.exit(done.returncode)
    return done.stdout


@dataclass(frozen=True)
class Time:
    """Medians over the rounds: seconds, and the ratio to the baseline of the same round."""

    seconds: float
    ratio: float


def time_in_turns(out: Path, arguments: argparse.Namespace) -> dict[str, Time]:
    """Row -> how long it takes, by `syncpano bench`."""
    folder = out / "settings"
    folder.mkdir(parents=True, exist_ok=True)
    paths: dict[str, Path] = {}
    for number, row in enumerate(dict.fromkeys([BASELINE, *rows_of(arguments)])):
        paths[row] = folder / f"{number}.yaml"
        content = AS_IN_THE_PAPER | settings_of(row) | common_settings(arguments.set)
        paths[row].write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    options = ["--presets", ",".join(map(str, paths.values()))]
    options += ["--repeats", str(arguments.rounds), "--model", arguments.model]
    cases = json.loads(run_syncpano("bench", "--json", *options))["cases"]
    return {
        row: Time(case["seconds"]["median"], case["ratio_to_first"]["median"])
        for row, case in zip(paths, cases, strict=True)
    }


def means(table: Mapping[str, Any], metric: str) -> dict[str, float]:
    """Row -> mean of a metric, where it has one."""
    found = {row["name"]: row["metrics"].get(metric, {}).get("mean") for row in table["rows"]}
    return {name: mean for name, mean in found.items() if mean is not None}


def summary(table: Mapping[str, Any], times: Mapping[str, Time], whole: str = EXACT) -> str:
    """Speed-up and share of the gain of the row `whole`, row by row."""
    scores = {row["name"]: row["scores"] for row in table["rows"]}
    metrics = [m for m in COHERENCE if BASELINE in means(table, m) and whole in means(table, m)]
    labels = [table["units"][metric]["label"].split(" x1e")[0] for metric in metrics]
    header = ["setting", "seconds", f"times {BASELINE}", f"faster than {whole}"]
    header += [f"{label} gain kept" for label in labels]
    header += [f"FID against {whole}"] if whole in means(table, "fid") else []
    rows = [header, ["---"] * len(header)]
    for name in scores:
        taken = times[name]
        cells = [name, f"{taken.seconds:.1f}", f"{taken.ratio:.2f}"]
        cells.append(f"{times[whole].ratio / taken.ratio:.1f}" if whole in times else "-")
        for metric in metrics:
            kept = share_of_gain(*(scores[row][metric] for row in (BASELINE, name, whole)))
            cells.append(str(kept) if kept else "-")
        if whole in (fid := means(table, "fid")):
            cells.append(f"{fid[name] / fid[whole] - 1:+.1%}")
        rows.append(cells)
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def draw(table: Mapping[str, Any], times: Mapping[str, Time]) -> bytes:
    """One panel a metric, seconds on a logarithmic axis; the Pareto front is joined."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot, ticker

    seconds = {name: taken.seconds for name, taken in times.items()}
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
        axis.margins(x=0.2, y=0.1)  # room for the names
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
    parser.add_argument("--rounds", type=int, default=3, help="of timing all rows in turns")
    parser.add_argument("--out", type=Path, default=Path("out/frontier"))
    parser.add_argument("--markdown", type=Path, default=Path("out/frontier.md"))
    arguments = parser.parse_args()
    for row in rows_of(arguments):
        if row not in ROWS:
            parser.error(f"{row!r} is no row: {'; '.join(ROWS)}")
    if BASELINE not in rows_of(arguments):
        parser.error(f"--rows needs {BASELINE}, which all others are compared with")
    # Without it there are no gains; who names one wants them.
    if arguments.whole not in [EXACT, *rows_of(arguments)]:
        parser.error(f"--whole {arguments.whole!r} is not among the rows")
    table = reproduce(arguments.out, arguments)
    if arguments.metrics == "none":
        return
    times = time_in_turns(arguments.out, arguments)
    settings = table["settings"]
    plot = arguments.markdown.with_suffix(".png")
    files.write_atomic(plot, draw(table, times), overwrite=True)
    numbers = (arguments.out / "frontier" / "table.md").read_text().split("## Numbers", 1)[1]
    text = (
        "# Coherence against time\n\n"
        f"Made by `{repeat.command(__file__, parser, arguments)}`: {len(table['prompts'])} prompts "
        f"x {table['samples']} seeds, the same noise in every setting, model {settings['model']} "
        f"(weights {settings['model_hash'][:12]}), {', '.join(settings['setups'])}. Seconds here "
        f"and in the plot are medians of {arguments.rounds} rounds in turns, without loading and "
        "saving "
        "(those under Numbers are means over run logs of different times). Gain kept: how much of "
        f"the gain of `{arguments.whole}` over MultiDiffusion a setting has, with its "
        "standard error.\n\n"
        f"{summary(table, times, arguments.whole)}\n\n![metrics against seconds]({plot.name})\n\n"
        f"## Numbers{numbers}"
    )
    files.write_atomic(arguments.markdown, text.encode(), overwrite=True)
    print(text)


if __name__ == "__main__":
    main()
