"""Stage: the pocket autoencoder. Closed forms first, then a trained residual decoder.

# N batch, C latent channels, h w latent cells, images N 3 H W in [-1, 1]
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from data import Render, to_tensor_range
from torch import Tensor
from torch.nn import functional as F
from training import Stage, autocast
from transform import fit_linear_decoder, fit_transform

from syncpano.models.pocket_autoencoder import PocketAutoencoder


def image_tensor(image: np.ndarray) -> Tensor:
    """uint8 H W 3 -> 1 3 H W in [-1, 1]."""
    return torch.from_numpy(to_tensor_range(image)).permute(2, 0, 1).unsqueeze(0)


def fit_closed_forms(folder: Path, renders: Sequence[Render], recipe: dict[str, Any]) -> None:
    """Write `vae/` and `vae_tiny/` with the linear parts, where they are not there yet."""
    if (folder / "vae").exists():
        return

    def images() -> Iterator[Tensor]:
        return (image_tensor(render.load()) for render in renders)

    channels, factor = recipe["latent_channels"], recipe["factor"]
    transform = fit_transform(images(), factor, channels, recipe["whitening"])
    full = PocketAutoencoder(channels, factor, factor, recipe["decoder_channels"])
    tiny = PocketAutoencoder(channels, factor, recipe["tiny_factor"], ())
    rows = transform.scale[:, None] * transform.basis
    for model in (full, tiny):
        with torch.no_grad():
            model.encoder.weight.copy_(rows.view_as(model.encoder.weight))
            model.encoder.bias.copy_(-rows @ transform.mean)
            shrink = factor // model.config.image_factor
            pairs = (
                (model.encode(image).latent, F.avg_pool2d(image, shrink)) for image in images()
            )
            weight, bias = fit_linear_decoder(pairs, model.config.image_factor, recipe["ridge"])
            model.linear.weight.copy_(weight)
            model.linear.bias.copy_(bias)
    full.save_pretrained(folder / "vae")
    tiny.save_pretrained(folder / "vae_tiny")


def train_decoder(
    stage: Stage,
    renders: Sequence[Render],
    recipe: dict[str, Any],
    perceptual: Callable[[Tensor, Tensor], Tensor] | None,
    device: str,
) -> None:
    """Fit the decoder's residual to L1, later with a perceptual term; its linear part stays.

    Many small crops and L1 first: a perceptual gradient of few crops is too noisy to start from.

    The linear part is optimal already, and Adam's steps, equal for all of its weights, would only
    shake it.

    Args:
        perceptual: N 3 H W twice -> N distances; None trains on L1 alone.
    """
    model = with_residual(stage.folder / "vae", recipe["decoder_channels"]).to(device)
    model.encoder.requires_grad_(False)
    model.linear.requires_grad_(False)
    trained = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(trained, recipe["learning_rate"], weight_decay=1e-4)
    state = {"model": model, "optimiser": optimiser}
    stage.restore(state)
    rng = np.random.default_rng([recipe["seed"], stage.step])
    batches = crops(renders, rng, recipe["batch"], recipe["crop"])
    losses: dict[str, list[float]] = {"l1": [], "perceptual": []}
    for step in stage.steps(state):
        for group in optimiser.param_groups:
            group["lr"] = recipe["learning_rate"] * min(1.0, 2 * (1.02 - stage.progress))
        images = next(batches).to(device, memory_format=torch.channels_last)
        with autocast(device):
            latent = model.encode(images).latent
            # Squared: mostly little noise, so that clean latents keep their detail.
            noise = torch.rand(len(latent), 1, 1, 1, device=device) ** 2 * recipe["latent_noise"]
            decoded = model.decode(latent + noise * torch.randn_like(latent)).sample.float()
        pixel = (decoded - images).abs().mean()
        losses["l1"].append(pixel.item())
        loss = pixel
        if perceptual is not None and stage.progress > recipe["perceptual_from"]:
            corner = rng.integers(0, recipe["crop"] - recipe["perceptual_crop"] + 1, 2)
            area = tuple(slice(c, c + recipe["perceptual_crop"]) for c in corner)
            some = slice(recipe["perceptual_batch"])  # VGG costs several times the decoder
            feature = perceptual(decoded[some][..., *area], images[some][..., *area]).mean()
            losses["perceptual"].append(feature.item())
            loss = pixel + recipe["perceptual_weight"] * feature
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimiser.step()
        if step % 50 == 49:
            stage.log(**{name: float(np.mean(values)) for name, values in losses.items() if values})
            losses = {"l1": [], "perceptual": []}
    model.save_pretrained(stage.folder / "vae")


def with_residual(folder: Path, channels: Sequence[int]) -> PocketAutoencoder:
    """The autoencoder in `folder`, with a fresh residual if its own has another shape."""
    model = PocketAutoencoder.from_pretrained(folder, torch_dtype=torch.float32)
    if list(model.config.channels) == list(channels):
        return model
    config = {**model.config, "channels": list(channels)}
    fresh = PocketAutoencoder.from_config(config)
    fresh.encoder.load_state_dict(model.encoder.state_dict())
    fresh.linear.load_state_dict(model.linear.state_dict())
    return fresh


def crops(
    renders: Sequence[Render], rng: np.random.Generator, batch: int, size: int
) -> Iterator[Tensor]:
    """Endless batches of random, randomly mirrored crops, N 3 size size; 4 crops a render."""
    pool: list[Tensor] = []
    while True:
        while len(pool) < 16 * batch:
            image = renders[rng.integers(len(renders))].load()
            for _ in range(4):
                y, x = (rng.integers(0, side - size + 1) for side in image.shape[:2])
                crop = image[y : y + size, x : x + size]
                pool.append(image_tensor(crop[:, ::-1] if rng.random() < 0.5 else crop))
        chosen = [pool.pop(rng.integers(len(pool))) for _ in range(batch)]
        yield torch.cat([torch.as_tensor(c) for c in chosen])


@torch.no_grad()
def encode_renders(
    folder: Path, renders: Sequence[Render], rng: np.random.Generator | None = None
) -> Tensor:
    """R C h w float16: every render's latent.

    With `rng` from a random sub-cell offset along the width, and one column shorter.
    """
    model = PocketAutoencoder.from_pretrained(folder / "vae")
    factor = model.config.factor
    latents = []
    for render in renders:
        image = render.load()
        start = int(rng.integers(factor)) if rng else 0
        columns = image.shape[1] // factor - (1 if rng else 0)
        width = (image.shape[1] - start) // factor * factor
        shifted = image_tensor(image[:, start : start + width])
        latents.append(model.encode(shifted).latent[..., :columns].half())
    return torch.cat(latents)
