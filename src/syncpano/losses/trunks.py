"""Weights of torchvision's ImageNet networks, of which only the convolutional trunk is used.

They come from a file, or from torch's usual cache (`TORCH_HOME`), which is filled on first use.
"""

from __future__ import annotations

import pickle
import sys
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlparse

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from syncpano import files
from syncpano.errors import RUN_FAILED, SyncPanoError
from syncpano.losses.trunk_files import TRUNKS, Trunk, cached_path

TIMEOUT_SECONDS = 5.0
_UNREADABLE = (OSError, EOFError, RuntimeError, ValueError)
IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # means and deviations in [0, 1]
_KINDS = "a .safetensors file, or a .pth that holds nothing but tensors"
_BASE_URL = "https://download.pytorch.org/models/"


def trunk_features(net: str, weights: Path | None) -> dict[str, Tensor]:
    """`features.*` of a network in float32, keys without that prefix; never runs a pickle's code.

    Args:
        net: a key of `TRUNKS`.
        weights: a .safetensors file, or a .pth with tensors only; None is torch's cache.

    Raises:
        SyncPanoError: the file cannot be read or holds no such trunk; there is no cached file and
            the download fails.
    """
    path = trunk_path(net, weights)
    try:
        if path.suffix == ".safetensors":
            tensors = load_file(path)
        else:
            tensors = torch.load(path, map_location="cpu", weights_only=True)
        if not isinstance(tensors, dict):
            raise ValueError("it holds no dictionary")
    except (*_UNREADABLE, SafetensorError, pickle.UnpicklingError) as error:
        raise SyncPanoError(
            f"{path} cannot be read as weights",
            hint=f"give {_KINDS}",
        ) from error
    prefix = "features."
    features = {
        key.removeprefix(prefix): tensor.float()
        for key, tensor in tensors.items()
        if key.startswith(prefix)
    }
    if not features:
        raise SyncPanoError(
            f"{path} holds no `features.*` weights",
            hint=f"torchvision's {TRUNKS[net].name} has them",
        )
    return features


def fill(layer: nn.Module, index: int, features: dict[str, Tensor], net: str) -> None:
    """Copy `features.<index>.*` into a layer, whose every weight must be there and fit.

    Raises:
        SyncPanoError: a weight is missing or has another shape.
    """
    for name, tensor in layer.state_dict().items():
        given = features.get(f"{index}.{name}")
        if given is None or given.shape != tensor.shape:
            found = "is missing" if given is None else f"has shape {tuple(given.shape)}"
            raise SyncPanoError(
                f"these weights do not fit {TRUNKS[net].name}: features.{index}.{name} {found}",
                hint=f"give the trunk of {TRUNKS[net].name} by `--loss-weights`, or leave it out",
            )
    layer.load_state_dict(
        {name: features[f"{index}.{name}"] for name in layer.state_dict()}, assign=True
    )


def trunk_path(net: str, weights: Path | None) -> Path:
    """The file that `trunk_features` reads, downloaded where it is torch's and missing.

    Raises:
        SyncPanoError: there is no such file, and the download fails.
    """
    if weights is not None:
        if not files.is_file(weights):
            raise SyncPanoError(f"{weights} is no file", hint=f"give {_KINDS}")
        return weights
    path = cached_path(net)
    if not files.is_file(path):
        _download(TRUNKS[net], path)
    return path


def _download(trunk: Trunk, path: Path) -> None:
    url = _BASE_URL + trunk.file
    try:
        # torch.hub waits without limit: ask first, briefly.
        request = urllib.request.Request(url, method="HEAD")
        urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS).close()
        path.parent.mkdir(parents=True, exist_ok=True)
        prefix = path.stem.rsplit("-", 1)[1]
        torch.hub.download_url_to_file(url, str(path), prefix, progress=sys.stderr.isatty())
    except (OSError, RuntimeError) as error:  # URLError is an OSError; a bad hash a RuntimeError
        reason = getattr(error, "reason", error)
        raise SyncPanoError(
            f"{trunk.name} ({trunk.download}) is not cached and cannot be fetched from "
            f"{urlparse(url).hostname}: {reason}",
            hint="give its trunk by `--loss-weights FILE`, or take what needs none: "
            "`--loss pocket`, the metric `intra-pocket`",
            exit_code=RUN_FAILED,
        ) from error
