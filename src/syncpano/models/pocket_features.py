"""A small convolutional network that tells what a rendered scene shows, and in what light.

# N batch, S the side at which the network sees images, c h w one feature map

One class, two sets of weights in the pocket model: `perceptual/` guides (its feature maps are the
pocket perceptual loss), `features/` judges (its pooled features and heads serve the metrics).
Guidance never sees the judge.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn
from torch.nn import functional as F


class PocketFeatureNet(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """Images N 3 H W in [-1, 1] of any size -> feature maps, and logits for every head.

    Args:
        size: S, pixels; images are resized to S x S first (area average when shrinking).
        channels: widths of the stages; each stage halves the side of the one before.
        heads: name -> class names, for example `{"time": ["dawn", "noon", ...]}`.
    """

    config_name = "config.json"

    @register_to_config  # type: ignore[untyped-decorator]
    def __init__(
        self,
        size: int = 64,
        channels: Sequence[int] = (32, 64, 128, 192),
        heads: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        super().__init__()
        widths = [3, *channels]
        self.stages = nn.ModuleList(
            _Stage(width, next_width) for width, next_width in zip(widths, channels, strict=False)
        )
        self.classifiers = nn.ModuleDict(
            {name: nn.Linear(channels[-1], len(classes)) for name, classes in (heads or {}).items()}
        )

    def feature_maps(self, images: Tensor) -> list[Tensor]:
        """N 3 H W -> one N c h w a stage, from S x S down."""
        x = F.interpolate(images, (self.config.size, self.config.size), mode="area")
        maps: list[Tensor] = []
        for stage in self.stages:
            x = stage(F.avg_pool2d(x, 2) if maps else x)
            maps.append(x)
        return maps

    def pooled(self, images: Tensor) -> Tensor:
        """N 3 H W -> N c: the last stage, averaged over space."""
        return self.feature_maps(images)[-1].mean((2, 3))

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """N 3 H W -> head name -> logits N K."""
        pooled = self.pooled(images)
        return {name: head(pooled) for name, head in self.classifiers.items()}


class _Stage(nn.Module):
    """Two convolutions; smooth activations, because the guidance differentiates through them."""

    def __init__(self, width_in: int, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width_in, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        self.norm = nn.GroupNorm(8, width)

    def forward(self, x: Tensor) -> Tensor:
        x = F.silu(self.first(x))
        return F.silu(self.norm(x + self.second(x)))
