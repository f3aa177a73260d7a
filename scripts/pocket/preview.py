"""Sample a contact sheet from a run's newest weights: `python preview.py OUT.png PROMPT...`."""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
import torch
from diffusers import DDIMScheduler, UNet2DConditionModel
from text import load_tokenizer
from torch import Tensor
from training import autocast
from transformers import CLIPTextModel

from syncpano.models.pocket_autoencoder import PocketAutoencoder


@torch.no_grad()
def sample_windows(
    folder: Path, prompts: list[str], seed: int, steps: int, guidance: float
) -> Tensor:
    """One 512 px window a prompt, N 3 512 512 in [-1, 1]."""
    tokenizer = load_tokenizer(folder / "tokenizer")
    encoder = CLIPTextModel.from_pretrained(folder / "text_encoder")
    unet = UNet2DConditionModel.from_pretrained(folder / "unet")
    scheduler = DDIMScheduler.from_pretrained(folder / "scheduler")
    tokens = tokenizer(
        [*prompts, *[""] * len(prompts)], padding="max_length", truncation=True, return_tensors="pt"
    )
    states = encoder(tokens.input_ids).last_hidden_state
    generator = torch.Generator().manual_seed(seed)
    side = unet.config.sample_size
    latent = torch.randn((len(prompts), unet.config.in_channels, side, side), generator=generator)
    scheduler.set_timesteps(steps)
    for t in scheduler.timesteps:
        with autocast("cpu"):
            output = unet(torch.cat([latent, latent]), t, states).sample.float()
        prompted, unprompted = output.chunk(2)
        v = unprompted + guidance * (prompted - unprompted)
        latent = scheduler.step(v, t, latent).prev_sample
    return PocketAutoencoder.from_pretrained(folder / "vae").decode(latent).sample.clamp(-1, 1)


def main() -> None:
    """Sample and tile."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("prompts", nargs="+")
    parser.add_argument("--folder", type=Path, default=Path("runs/pocket"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=25)
    parser.add_argument("--guidance-scale", type=float, default=5.0)
    parser.add_argument("--columns", type=int, default=6)
    parser.add_argument("--tile", type=int, default=200, help="pixels")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    images = sample_windows(
        arguments.folder,
        arguments.prompts,
        arguments.seed,
        arguments.steps,
        arguments.guidance_scale,
    )
    pictures = ((images + 1) * 127.5).round().byte().permute(0, 2, 3, 1).numpy()
    tiles = [
        cv2.resize(p, (arguments.tile, arguments.tile), interpolation=cv2.INTER_AREA)
        for p in pictures
    ]
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % arguments.columns)
    rows = [
        np.hstack(tiles[i : i + arguments.columns]) for i in range(0, len(tiles), arguments.columns)
    ]
    cv2.imwrite(str(arguments.out), np.vstack(rows)[..., ::-1])


if __name__ == "__main__":
    main()
