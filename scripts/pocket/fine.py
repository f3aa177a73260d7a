"""Stage: the UNet's output for the fine channels of the latents, in closed form.

# C latent channels, D of them coarse
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusion import Reader, Windows, noised
from progress import tracked
from safetensors.torch import load_file
from torch import Tensor, nn
from training import autocast
from transform import LeastSquares
from unet import begin_with, new_scheduler, new_unet, write_unet


@torch.no_grad()
def fit_fine_output(folder: Path, data: Windows, coarse: int, recipe: dict[str, Any]) -> None:
    """Widen `unet/` from D to C channels by least squares; what it knows of the coarse ones stays.

    The fine channels of its input are not read: at almost every timestep they are noise. Those of
    its output are a linear function of its last features, weighted as in training.

    Args:
        coarse: D.
    """
    torch.manual_seed(recipe["seed"])
    rng = np.random.default_rng(recipe["seed"])
    channels, side = data.latents.shape[1:3]
    weights = load_file(folder / "unet" / "diffusion_pytorch_model.safetensors")
    unet = new_unet(side, coarse, recipe).eval()
    begin_with(unet, weights)
    reader, scheduler = Reader(folder, "cpu"), new_scheduler(recipe)
    last: list[Tensor] = []
    unet.conv_out.register_forward_pre_hook(lambda _, inputs: last.append(inputs[0].float()))
    fit = LeastSquares(unet.conv_out.kernel_size[0])
    for _ in tracked(range(recipe["fine_windows"] // recipe["batch"]), "fine"):
        windows, captions = data.batch(rng, recipe["batch"])
        noisy, t, weight = noised(windows[:, :coarse], scheduler, recipe["weight_cap"])
        with autocast("cpu"):
            unet(noisy, t, reader(captions))
        fit.add(nn.functional.pad(last.pop(), (1, 1, 1, 1)), windows[:, coarse:], weight)
    weight, bias = fit.solution(0.0)
    wide = new_unet(side, channels, recipe)
    wide.load_state_dict(
        {
            **unet.state_dict(),
            "conv_in.weight": nn.functional.pad(
                unet.conv_in.weight, (0, 0, 0, 0, 0, channels - coarse)
            ),
            "conv_out.weight": torch.cat([unet.conv_out.weight, weight]),
            "conv_out.bias": torch.cat([unet.conv_out.bias, bias]),
        }
    )
    write_unet(folder, wide)
