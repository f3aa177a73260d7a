"""Stage: the pocket autoencoder, in closed form.

# N batch, C latent channels, h w latent cells, images N 3 H W in [-1, 1]
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from data import Render, to_tensor_range
from folders import whole
from progress import tracked
from torch import Tensor, nn
from torch.nn import functional as F
from transform import fit_linear_decoder, fit_transform

from syncpano.models.pocket_autoencoder import PocketAutoencoder


def image_tensor(image: np.ndarray) -> Tensor:
    """uint8 H W 3 -> 1 3 H W in [-1, 1]."""
    return torch.from_numpy(to_tensor_range(image)).permute(2, 0, 1).unsqueeze(0)


def load_autoencoder(folder: Path) -> PocketAutoencoder:
    """The autoencoder of a model folder, in float32."""
    model: PocketAutoencoder = PocketAutoencoder.from_pretrained(
        folder / "vae",
        torch_dtype=torch.float32,
        low_cpu_mem_usage=False,  # otherwise diffusers advises to get accelerate
    )
    return model


@torch.no_grad()
def fit_closed_forms(folder: Path, renders: Sequence[Render], recipe: dict[str, Any]) -> None:
    """Write `vae/` and `vae_tiny/`.

    Channels that are there already stay as they are, and decode as they did: what a UNet has
    learnt of them holds on.
    """
    channels, context = recipe["latent_channels"], recipe["context_channels"]
    factor = recipe["factor"]
    old = None
    if (folder / "vae").exists():
        old = load_autoencoder(folder)
        if old.config.latent_channels == channels:
            print(f"vae/ has its {channels} channels and stays")
            return

    def images() -> Iterator[Tensor]:
        return (image_tensor(render.load()) for render in tracked(renders, "transform"))

    known = None if old is None else F.normalize(old.encoder.weight.flatten(1))
    transform = fit_transform(
        images(), factor, channels, recipe["whitening"], context=context, known=known
    )
    rows = transform.scale[:, None] * transform.basis
    full = PocketAutoencoder(channels, context, factor, factor)
    full.encoder.weight.copy_(rows.view_as(full.encoder.weight))
    full.encoder.bias.copy_(-rows @ transform.mean)
    if old is not None:
        assert old.encoder.bias is not None
        full.encoder.weight[: len(old.encoder.weight)] = old.encoder.weight
        full.encoder.bias[: len(old.encoder.bias)] = old.encoder.bias
        full.coarse.load_state_dict(old.coarse.state_dict())
    else:
        _fit_coarse(full, images(), recipe["ridge"])
        tiny = PocketAutoencoder(context, context, factor, recipe["tiny_factor"])
        tiny.encoder.weight.copy_(full.encoder.weight[:context])
        tiny.encoder.bias.copy_(full.encoder.bias[:context])
        _fit_coarse(tiny, images(), recipe["ridge"])
        with whole(folder / "vae_tiny") as target:
            tiny.save_pretrained(target)
    if full.fine is not None:
        _fit_fine(full, full.fine, images())
    with whole(folder / "vae") as target:
        full.save_pretrained(target)


def _fit_coarse(model: PocketAutoencoder, images: Iterable[Tensor], ridge: float) -> None:
    """The channels that are decoded from 3 x 3 cells."""
    shrink = model.config.factor // model.config.image_factor
    context = model.config.context_channels
    pairs = ((model.encode(i).latent[:, :context], F.avg_pool2d(i, shrink)) for i in images)
    _load(model.coarse, fit_linear_decoder(pairs, model.config.image_factor, ridge, 1))


def _fit_fine(model: PocketAutoencoder, fine: nn.Conv2d, images: Iterable[Tensor]) -> None:
    """What all channels of a cell add to the picture that the coarse ones give."""
    factor, context = model.config.factor, model.config.context_channels

    def pairs() -> Iterator[tuple[Tensor, Tensor]]:
        for image in images:
            latent = model.encode(image).latent
            drawn = F.pixel_shuffle(model.coarse(latent[:, :context]), factor)
            yield latent, image - drawn

    _load(fine, fit_linear_decoder(pairs(), factor, 0.0, 0))


def _load(layer: nn.Conv2d, fitted: tuple[Tensor, Tensor]) -> None:
    weight, bias = fitted
    assert layer.bias is not None
    layer.weight.copy_(weight)
    layer.bias.copy_(bias)


@torch.no_grad()
def encode_renders(
    folder: Path, renders: Sequence[Render], rng: np.random.Generator | None = None
) -> Tensor:
    """R C h w float16: every render's latent.

    With `rng` from a random sub-cell offset along the width, and one column shorter.
    """
    model = load_autoencoder(folder)
    factor = model.config.factor
    latents = []
    for render in tracked(renders, "latents"):
        image = render.load()
        start = int(rng.integers(factor)) if rng else 0
        columns = image.shape[1] // factor - (1 if rng else 0)
        width = (image.shape[1] - start) // factor * factor
        shifted = image_tensor(image[:, start : start + width])
        latents.append(model.encode(shifted).latent[..., :columns].half())
    return torch.cat(latents)
