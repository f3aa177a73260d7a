"""Stable Diffusion 2 at an eighth of its width, of random weights, and trunks for its losses.

Speed does not depend on what the weights are, only on how many there are and how they are used.
UNet, decoder and heads are narrowed alike, so that they share the time as in the original.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
from diffusers import AutoencoderKL, AutoencoderTiny, DDIMScheduler, UNet2DConditionModel
from tokenizers.pre_tokenizers import ByteLevel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

WINDOW = 32  # cells; 256 pixels
TEXT_WIDTH, TEXT_LENGTH = 128, 77
VOCABULARY = 514  # every byte, within a word and at its end, and the two ends of a text


def make(folder: Path, seed: int = 0) -> Path:
    """Write a model folder in the diffusers layout and give it back."""
    folder.mkdir(parents=True, exist_ok=True)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        _networks(folder)
        _text(folder)
    DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
    ).save_pretrained(folder / "scheduler")
    index: dict[str, object] = {
        "_class_name": "StableDiffusionPipeline",
        "_diffusers_version": "0.35.0",
    }
    index |= {
        "scheduler": ["diffusers", "DDIMScheduler"],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
        "safety_checker": [None, None],
        "feature_extractor": [None, None],
    }
    (folder / "model_index.json").write_text(json.dumps(index))
    return folder


def trunk(path: Path, net: str, seed: int = 0) -> Path:
    """Random weights for `--loss-weights`: the convolutions of a torchvision network."""
    from safetensors.torch import save_file
    from torchvision import models

    made = {"vgg": models.vgg16, "alex": models.alexnet, "squeeze": models.squeezenet1_1}[net]
    path = path.with_suffix(".safetensors")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        tensors = made(weights=None).features.state_dict()
    save_file({f"features.{key}": value for key, value in tensors.items()}, path)
    return path


def _networks(folder: Path) -> None:
    UNet2DConditionModel(
        sample_size=WINDOW,
        block_out_channels=(40, 80, 160, 160),
        down_block_types=("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
        up_block_types=("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3,
        cross_attention_dim=TEXT_WIDTH,
        attention_head_dim=(1, 2, 4, 4),
        norm_num_groups=8,
        use_linear_projection=True,
    ).save_pretrained(folder / "unet")
    AutoencoderKL(
        block_out_channels=(16, 32, 64, 64),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=2,
        latent_channels=4,
        norm_num_groups=8,
        sample_size=WINDOW * 8,
    ).save_pretrained(folder / "vae")
    AutoencoderTiny(
        encoder_block_out_channels=(16,) * 4, decoder_block_out_channels=(16,) * 4
    ).save_pretrained(folder / "vae_tiny")


def tokenizer(size: int = VOCABULARY) -> CLIPTokenizer:
    """CLIP's tokenizer with bytes for words; what `size` has left no text contains."""
    letters = sorted(ByteLevel.alphabet())
    words = [*letters, *(f"{letter}</w>" for letter in letters)]
    words += [f"<unused{i}>" for i in range(size - VOCABULARY)]
    words += ["<|startoftext|>", "<|endoftext|>"]
    vocab = {word: index for index, word in enumerate(words)}
    return CLIPTokenizer(vocab=vocab, merges=[], model_max_length=TEXT_LENGTH)


def _text(folder: Path) -> None:
    tokenizer().save_pretrained(folder / "tokenizer")
    CLIPTextModel(
        CLIPTextConfig(
            vocab_size=VOCABULARY,
            hidden_size=TEXT_WIDTH,
            intermediate_size=4 * TEXT_WIDTH,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=TEXT_LENGTH,
            bos_token_id=VOCABULARY - 2,
            eos_token_id=VOCABULARY - 1,
        )
    ).save_pretrained(folder / "text_encoder")
