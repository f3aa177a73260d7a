"""Draw the training curves of a run: `python scripts/pocket/curves.py` reads its log.jsonl."""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import matplotlib as mpl
from script import run_main

from syncpano import files
from syncpano.experiments.plots import as_png

# Stage -> what its panel shows, in the names of the log.
PANELS = {
    "text": ("subject", "time", "style"),
    "diffusion": ("loss",),
    "perceptual": ("subject", "time", "style"),
    "judge": ("subject", "time", "style"),
}


def read_stages(path: Path) -> dict[str, list[dict[str, Any]]]:
    """Stage -> its entries; an entry of a restarted stage replaces those from its step on."""
    stages: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for line in path.read_text().splitlines():
        entry = json.loads(line)
        kept = stages[entry["stage"]]
        while kept and kept[-1]["step"] >= entry["step"]:
            kept.pop()
        kept.append(entry)
    return stages


def draw(stages: dict[str, list[dict[str, Any]]]) -> bytes:
    """One panel a stage of the log, training minutes on the horizontal axis, as PNG."""
    mpl.use("Agg")
    from matplotlib import pyplot

    shown = [stage for stage in PANELS if stage in stages]
    size = (4 * len(shown), 3.4)
    figure, axes = pyplot.subplots(1, len(shown), figsize=size, layout="constrained", squeeze=False)
    for axis, stage in zip(axes[0], shown, strict=True):
        for name in PANELS[stage]:
            points = [(e["seconds"] / 60, e[name]) for e in stages[stage] if name in e]
            minutes = [x for x, _ in points]
            axis.plot(minutes, list(smooth(y for _, y in points)), lw=1, label=name)
        axis.set(title=stage, xlabel="minutes of training")
        axis.legend(fontsize=8)
        axis.grid(alpha=0.3)
    return as_png(figure, dpi=110)


def smooth(values: Iterable[float], decay: float = 0.7) -> Iterable[float]:
    """Exponential moving average: single batches are noisy."""
    mean = None
    for value in values:
        mean = value if mean is None else decay * mean + (1 - decay) * value
        yield mean


def main() -> None:
    """Read, draw, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("runs/pocket"))
    parser.add_argument("--out", type=Path, default=Path("out/pocket-curves.png"))
    arguments = parser.parse_args()
    stages = read_stages(arguments.folder / "log.jsonl")
    files.write_atomic(arguments.out, draw(stages), overwrite=True)


if __name__ == "__main__":
    run_main(main)
