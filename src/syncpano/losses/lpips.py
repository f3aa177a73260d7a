"""LPIPS (Zhang et al., CVPR 2018) in two halves: features once, then distances to a target.

# N images, c h w one feature map
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from syncpano.errors import RUN_FAILED, SyncPanoError, first_line
from syncpano.losses.trunks import fill, trunk_features

Net = Literal["vgg", "alex", "squeeze"]


class LPIPS:
    """The lpips package's network and heads, equal to its `LPIPS.forward`; always float32."""

    def __init__(self, net: Net, *, device: torch.device, weights: Path | None = None) -> None:
        """Build the network and fill its trunk.

        Raises:
            SyncPanoError: the trunk's weights cannot be had or do not fit, or torchvision does not
                work with the installed torch.
        """
        # channels-last takes a quarter of the time off VGG's convolutions on a CPU.
        self._network = _build(net, weights).to(device, memory_format=torch.channels_last)

    def features(self, images: Tensor) -> list[Tensor]:
        """N 3 H W in [-1, 1] -> unit-length feature maps N c h w, one a stage."""
        from lpips import normalize_tensor

        maps = self._network.net(self._network.scaling_layer(images.float()))
        return [normalize_tensor(map_) for map_ in maps]

    def distance(self, features: Sequence[Tensor], target: Sequence[Tensor]) -> Tensor:
        """N distances >= 0 to one target."""
        stages = zip(self._network.lins, features, target, strict=True)
        total: Tensor = sum(
            head((ours - theirs).square()).mean((1, 2, 3)) for head, ours, theirs in stages
        )
        return total


def _build(net: Net, weights: Path | None) -> Any:
    """The package's module without its classifier's 100 million numbers, which nothing uses."""
    lpips = import_lpips()
    features = trunk_features(net, weights)
    with torch.device("meta"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the package uses arguments that torchvision deprecated
        network = lpips.LPIPS(net=net, pretrained=False, pnet_rand=True, verbose=False)
    for stage in network.net.children():
        for name, layer in stage.named_children():
            fill(layer, int(name), features, net)
    network.scaling_layer = lpips.ScalingLayer()
    heads = Path(lpips.__file__).parent / "weights" / "v0.1" / f"{net}.pth"
    network.load_state_dict(
        torch.load(heads, map_location="cpu", weights_only=True), strict=False, assign=True
    )
    assert not any(tensor.is_meta for tensor in network.state_dict().values())
    frozen: nn.Module = network.eval().requires_grad_(False)
    return frozen


def import_lpips() -> Any:
    """The lpips package, which needs a torchvision that fits torch.

    Raises:
        SyncPanoError: one of them is missing or does not fit.
    """
    try:
        import lpips
    except (ImportError, RuntimeError) as error:  # a torchvision of another torch: RuntimeError
        raise SyncPanoError(
            f"the lpips package cannot be imported: {first_line(error)}",
            hint="install a torchvision that belongs to your torch, or use `--model pocket`",
            exit_code=RUN_FAILED,
        ) from error
    return lpips
