"""Stable-Diffusion-shaped checkpoints of random weights, small enough for a call in milliseconds.

They are written to disk by the real classes and read back through the product's own loader.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from tokenizers.pre_tokenizers import ByteLevel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

MERGES = [
    ("w", "a"),
    ("wa", "t"),
    ("wat", "e"),
    ("wate", "r"),
    ("f", "a"),
    ("fa", "l"),
    ("fal", "l"),
]


def tiny_tokenizer(max_length: int = 16) -> CLIPTokenizer:
    """A byte-level BPE tokenizer that spells nearly everything letter by letter."""
    letters = sorted(ByteLevel.alphabet())
    words = letters + [f"{letter}</w>" for letter in letters]
    words += ["".join(pair) for pair in MERGES] + ["<|startoftext|>", "<|endoftext|>"]
    vocab = {word: index for index, word in enumerate(words)}
    return CLIPTokenizer(vocab=vocab, merges=MERGES, model_max_length=max_length)


def tiny_checkpoint(
    folder: Path,
    *,
    prediction_type: str = "epsilon",
    sample_size: int = 8,
    vae_levels: int = 4,
    attention: bool = True,
    seed: int = 0,
    scheduler: dict[str, Any] | None = None,
) -> Path:
    """Write a diffusers folder (safetensors) and give it back.

    Args:
        sample_size: the window in latent cells.
        vae_levels: the VAE factor is 2 ** (vae_levels - 1), so a window is 64 px by default.
        attention: the VAE's middle block attends globally, as Stable Diffusion's does.
        scheduler: further entries of the scheduler's configuration.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        tokenizer = tiny_tokenizer()
        StableDiffusionPipeline(
            vae=_vae(vae_levels, sample_size, attention),
            text_encoder=_text_encoder(len(tokenizer)),
            tokenizer=tokenizer,
            unet=_unet(sample_size),
            scheduler=_scheduler(prediction_type, scheduler or {}),
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
        ).save_pretrained(folder, safe_serialization=True)
        # The pipeline class overrules some entries; a folder on disk may hold them all the same.
        _scheduler(prediction_type, scheduler or {}).save_pretrained(folder / "scheduler")
    return folder


def _unet(sample_size: int) -> UNet2DConditionModel:
    return UNet2DConditionModel(
        sample_size=sample_size,
        block_out_channels=(8, 16),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=16,
        attention_head_dim=4,
        norm_num_groups=4,
    )


def _vae(levels: int, sample_size: int, attention: bool) -> AutoencoderKL:
    return AutoencoderKL(
        block_out_channels=(8,) * levels,
        down_block_types=("DownEncoderBlock2D",) * levels,
        up_block_types=("UpDecoderBlock2D",) * levels,
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=4,
        sample_size=sample_size * 2 ** (levels - 1),
        mid_block_add_attention=attention,
    )


def _text_encoder(vocab_size: int) -> CLIPTextModel:
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=vocab_size,
            hidden_size=16,
            intermediate_size=32,
            num_hidden_layers=1,
            num_attention_heads=2,
            max_position_embeddings=16,
            bos_token_id=vocab_size - 2,
            eos_token_id=vocab_size - 1,
        )
    )


def _scheduler(prediction_type: str, further: dict[str, Any]) -> DDIMScheduler:
    config: dict[str, Any] = {
        "beta_start": 0.00085,
        "beta_end": 0.012,
        "beta_schedule": "scaled_linear",
        "clip_sample": False,
        "set_alpha_to_one": False,
        "steps_offset": 1,
        "prediction_type": prediction_type,
    }
    return DDIMScheduler(**(config | further))


def tiny_trunk(path: Path, seed: int = 0) -> Path:
    """Write a SqueezeNet trunk of random weights for `--loss-weights` and give it back."""
    from safetensors.torch import save_file
    from torchvision.models import squeezenet1_1

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        tensors = squeezenet1_1(weights=None).state_dict()
    save_file({key: part for key, part in tensors.items() if key.startswith("features.")}, path)
    return path


def tiny_style(path: Path) -> Path:
    """Write five convolutions of a VGG-19 of random weights, and a mark that it is one."""
    from safetensors.torch import save_file

    generator = torch.Generator().manual_seed(0)
    tensors = {"features.34.weight": torch.zeros(1)}
    for index, (inputs, outputs) in {
        0: (3, 64),
        2: (64, 64),
        5: (64, 128),
        7: (128, 128),
        10: (128, 256),
    }.items():
        scale = (2 / (9 * inputs)) ** 0.5
        weight = torch.randn((outputs, inputs, 3, 3), generator=generator) * scale
        tensors |= {
            f"features.{index}.weight": weight,
            f"features.{index}.bias": torch.zeros(outputs),
        }
    save_file(tensors, path)
    return path


def tiny_clip(folder: Path) -> Path:
    """Write a CLIP of random weights for `--clip-model` and give it back."""
    from transformers import CLIPConfig, CLIPModel

    tokenizer = tiny_tokenizer()
    shape = {
        "hidden_size": 16,
        "intermediate_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
    }
    end = len(tokenizer) - 1
    words = {"vocab_size": len(tokenizer), "max_position_embeddings": 16, "eos_token_id": end}
    text = {**shape, **words}
    vision = {**shape, "image_size": 32, "patch_size": 8}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        CLIPModel(
            CLIPConfig(text_config=text, vision_config=vision, projection_dim=8)
        ).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


if __name__ == "__main__":  # python -m tests.tiny FOLDER: a model and a trunk for a smoke run
    target = Path(sys.argv[1])
    tiny_checkpoint(target / "model")
    tiny_trunk(target / "squeeze.safetensors")
