"""Which ImageNet network of torchvision a loss looks through, and where it lies. No torch."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from syncpano import files


@dataclass(frozen=True)
class Trunk:
    """A network's name for users and its file in torch's cache."""

    name: str
    file: str
    download: str


TRUNKS = {
    "vgg": Trunk("VGG-16", "vgg16-397923af.pth", "528 MB"),
    "vgg19": Trunk("VGG-19", "vgg19-dcbb9e9d.pth", "548 MB"),
    "alex": Trunk("AlexNet", "alexnet-owt-7be5be79.pth", "233 MB"),
    "squeeze": Trunk("SqueezeNet", "squeezenet1_1-b8a52dc0.pth", "5 MB"),
}
# `--loss` -> key of `TRUNKS`; the pocket loss brings a network of its own.
TRUNK_OF = {
    "lpips-vgg": "vgg",
    "lpips-alex": "alex",
    "lpips-squeeze": "squeeze",
    "style": "vgg19",
}


def cached_path(net: str) -> Path:
    """Where torch's cache keeps a network of `TRUNKS`, whether it is there or not.

    Raises:
        SyncPanoError: the user has no home folder.
    """
    caches = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    home = os.environ.get("TORCH_HOME", Path(caches) / "torch")
    cache = files.expanded(str(home), "set `TORCH_HOME` to a folder for what torch downloads")
    return cache / "hub" / "checkpoints" / TRUNKS[net].file
