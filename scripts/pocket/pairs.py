"""Each prompt without synchronisation above itself with it: `pairs.py PANORAMAS OUT.jpg`.

PANORAMAS is the folder of pictures and run logs that `scripts/frontier.py` leaves.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from captions import PAPER_PROMPTS
from PIL import Image

GAP = 6  # pixels between pairs


def read_runs(folder: Path) -> list[dict[str, Any]]:
    """The configurations of all panoramas, each with the path of its picture."""
    logs = [json.loads(path.read_text()) | {"log": path} for path in sorted(folder.glob("*.json"))]
    return [
        log["config"] | {"picture": log["log"].with_suffix(".png")}
        for log in logs
        if log.get("status") == "done"
    ]


def find(runs: list[dict[str, Any]], prompt: str, method: str) -> Path:
    """The picture of a prompt with the paper's settings and w = 20, of the lowest seed."""
    fitting = [
        run
        for run in runs
        if (run["prompt"], run["method"], run["blend"]) == (prompt, method, "uniform")
        and (run["sync_weight"], run["steps"], run["width"]) == (20, 50, 3072)
        and run["compare"] == "foreseen"
        and run["initial_steps"] is None
        and run["sync_freq"] in (None, 50)
    ]
    return min(fitting, key=lambda run: run["seed"])["picture"]  # type: ignore[no-any-return]


def main() -> None:
    """Stack the pairs of the paper's first six prompts."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("panoramas", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--width", type=int, default=1200, help="pixels")
    arguments = parser.parse_args()
    runs = read_runs(arguments.panoramas)
    pairs = [
        [find(runs, prompt, method) for method in ("multi", "sync")]
        for prompt in list(PAPER_PROMPTS)[:6]
    ]
    height = arguments.width // 6
    sheet = Image.new("RGB", (arguments.width, 6 * (2 * height + GAP) - GAP), "white")
    for row, pair in enumerate(pairs):
        for line, path in enumerate(pair):
            picture = Image.open(path).resize((arguments.width, height), Image.Resampling.LANCZOS)
            sheet.paste(picture, (0, row * (2 * height + GAP) + line * height))
    sheet.save(arguments.out, quality=88)


if __name__ == "__main__":
    main()
