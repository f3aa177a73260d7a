"""What a network is called in every number that it makes: by its weights, too."""

from __future__ import annotations

import hashlib

import torch
from torch import nn


def network_name(architecture: str, network: nn.Module) -> str:
    """The architecture and eight digits of the SHA-256 of the weights: `vgg16@1a2b3c4d`."""
    digest = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy())
    return f"{architecture}@{digest.hexdigest()[:8]}"
