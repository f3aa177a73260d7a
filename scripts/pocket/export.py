"""Write a run's weights as the embedded model: fp16 safetensors in the diffusers layout.

python scripts/pocket/export.py --folder runs/pocket
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import yaml
from captions import class_words, known_words
from folders import whole
from safetensors.torch import load_file, save_file

HERE = Path(__file__).resolve().parent

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
PARTS = (
    "unet",
    "vae",
    "vae_tiny",
    "text_encoder",
    "tokenizer",
    "scheduler",
    "refiner",
    "perceptual",
    "features",
)


def export(run: Path, target: Path, facts: dict[str, Any]) -> None:
    """Copy every part of a run, weights in float16, and write the model's index and card.

    All of it takes the place of what stands at `target`, or nothing does.

    The refiner keeps its own formats: its heads are small, and which render is laid hangs on them.

    Args:
        facts: what the recipe's section `card` says.
    """
    check(run)
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
        (model / "model_index.json").write_text(json.dumps(MODEL_INDEX, indent=1) + "\n")


def check(run: Path) -> None:
    """Refuse a run whose parts make no model."""
    missing = [part for part in PARTS if not any((run / part).glob("*.json"))]
    if missing:
        raise SystemExit(f"{run} has no {', '.join(missing)}: train.py's stages write them")
    unet, vae = (json.loads((run / part / "config.json").read_text()) for part in ("unet", "vae"))
    channels = vae["latent_channels"]
    if {unet["in_channels"], unet["out_channels"]} != {channels}:
        raise SystemExit(
            f"the UNet of {run} takes {unet['in_channels']} channels and gives "
            f"{unet['out_channels']}, its latents have {channels}: run the stage `fine`"
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
    parser.add_argument("--recipe", type=Path, default=HERE / "recipe.yaml")
    arguments = parser.parse_args()
    recipe = yaml.safe_load(arguments.recipe.read_text())
    export(arguments.folder, arguments.out, recipe["card"])
    size = sum(file.stat().st_size for file in arguments.out.rglob("*") if file.is_file())
    print(f"{size / 1e6:.1f} MB in {arguments.out}", file=sys.stderr)


if __name__ == "__main__":
    main()
