"""Model folders of random weights with the shapes of real models: `shapes.py KIND DIR`.

Speed does not depend on what the weights are, only on how many there are and how they are used.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from diffusers import AutoencoderKL, AutoencoderTiny, DDIMScheduler, UNet2DConditionModel
from tokenizers.pre_tokenizers import ByteLevel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from syncpano.models.pocket_autoencoder import PocketAutoencoder
from syncpano.models.pocket_features import PocketFeatureNet


def pocket(folder: Path) -> None:
    """The embedded model: a 16 x 16 x 48 latent at factor 32, 25 million weights."""
    unet = UNet2DConditionModel(
        sample_size=16,
        in_channels=48,
        out_channels=48,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        block_out_channels=(96, 192, 256),
        layers_per_block=1,
        attention_head_dim=4,
        cross_attention_dim=192,
    )
    unet.save_pretrained(folder / "unet")
    PocketAutoencoder(48, 32, 32, (192, 128, 96, 64)).save_pretrained(folder / "vae")
    PocketAutoencoder(48, 32, 8, ()).save_pretrained(folder / "vae_tiny")
    PocketFeatureNet(64, (32, 64, 128, 192)).save_pretrained(folder / "perceptual")
    heads = {"subject": ["waterfall", "beach"]}
    PocketFeatureNet(128, (24, 48, 96, 160, 224), heads).save_pretrained(folder / "features")
    _text(folder, width=192, layers=2, heads=4, length=32)
    _schedule(folder, prediction_type="v_prediction", beta_end=0.02)
    card = {"cpu_dtype": "bfloat16"}
    (folder / "pocket.json").write_text(json.dumps(card))


def sd_small(folder: Path) -> None:
    """Stable Diffusion 2 at an eighth of its width, windows of 32 cells and 256 pixels.

    UNet, decoder and heads are narrowed alike, so that they share the time as in the original.
    """
    _stable_diffusion(
        folder,
        window=32,
        unet=(40, 80, 160, 160),
        vae=(16, 32, 64, 64),
        text_width=128,
        heads=(1, 2, 4, 4),
        groups=8,
        linear=True,
    )
    AutoencoderTiny(
        encoder_block_out_channels=(16,) * 4, decoder_block_out_channels=(16,) * 4
    ).save_pretrained(folder / "vae_tiny")


def sd2(folder: Path) -> None:
    """Stable Diffusion 2 base at full size (needs 5 GB of disk and a GPU to be of use)."""
    _stable_diffusion(
        folder,
        window=64,
        unet=(320, 640, 1280, 1280),
        vae=(128, 256, 512, 512),
        text_width=1024,
        heads=(5, 10, 20, 20),
        linear=True,
    )
    AutoencoderTiny().save_pretrained(folder / "vae_tiny")


KINDS: dict[str, Callable[[Path], None]] = {"pocket": pocket, "sd-small": sd_small, "sd2": sd2}


def make(kind: str, folder: Path, seed: int = 0) -> Path:
    """Write a model folder in the diffusers layout, unless it is there, and give it back."""
    if not (folder / "model_index.json").is_file():
        folder.mkdir(parents=True, exist_ok=True)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            KINDS[kind](folder)
        index = {"_class_name": "StableDiffusionPipeline", "_diffusers_version": "0.35.0"}
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


def _stable_diffusion(
    folder: Path,
    *,
    window: int,
    unet: tuple[int, ...],
    vae: tuple[int, ...],
    text_width: int,
    heads: tuple[int, ...],
    groups: int = 32,
    linear: bool = False,
) -> None:
    UNet2DConditionModel(
        sample_size=window,
        block_out_channels=unet,
        down_block_types=("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
        up_block_types=("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3,
        cross_attention_dim=text_width,
        attention_head_dim=heads,
        norm_num_groups=groups,
        use_linear_projection=linear,
    ).save_pretrained(folder / "unet")
    AutoencoderKL(
        block_out_channels=vae,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=2,
        latent_channels=4,
        norm_num_groups=groups,
        sample_size=window * 8,
    ).save_pretrained(folder / "vae")
    _text(folder, width=text_width, layers=2, heads=4, length=77)
    _schedule(folder, prediction_type="epsilon", beta_end=0.012)


def _text(folder: Path, *, width: int, layers: int, heads: int, length: int) -> None:
    letters = sorted(ByteLevel.alphabet())
    words = [*letters, *(f"{letter}</w>" for letter in letters)]
    words += ["<|startoftext|>", "<|endoftext|>"]
    vocab = {word: index for index, word in enumerate(words)}
    CLIPTokenizer(vocab=vocab, merges=[], model_max_length=length).save_pretrained(
        folder / "tokenizer"
    )
    CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(vocab),
            hidden_size=width,
            intermediate_size=4 * width,
            num_hidden_layers=layers,
            num_attention_heads=heads,
            max_position_embeddings=length,
            bos_token_id=len(vocab) - 2,
            eos_token_id=len(vocab) - 1,
        )
    ).save_pretrained(folder / "text_encoder")


def _schedule(folder: Path, *, prediction_type: str, beta_end: float) -> None:
    DDIMScheduler(
        beta_start=0.00085,
        beta_end=beta_end,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
        prediction_type=prediction_type,
    ).save_pretrained(folder / "scheduler")


def main() -> None:
    """Write one folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    print(make(arguments.kind, arguments.folder), file=sys.stdout)


if __name__ == "__main__":
    main()
