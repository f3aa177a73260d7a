"""Distance of samples to renders over training: `fidelity_curve.py --weights VGG16`.

Trains the UNet from nothing by the recipe, to one budget after the other, and measures each with
`evaluate.py --measures fidelity`. What is there is kept, so an interrupted run goes on; with
another shipped model, other weights or other steps it takes another folder.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import torch
import yaml
from folders import copy_whole, note_down, whole
from runs import PARTS
from script import run_main

from syncpano import files
from syncpano.experiments.plots import as_png
from syncpano.metrics.features import Vgg16Features
from syncpano.models.card import read_card
from syncpano.models.folder import content_hash

HERE = Path(__file__).resolve().parent
SHIPPED = HERE.parents[1] / "src" / "syncpano" / "pocket"
SLACK = 10  # seconds that a budget may be exceeded by: its last step and checkpoint
LINES = {
    "samples_to_renders": "as painted",
    "unrefined_to_renders": "without the refiner",
    "renders_to_renders": "other renders",
}


def train(folder: Path, minutes: float) -> None:
    """Take the UNet to `minutes` of training, one process a core; all else is as shipped."""
    check_spent(folder, minutes)
    recipe = yaml.safe_load((HERE / "recipe.yaml").read_text())["diffusion"]
    processes = str(min(os.cpu_count() or 1, recipe["batch"]))
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", processes]
    command += [str(HERE / "train.py"), "--folder", str(folder)]
    command += ["--budget-minutes", str(minutes / recipe["share"])]
    command += ["--stages", "diffusion", "fine", "--start-from", str(SHIPPED)]
    command += ["--keep", *(part for part in PARTS if part != "unet")]
    subprocess.run(command, check=True)


def check_spent(folder: Path, minutes: float) -> None:
    """Refuse a budget that the UNet of a folder has gone past: it cannot go back."""
    checkpoint = folder / "diffusion.checkpoint.pt"
    if not checkpoint.exists():
        return
    spent = torch.load(checkpoint, map_location="cpu", weights_only=True)["spent"]
    if spent > 60 * minutes + SLACK:
        raise SystemExit(
            f"the UNet in {folder} has learnt for {spent / 60:.1f} minutes already, more than "
            f"{minutes:g}: name another --folder"
        )


def measure(model: Path, out: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """The fidelity of a model folder, measured once."""
    if not out.exists():
        command = [sys.executable, str(HERE / "evaluate.py"), "--measures", "fidelity"]
        command += ["--model", str(model), "--weights", str(arguments.weights)]
        command += ["--renders", str(arguments.folder / "renders"), "--out", str(out)]
        subprocess.run([*command, "--steps", str(arguments.steps)], check=True)
    result: dict[str, Any] = json.loads(out.read_text())["fidelity"]
    return result


def draw(points: Sequence[Mapping[str, float]], shipped: Mapping[str, float]) -> bytes:
    """Distances over minutes of training, those of the shipped model as lines, as PNG."""
    mpl.use("Agg")
    from matplotlib import pyplot

    figure, axis = pyplot.subplots(figsize=(6, 4), layout="constrained")
    minutes = [point["minutes"] for point in points]
    for name, label in LINES.items():
        if name == "renders_to_renders":
            axis.axhline(shipped[name], color="grey", label=label)
            continue
        (line,) = axis.plot(minutes, [point[name] for point in points], "o-", label=label)
        shade = {"color": line.get_color(), "ls": ":", "label": f"{label}, the shipped weights"}
        axis.axhline(shipped[name], **shade)
    axis.set(xscale="log", xlabel="minutes of training, one process a core")
    axis.set_xticks(minutes, [f"{value:g}" for value in minutes])
    axis.minorticks_off()
    axis.set(ylabel="Frechet distance to held-out renders", ylim=(0, None))
    axis.legend(fontsize=8)
    axis.grid(alpha=0.3)
    return as_png(figure, dpi=110)


def main() -> None:
    """Train and measure in turns, then the shipped model; write the numbers and the plot."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--weights", type=Path, required=True, help="VGG-16 trunk, `features.*`")
    parser.add_argument("--minutes", type=float, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--folder", type=Path, default=Path("runs/fidelity"))
    parser.add_argument("--steps", type=int, default=25)
    parser.add_argument("--out", type=Path, default=Path("out/pocket-fidelity.json"))
    arguments = parser.parse_args()
    facts = made_with(arguments)
    note_down(arguments.folder / "made-with.json", facts, facts)
    points = []
    for minutes in sorted(arguments.minutes):
        model = arguments.folder / f"after-{minutes:g}-minutes"
        if not model.exists():
            train(arguments.folder, minutes)
            snapshot(arguments.folder, model)
        result = measure(model, model.with_name(f"{model.name}.json"), arguments)
        points.append({"minutes": minutes, **result})
    shipped = measure(SHIPPED, arguments.folder / "shipped.json", arguments)
    content = json.dumps({"training": points, "shipped": shipped}, indent=1) + "\n"
    files.write_atomic(arguments.out, content.encode(), overwrite=True)
    files.write_atomic(arguments.out.with_suffix(".png"), draw(points, shipped), overwrite=True)


def made_with(arguments: argparse.Namespace) -> dict[str, Any]:
    """What the results of a folder hang on."""
    card = read_card(SHIPPED)
    return {
        "shipped": content_hash(SHIPPED),
        **{name: getattr(card, name) for name in ("guidance_scale", "guided_share", "temperature")},
        "steps": arguments.steps,
        "weights": Vgg16Features("cpu", arguments.weights).name,
    }


def snapshot(folder: Path, model: Path) -> None:
    """The shipped model with the UNet of now."""
    with whole(model) as target:
        shutil.copytree(SHIPPED, target, dirs_exist_ok=True)
        copy_whole(folder / "unet", target / "unet")


if __name__ == "__main__":
    run_main(main)
