"""Write a run's weights as the embedded model: fp16 safetensors in the diffusers layout.

python scripts/pocket/export.py --folder runs/pocket
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from captions import class_words, known_words
from folders import whole
from recipe import read_recipe
from runs import PARTS, started_with
from safetensors.torch import load_file, save_file
from scenes import SUBJECTS
from script import run_main
from stages import STAGES, timed
from training import saved_steps

from syncpano.errors import SyncPanoError
from syncpano.models.card import read_card

EMBEDDED = Path(__file__).resolve().parents[2] / "src" / "syncpano" / "pocket"

MODEL_INDEX = {
    "_class_name": "StableDiffusionPipeline",
    "feature_extractor": [None, None],
    "image_encoder": [None, None],
    "requires_safety_checker": False,
    "safety_checker": [None, None],
    "scheduler": ["diffusers", "DDIMScheduler"],
    "text_encoder": ["transformers", "CLIPTextModel"],
    "tokenizer": ["transformers", "CLIPTokenizer"],
    "unet": ["diffusers", "UNet2DConditionModel"],
    "vae": ["syncpano.models.pocket_autoencoder", "PocketAutoencoder"],
}


def export(run: Path, target: Path, facts: dict[str, Any]) -> None:
    """Copy every part of a run, weights in float16, and write the model's index and card.

    All of it takes the place of what stands at `target`, or nothing does.

    The refiner keeps its own formats: its heads are small, and which render is laid hangs on them.

    Args:
        facts: what the recipe's section `card` says.

    Raises:
        SyncPanoError: the run makes no model, or not one for `target`, or the card is damaged.
    """
    check(run)
    _check_subjects(run, target)
    card = {
        "licence": "MIT, trained on pictures that this repository renders",
        **facts,
        "cpu_dtype": "bfloat16",
        "known_words": sorted(known_words()),
        "class_words": class_words(),
    }
    with whole(target) as model:
        for part in PARTS:
            _export_part(run / part, model / part)
        (model / "pocket.json").write_text(json.dumps(card, indent=1) + "\n")
        read_card(model)  # refuses what could not be loaded
        (model / "model_index.json").write_text(json.dumps(MODEL_INDEX, indent=1) + "\n")


def check(run: Path) -> None:
    """Refuse a run whose parts make no model.

    Raises:
        SyncPanoError: parts are missing, untrained, or do not fit together.
    """
    missing = [part for part in PARTS if not any((run / part).glob("*.json"))]
    if missing:
        raise SyncPanoError(
            f"{run} has no {', '.join(missing)}", hint="the stages of train.py write them"
        )
    stages = [stage for stage in timed(STAGES) if not _is_trained(run, stage)]
    if stages:
        raise SyncPanoError(
            f"{run} has an untrained {', '.join(STAGES[stage].trains for stage in stages)}",
            hint=f"`train.py --stages {' '.join(stages)}` with a larger --budget-minutes",
        )
    unet, vae = (json.loads((run / part / "config.json").read_text()) for part in ("unet", "vae"))
    channels = vae["latent_channels"]
    if {unet["in_channels"], unet["out_channels"]} != {channels}:
        raise SyncPanoError(
            f"the UNet of {run} takes {unet['in_channels']} channels and gives "
            f"{unet['out_channels']}, its latents have {channels}",
            hint="run the stage `fine`",
        )


def _is_trained(run: Path, stage: str) -> bool:
    steps = saved_steps(run, stage)
    return STAGES[stage].trains in started_with(run)["keep"] if steps is None else steps > 0


def _check_subjects(run: Path, target: Path) -> None:
    """Refuse a rehearsal that would replace the model that ships."""
    known = started_with(run)["subjects"]
    if target.resolve() == EMBEDDED.resolve() and not set(SUBJECTS) <= set(known):
        raise SyncPanoError(
            f"{run} knows {len(known)} of {len(SUBJECTS)} subjects, and {target} ships",
            hint="`--out` names another folder",
        )


def _export_part(part: Path, target: Path) -> None:
    target.mkdir()
    for file in sorted(part.iterdir()):
        if file.suffix == ".safetensors":
            tensors = load_file(file)
            if part.name != "refiner":
                tensors = {name: tensor.half() for name, tensor in tensors.items()}
            save_file(tensors, target / file.name, metadata={"format": "pt"})
        elif file.suffix == ".json":
            content = json.loads(file.read_text())
            content.pop("_name_or_path", None)  # where it was trained
            text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
            (target / file.name).write_text(text, encoding="utf-8")


def main() -> None:
    """Export and say how large it is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("runs/pocket"))
    parser.add_argument("--out", type=Path, default=Path("src/syncpano/pocket"))
    parser.add_argument("--recipe", type=Path, help="whose card to write; the run's own without it")
    arguments = parser.parse_args()
    recipe = read_recipe(arguments.recipe or arguments.folder / "recipe.json")
    export(arguments.folder, arguments.out, recipe["card"])
    size = sum(file.stat().st_size for file in arguments.out.rglob("*") if file.is_file())
    print(f"{size / 1e6:.1f} MB in {arguments.out}", file=sys.stderr)


if __name__ == "__main__":
    run_main(main)
