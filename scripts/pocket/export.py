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

    The refiner keeps its own formats: its heads are small, and which render is laid hangs on them.

    Args:
        facts: what the recipe's section `card` says.
    """
    for part in PARTS:
        (target / part).mkdir(parents=True, exist_ok=True)
        for file in sorted((run / part).iterdir()):
            if file.suffix == ".safetensors":
                tensors = load_file(file)
                if part != "refiner":
                    tensors = {name: tensor.half() for name, tensor in tensors.items()}
                save_file(tensors, target / part / file.name, metadata={"format": "pt"})
            elif file.suffix == ".json":
                content = json.loads(file.read_text())
                content.pop("_name_or_path", None)  # where it was trained
                text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
                (target / part / file.name).write_text(text, encoding="utf-8")
    card = {
        "licence": "MIT, trained on pictures that this repository renders",
        **facts,
        "cpu_dtype": "bfloat16",
        "known_words": sorted(known_words()),
        "class_words": class_words(),
    }
    (target / "pocket.json").write_text(json.dumps(card, indent=1) + "\n")
    (target / "model_index.json").write_text(json.dumps(MODEL_INDEX, indent=1) + "\n")


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
