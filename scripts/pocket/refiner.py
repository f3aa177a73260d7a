"""Stage: what the refiner remembers, and how it reads a prompt. Nothing is trained here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from autoencoder import encode_renders
from data import Render
from scenes.attributes import CLASSES, Attributes
from torch import Tensor
from transformers import CLIPTextConfig

from syncpano.models.pocket_refiner import PocketRefiner

# Most prompts name no style: of six photos as many are remembered as of one picture in another.
_PHOTO_COUNTS = 1 / 6


def build_refiner(
    folder: Path, renders: Sequence[Render], subjects: Sequence[str], recipe: Mapping[str, Any]
) -> None:
    """Write `refiner/`: a balanced choice of renders, and the readers of the text stage."""
    chosen = [
        render
        for subject in subjects
        for render in balanced(
            [r for r in renders if r.attributes.subject == subject], recipe["per_subject"]
        )
    ]
    latents = encode_renders(folder, chosen)
    heads = {"subject": list(subjects), **{name: list(names) for name, names in CLASSES.items()}}
    refiner = PocketRefiner(
        renders=len(chosen),
        latent_channels=latents.shape[1],
        height=latents.shape[2],
        width=latents.shape[3],
        text_width=CLIPTextConfig.from_pretrained(folder / "text_encoder").hidden_size,
        heads={name: len(names) for name, names in heads.items()},
        trust=recipe["trust"],
        change=recipe["change"],
    )
    refiner.remember(
        latents.float(),
        {
            name: torch.tensor([names.index(getattr(r.attributes, name)) for r in chosen])
            for name, names in heads.items()
        },
    )
    refiner.readers.load_state_dict(_readers(folder))
    refiner.save_pretrained(folder / "refiner")


def balanced(renders: Sequence[Render], count: int) -> list[Render]:
    """Choose renders one by one, each the one whose attributes are the rarest so far."""
    left, chosen, seen = list(renders), [], Counter[object]()
    for _ in range(min(count, len(left))):
        best = min(left, key=lambda render: _crowding(render.attributes, seen))
        left.remove(best)
        chosen.append(best)
        seen.update(_traits(best.attributes))
    return chosen


def _traits(a: Attributes) -> list[object]:
    return [(a.style, a.time), ("style", a.style), ("weather", a.weather), ("season", a.season)]


def _crowding(attributes: Attributes, seen: Counter[object]) -> float:
    light, style, weather, season = (seen[trait] for trait in _traits(attributes))
    scale = _PHOTO_COUNTS if attributes.style == "photo" else 1.0
    return scale * (3 * light + style) + 0.5 * weather + 0.3 * season


def _readers(folder: Path) -> dict[str, Tensor]:
    """The text stage's heads: they tell from a prompt's states what the picture shows."""
    checkpoint = folder / "text.checkpoint.pt"
    if not checkpoint.exists():
        raise SystemExit(f"{checkpoint} is missing: run the stage `text` first")
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)["state"]["model"]
    prefix = "heads."
    return {name.removeprefix(prefix): x for name, x in state.items() if name.startswith(prefix)}
