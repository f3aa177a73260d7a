"""How well a crop fits its prompt: 100 times the cosine in CLIP (Radford et al., ICML 2021).

# N crops, h w one crop, d the joint space
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor
from torch.nn import functional as F

from syncpano import files
from syncpano.errors import BAD_INPUT, RUN_FAILED, SyncPanoError, first_line
from syncpano.metrics.network_name import network_name
from syncpano.metrics.settings import CLIP_MODEL
from syncpano.models import hub
from syncpano.models.layout import WORDS
from syncpano.models.parts import load_tokenizer, quietly

_UNUSABLE = (OSError, ValueError, KeyError, RuntimeError, SafetensorError, pickle.UnpicklingError)
_MEAN, _STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


class ClipScore:
    """CLIP through transformers; ViT-B/16 unless told otherwise.

    Attributes:
        name: `clip-vit-base-patch16@` and a hash of the weights.
    """

    def __init__(self, device: str, model: str = CLIP_MODEL) -> None:
        """Load a Hub id or a local folder; of a pickle the tensors alone, its code never runs.

        Raises:
            SyncPanoError: it is not cached and cannot be fetched, or is no whole CLIP.
        """
        folder = files.expanded(model)
        try:
            self._network, self._tokenizer = _load(model, folder)
        except (*_UNUSABLE, SyncPanoError) as error:
            reason = f"{model} cannot be loaded as CLIP: {first_line(error)}"
            known = error if isinstance(error, SyncPanoError) else None
            usual = BAD_INPUT if files.is_folder(folder) else RUN_FAILED
            raise SyncPanoError(
                known.message if known else reason,
                hint="give the folder of a whole CLIP by `--clip-model`, or use the metric "
                "`pocket-fit` offline",
                exit_code=known.exit_code if known else usual,
            ) from error
        self._network.to(device).eval().requires_grad_(False)
        self._device = device
        self.name = network_name(model.rstrip("/").rsplit("/", 1)[-1], self._network)

    @torch.no_grad()
    def __call__(self, crops: Tensor, prompt: str) -> list[float]:
        """N 3 h w in [-1, 1], square -> N scores, 100 * cosine of crop and prompt."""
        side = self._network.config.vision_config.image_size
        # Antialiased bicubic resizing of a square crop equals CLIP's own preparation up to 8 bits.
        images = F.interpolate(crops, (side, side), mode="bicubic", antialias=True).clamp(-1, 1)
        mean, std = (torch.tensor(x)[:, None, None] for x in (_MEAN, _STD))
        pixels = (((images + 1) / 2 - mean) / std).to(self._device)
        tokens = self._tokenizer([prompt], truncation=True, return_tensors="pt").to(self._device)
        output = self._network(pixel_values=pixels, **tokens)
        cosine = F.cosine_similarity(output.image_embeds, output.text_embeds)
        return [100 * float(value) for value in cosine.cpu()]


def _load(model: str, folder: Path) -> tuple[Any, Any]:
    """Network and tokenizer of a folder, else of a repository, fetched where it is not cached."""
    from transformers import AutoTokenizer, CLIPModel

    if not files.is_folder(folder):
        folder = hub.cached_clip(model) or hub.download_clip(model)
    with quietly():
        # transformers reads a pickle's tensors without running its code.
        network, info = CLIPModel.from_pretrained(
            folder, dtype=torch.float32, output_loading_info=True, ignore_mismatched_sizes=True
        )
        # What is missing stays at random: the text encoder of a Stable Diffusion lacks all of it.
        misshapen = {key for key, *_ in info["mismatched_keys"]}
        lacking = sorted(({*info["missing_keys"]} | misshapen) - {"logit_scale"})  # of no cosine
        if lacking:
            raise SyncPanoError(
                f"{model} is no whole CLIP: {len(lacking)} weights are missing or of another "
                f"shape, the first is {lacking[0]}"
            )
        if not any(files.is_file(folder / file) for file in WORDS):  # it would load without any
            raise SyncPanoError(f"{model} is no whole CLIP: {WORDS[0]} is missing")
        return network, load_tokenizer(AutoTokenizer, folder, model)
