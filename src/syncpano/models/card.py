"""What the pocket model's `pocket.json` says about it. No torch."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from syncpano.errors import SyncPanoError
from syncpano.models.folder import read_json

_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")


@dataclass(frozen=True)
class Card:
    """Facts beside the weights of a pocket model.

    Attributes:
        known_words: lower-case words of the captions it was trained on; empty where unlisted.
        loss_scale: factor of its own perceptual loss, which puts the useful strength at w = 20.
        guidance_scale: classifier-free guidance at which it paints best.
        guided_share: share of the steps, from the first on, whose guidance helps.
        temperature: share of the noise that its sampling keeps (see `BoundDiffusion.step`).
        cpu_dtype: the number format that is safe on a CPU that is fast at it.
        gradient_gains: `--gradient` -> factor that makes it as strong as the exact one (1 where
            unlisted), measured on the model by scripts/gradient_study.py.
    """

    known_words: frozenset[str] = frozenset()
    loss_scale: float = 1.0
    guidance_scale: float = 7.5  # Stable Diffusion's
    guided_share: float = 1.0
    temperature: float = 1.0
    cpu_dtype: str = "float32"
    gradient_gains: Mapping[str, float] = field(default_factory=dict)

    def unknown_words(self, prompt: str) -> list[str]:
        """Words of the prompt that the model has never seen, in order, each once."""
        if not self.known_words:
            return []
        words = dict.fromkeys(word.lower() for word in _WORD.findall(prompt))
        return [word for word in words if word not in self.known_words]


def read_card(folder: Path) -> Card:
    """The card of a model folder; the defaults where it has none.

    Raises:
        SyncPanoError: there is a card and it is damaged.
    """
    path = folder / "pocket.json"
    if not path.is_file():
        return Card()
    content = read_json(path)
    words, scale = content.get("known_words", []), content.get("loss_scale", 1.0)
    guidance = content.get("guidance_scale", Card.guidance_scale)
    guided_share = content.get("guided_share", Card.guided_share)
    temperature = content.get("temperature", Card.temperature)
    dtype = content.get("cpu_dtype", "bfloat16")
    gains = content.get("gradient_gains", {})
    if (
        not isinstance(words, list)
        or not isinstance(scale, int | float)
        or not isinstance(guidance, int | float)
        or not isinstance(guided_share, int | float)
        or not 0 <= guided_share <= 1
        or not isinstance(temperature, int | float)
        or not 0 < temperature <= 1
        or dtype not in ("float32", "bfloat16")
        or not isinstance(gains, dict)
        or not all(isinstance(gain, int | float) and 0 < gain < math.inf for gain in gains.values())
    ):
        raise SyncPanoError(f"{path} is damaged", hint="reinstall syncpano")
    known = frozenset(str(word).lower() for word in words)
    return Card(
        known_words=known,
        loss_scale=float(scale),
        guidance_scale=float(guidance),
        guided_share=float(guided_share),
        temperature=float(temperature),
        cpu_dtype=str(dtype),
        gradient_gains={name: float(gains[name]) for name in gains},
    )
