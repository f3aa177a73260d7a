"""The UNet that is trained, and its schedule: made, begun with another's weights, written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from diffusers import DDIMScheduler, UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from folders import whole
from torch import Tensor, nn


def new_unet(window: int, channels: int, recipe: dict[str, Any]) -> UNet2DConditionModel:
    """A UNet of the recipe's size for windows of `window` cells, with fresh weights.

    Attention works at the lowest resolutions only. The text also comes in pooled, with the
    timestep, into every block: that is how palette and light obey it.
    """
    attending = recipe["attention_levels"]
    plain = len(recipe["unet"]["block_out_channels"]) - attending
    unet = UNet2DConditionModel(
        sample_size=window,
        in_channels=channels,
        out_channels=channels,
        down_block_types=("DownBlock2D",) * plain + ("CrossAttnDownBlock2D",) * attending,
        up_block_types=("CrossAttnUpBlock2D",) * attending + ("UpBlock2D",) * plain,
        cross_attention_dim=recipe["text"]["hidden_size"],
        addition_embed_type="text",
        addition_embed_type_num_heads=recipe["text"]["heads"],
        **recipe["unet"],
    )
    # On a CPU the fused attention's backward pass takes a third of a training step.
    unet.set_attn_processor(AttnProcessor())
    return unet


def new_scheduler(recipe: dict[str, Any]) -> DDIMScheduler:
    """Stable Diffusion's form of schedule with a noisier end.

    The mean colour of a window stands out of hundreds of cells' noise long after a cell's own value
    does not. Where the schedule ends while it can still be seen, sampling starts from noise whose
    mean says "grey", and no prompt gets a night.
    """
    return DDIMScheduler(
        num_train_timesteps=recipe["timesteps"],
        beta_start=0.00085,
        beta_end=recipe["beta_end"],
        beta_schedule="scaled_linear",
        prediction_type="sample",
        clip_sample=False,
        set_alpha_to_one=False,
        timestep_spacing="trailing",
    )


def begin_with(unet: UNet2DConditionModel, weights: dict[str, Tensor]) -> None:
    """Load another UNet's weights, without channels of latents that this one has not.

    Pooled text, where the other knew none, has no effect at first.
    """
    weights = dict(weights)
    for name in ("conv_in.weight", "conv_out.weight", "conv_out.bias"):
        fitting = tuple(slice(size) for size in unet.get_parameter(name).shape)
        weights[name] = weights[name][fitting]
    missing, unknown = unet.load_state_dict(weights, strict=False)
    assert not unknown
    assert all(name.startswith("add_embedding.") for name in missing)
    if missing:
        nn.init.zeros_(unet.add_embedding.norm2.weight)


def write_unet(folder: Path, unet: UNet2DConditionModel) -> None:
    """Write a UNet in the diffusers format, whole or not at all."""
    with whole(folder / "unet") as target:
        unet.save_pretrained(target)
