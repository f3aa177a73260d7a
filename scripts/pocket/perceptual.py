"""LPIPS-VGG for the decoder's training, from a trunk file that holds only `features.*`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import lpips
import torch
from safetensors.torch import load_file
from torch import Tensor
from training import autocast


def load_lpips(weights: Path, device: str) -> Callable[[Tensor, Tensor], Tensor]:
    """N 3 H W twice, in [-1, 1] -> N LPIPS-VGG distances (bfloat16 convolutions)."""
    network = lpips.LPIPS(net="vgg", pnet_rand=True, verbose=False).eval().requires_grad_(False)
    trunk = load_file(weights)
    for index in range(1, 6):
        for name, module in getattr(network.net, f"slice{index}").named_children():
            if f"features.{name}.weight" in trunk:
                module.weight.data = trunk[f"features.{name}.weight"].float()
                module.bias.data = trunk[f"features.{name}.bias"].float()
    network.to(device, memory_format=torch.channels_last)

    def distance(ours: Tensor, theirs: Tensor) -> Tensor:
        with autocast(device):
            return network(ours, theirs).float().flatten()  # type: ignore[no-any-return]

    return distance
