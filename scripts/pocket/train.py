"""Train the pocket model: `python scripts/pocket/train.py --budget-minutes 180 --device cpu`.

Every stage resumes from its last checkpoint, so the command may be killed and given again. A
larger budget goes on with a finished stage. On a CPU, one process a core is fastest:
`torchrun --nproc-per-node 2 scripts/pocket/train.py ...`.
"""

from __future__ import annotations

import argparse
import math
import os
from functools import cached_property
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from autoencoder import encode_renders, fit_closed_forms, load_autoencoder
from captions import caption
from data import HELD_OUT, Render, render_all
from diffusion import Windows, train_diffusion
from features import train_features
from fine import fit_fine_output
from folders import put_back
from phrases import NOUNS
from recipe import RECIPE, read_recipe
from refiner import build_refiner
from runs import PARTS, begin, parts_in
from scenes import SUBJECTS
from scenes.attributes import sample_attributes
from script import run_main
from stages import SHARED, STAGES, check_stages, timed
from text import train_text_encoder, train_tokenizer
from training import Stage
from workers import Workers

from syncpano.errors import SyncPanoError


class Training:
    """The recipe, the folder of a run, and the renders that its stages share."""

    def __init__(self, arguments: argparse.Namespace, recipe: dict[str, Any]) -> None:
        self.arguments, self.recipe = arguments, recipe
        self.folder: Path = arguments.folder
        self.workers = Workers()
        self.workers.share(recipe["diffusion"]["batch"])  # too many are refused now, not later
        self.subjects = [subject for subject in SUBJECTS if subject in arguments.subjects]

    def begin(self) -> None:
        """Refuse what could not go on to its end, then note down and copy what it begins with."""
        for part in PARTS:
            put_back(self.folder / part)
        model = self.arguments.start_from
        copied = self.arguments.keep if model else ()
        check_stages(self.arguments.stages, {*parts_in(self.folder), *copied}, self.folder)
        begin(self.folder, self.recipe, self.subjects, model, copied)

    def part(self, name: str) -> dict[str, Any]:
        """The recipe's section `name`, with the seed."""
        return {"seed": self.recipe["seed"], **self.recipe[name]}

    def stage(self, name: str, share: float) -> Stage:
        """A stage with its share of the budget."""
        return Stage(self.folder, name, 60 * self.arguments.budget_minutes * share, self.workers)

    def renders(self, held_out: bool = False) -> list[Render]:
        """All training or held-out renders; missing ones are drawn."""
        shape = self.recipe["renders"]
        count = shape["held_out_per_subject" if held_out else "per_subject"]
        cache = self.folder / "renders"
        first = HELD_OUT if held_out else 0
        return list(render_all(cache, self.subjects, count, shape["width"], first=first))

    def carried_over(self, stage: Stage, part: str) -> bool:
        """Whether a part was copied from another model and is not to be trained again."""
        return (self.folder / part).exists() and not stage.checkpoint.exists()

    def run_renders(self) -> None:
        """Draw what is missing."""
        print(len(self.renders()) + len(self.renders(held_out=True)), "renders")

    def run_tokenizer(self) -> None:
        """Learn the tokenizer from sampled captions."""
        if (self.folder / "tokenizer").exists():
            print("tokenizer/ is there and stays")
            return
        rng = np.random.default_rng(self.recipe["seed"])
        captions = (
            caption(rng, sample_attributes(rng, subject)) for _ in range(3000) for subject in NOUNS
        )
        text = self.recipe["diffusion"]["text"]
        train_tokenizer(self.folder / "tokenizer", captions, text["vocabulary"], text["max_length"])

    def run_text(self) -> None:
        """Teach the text encoder what captions say."""
        recipe = self.part("diffusion")
        stage = self.stage("text", recipe["text"]["share"])
        train_text_encoder(stage, self.subjects, recipe, self.arguments.device)

    def run_transform(self) -> None:
        """Fit the closed forms of the autoencoder."""
        recipe = self.part("autoencoder")
        count = recipe["pca_renders_per_subject"] * len(self.subjects)
        fit_closed_forms(self.folder, self.renders()[:count], recipe)

    def _run_features(self, name: str, folder: str) -> None:
        recipe = self.part("features")
        stage = self.stage(name, recipe["share"])
        if self.carried_over(stage, folder):
            print(f"{folder}/ was copied from another model and stays")
            return
        held_out = self.renders(held_out=True)
        shape = recipe[name]
        train_features(
            stage, folder, self.renders(), held_out, shape, recipe, self.arguments.device
        )

    def run_perceptual(self) -> None:
        """Train the network that guides."""
        self._run_features("perceptual", "perceptual")

    def run_judge(self) -> None:
        """Train the network that judges."""
        self._run_features("judge", "features")

    def run_refiner(self) -> None:
        """Fill the refiner's memory."""
        threads = self.arguments.threads
        build_refiner(self.folder, self.subjects, self.recipe["refiner"], threads)

    @cached_property
    def windows(self) -> Windows:
        """What the UNet learns from: windows of all training renders' latents."""
        recipe = self.part("diffusion")
        rng = np.random.default_rng(self.recipe["seed"])
        renders = self.renders()
        latents = encode_renders(self.folder, renders, rng)
        mirrored = load_autoencoder(self.folder).mirrored
        return Windows(latents, renders, mirrored, recipe["caption_dropout"], recipe["styled"])

    def run_diffusion(self) -> None:
        """Train the UNet on the coarse channels."""
        recipe = self.part("diffusion")
        coarse = self.recipe["autoencoder"]["context_channels"]
        stage = self.stage("diffusion", recipe["share"])
        train_diffusion(stage, self.windows, coarse, recipe, self.arguments.device)

    def run_fine(self) -> None:
        """Give the UNet the fine channels."""
        coarse = self.recipe["autoencoder"]["context_channels"]
        fit_fine_output(self.folder, self.windows, coarse, self.part("diffusion"))


