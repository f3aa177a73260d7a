"""From a checked source to a loaded model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from syncpano.errors import RUN_FAILED, SyncPanoError
from syncpano.models.attention import speed_up_attention
from syncpano.models.card import Card, read_card
from syncpano.models.folder import read_json
from syncpano.models.parts import load_autoencoder, load_part, load_tokenizer
from syncpano.models.precision import resolve_device, resolve_dtype
from syncpano.models.source import ModelSource
from syncpano.models.stable_diffusion import LatentDiffusion, Parts


def load_model(
    source: ModelSource, device: str = "auto", dtype: str = "auto", compile: bool = False
) -> LatentDiffusion:
    """Load every part of a model folder, frozen, from safetensors only.

    Args:
        source: with a folder (`resolve_source(..., download=True)`).
        device: auto, cpu, cuda or mps.
        dtype: auto, float32, bfloat16 or float16.
        compile: compile UNet and decoder at their first call.

    Raises:
        SyncPanoError: the device or format is not available, or a part cannot be loaded.
    """
    assert source.folder is not None, "the source was resolved without a download"
    place = resolve_device(device)
    card = read_card(source.folder)
    number_format = resolve_dtype(dtype, place, source.family, card.cpu_dtype)
    parts = _load_parts(source, source.folder, card, place, number_format)
    if compile:
        parts.unet.compile()
        for layer in parts.vae.children():  # `decode` is not `forward`, which `compile` wraps
            layer.compile()
    return LatentDiffusion(source, parts, place, number_format)


def _load_parts(
    source: ModelSource, folder: Path, card: Card, device: torch.device, dtype: torch.dtype
) -> Parts:
    from diffusers import UNet2DConditionModel
    from transformers import CLIPTextModel, CLIPTokenizer

    unet = load_part(UNet2DConditionModel, folder / "unet", source.id, device, dtype)
    if device.type == "cuda":  # on a CPU channels-last slows the UNet's backward pass down
        unet = unet.to(memory_format=torch.channels_last)
    if device.type == "cpu":
        speed_up_attention(unet)
    # A text is encoded once: on a CPU nothing is gained by a short format.
    text_dtype = torch.float32 if device.type == "cpu" else dtype
    text_encoder = load_part(CLIPTextModel, folder / "text_encoder", source.id, device, text_dtype)
    tokenizer = load_tokenizer(CLIPTokenizer, folder / "tokenizer", source.id)
    _require_fit(tokenizer, text_encoder, source.id)
    return Parts(
        unet=unet,
        vae=load_autoencoder(folder / "vae", source.id, device, dtype),
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        scheduler_config=read_json(folder / "scheduler" / "scheduler_config.json"),
        card=card,
    )


def _require_fit(tokenizer: Any, text_encoder: Any, model: str) -> None:
    """Refuse a tokenizer with words that the text encoder has no row for.

    Added words, as of a finetune whose embeddings were left behind, matter to prompts with them.
    """
    added = tokenizer.get_added_vocab()
    own = [number for word, number in tokenizer.get_vocab().items() if word not in added]
    words, rows = max(own, default=0) + 1, text_encoder.config.vocab_size
    if words > rows:
        raise SyncPanoError(
            f"{model} does not fit together: its tokenizer has {words} words, "
            f"and its text encoder {rows}",
            hint="its parts seem to be of different models: take them from one",
            exit_code=RUN_FAILED,
        )