def minutes(text: str) -> float:
    """A finite number above 0."""
    if not 0 < float(text) < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is no number above 0")
    return float(text)


def threads(text: str) -> int:
    """A whole number above 0."""
    if int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is no number above 0")
    return int(text)


def read_arguments() -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--budget-minutes", type=minutes, help=f"for {', '.join(timed(STAGES))}")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--folder", type=Path, default=Path("runs/pocket"))
    parser.add_argument("--recipe", type=Path, default=RECIPE)
    parser.add_argument(
        "--stages",
        nargs="+",
        choices=STAGES,
        default=list(STAGES),
        metavar="STAGE",
        help=", ".join(STAGES),
    )
    parser.add_argument(
        "--subjects",
        nargs="+",
        choices=SUBJECTS,
        default=SUBJECTS,
        metavar="SUBJECT",
        help="fewer, for rehearsals",
    )
    parser.add_argument(
        "--threads",
        type=threads,
        default=max((os.cpu_count() or 1) // int(os.environ.get("WORLD_SIZE", 1)), 1),
    )
    parser.add_argument(
        "--start-from",
        type=Path,
        help="model folder whose parts this run keeps, and whose UNet it goes on with",
    )
    parser.add_argument(
        "--keep", nargs="+", choices=PARTS, metavar="PART", help="the parts that it keeps"
    )
    arguments = parser.parse_args()
    if arguments.keep and arguments.start_from is None:
        parser.error("--keep names parts of a model: say which with --start-from")
    if arguments.budget_minutes is None and timed(arguments.stages):
        parser.error(f"--budget-minutes is needed for {', '.join(timed(arguments.stages))}")
    arguments.keep = arguments.keep or PARTS
    return arguments


def main() -> None:
    """Run the stages in order."""
    arguments = read_arguments()
    recipe = read_recipe(arguments.recipe)
    if arguments.device == "cuda" and not torch.cuda.is_available():
        raise SyncPanoError("no CUDA device is available here", hint="use `--device cpu`")
    torch.set_num_threads(arguments.threads)
    cv2.setNumThreads(1)
    training = Training(arguments, recipe)
    if training.workers.first:
        training.begin()
    for stage in arguments.stages:
        if training.workers.first and stage in SHARED:
            training.renders()  # else every worker would draw those that are missing
        training.workers.wait()
        if training.workers.first or stage in SHARED:
            print("stage", stage, flush=True)
            getattr(training, f"run_{stage}")()


if __name__ == "__main__":
    run_main(main)
