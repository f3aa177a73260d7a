"""The pocket model's autoencoder: a linear transform of square cells with a learnt decoder.

# N batch, C latent channels, h w latent cells, p pixels a cell's side (the VAE factor), H = p h

The encoder is a principal component analysis of p x p x 3 cells: linear, closed form, no context.
The decoder is the linear least-squares reconstruction from a cell and its eight neighbours, plus a
convolutional residual that adds what is not linear. Neither normalises over space, so a crop of the
latent decodes to the same crop of the image, a few cells from its border: tiles show no seam.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass(frozen=True)
class PocketLatent:
    """What `encode` returns: the latent N C h w, in the autoencoder's own units."""

    latent: Tensor


@dataclass(frozen=True)
class PocketSample:
    """What `decode` returns: images N 3 H W in [-1, 1], not clipped."""

    sample: Tensor


class PocketAutoencoder(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """Images N 3 H W in [-1, 1] <-> latents N C H/p W/p.

    Args:
        latent_channels: C.
        factor: p, image pixels a latent cell's side.
        image_factor: decoded pixels a cell's side; below `factor` the decoder draws a smaller
            picture, as the cheap image path of the gradient does.
        channels: widths of the residual decoder at 1, 2, 4, ... pixels a cell's side; empty for
            a linear decoder.
        scaling_factor: the model sees latents times this factor.
    """

    config_name = "config.json"

    @register_to_config  # type: ignore[untyped-decorator]
    def __init__(
        self,
        latent_channels: int = 48,
        factor: int = 32,
        image_factor: int = 32,
        channels: Sequence[int] = (256, 128, 96, 64),
        scaling_factor: float = 1.0,
    ) -> None:
        super().__init__()
        self.encoder = nn.Conv2d(3, latent_channels, factor, stride=factor)
        # A border of zeros would be a border of mean cells: a dark frame around bright pictures.
        self.linear = nn.Conv2d(
            latent_channels, 3 * image_factor**2, 3, padding=1, padding_mode="replicate"
        )
        self.residual = _Residual(latent_channels, image_factor, channels) if channels else None

    def encode(self, images: Tensor) -> PocketLatent:
        """N 3 H W -> N C H/p W/p."""
        return PocketLatent(self.encoder(images))

    def encode_thumbnails(self, images: Tensor, reduction: int, channels: int) -> Tensor:
        """N 3 H/k W/k -> N D H/p W/p: the first D channels of images k times as large.

        Coarse channels hardly see what a thumbnail lacks.

        Args:
            reduction: k, a divisor of p.
            channels: D.
        """
        weight = F.avg_pool2d(self.encoder.weight[:channels], reduction) * reduction**2
        assert self.encoder.bias is not None
        stride = self.config.factor // reduction
        return F.conv2d(images, weight, self.encoder.bias[:channels], stride=stride)

    def decode(self, latents: Tensor) -> PocketSample:
        """N C h w -> N 3 q*h q*w, with q the `image_factor`."""
        sample = self.decode_linear(latents)
        if self.residual is not None:
            sample = sample + self.residual(latents)
        return PocketSample(sample)

    def decode_linear(self, latents: Tensor) -> Tensor:
        """N C h w -> N 3 q*h q*w: the least-squares reconstruction alone."""
        return F.pixel_shuffle(self.linear(latents), self.config.image_factor)

    def mirrored(self, latents: Tensor) -> Tensor:
        """N C h w -> N C h w of the mirrored pictures: every component is even or odd."""
        weight = self.encoder.weight.detach()
        parity = (weight * weight.flip(-1)).sum((1, 2, 3)).sign()
        return latents.flip(-1) * parity[:, None, None].to(latents)

    def cell_colours(self, latents: Tensor, *, loop: bool = False) -> Tensor:
        """N C h w -> N 3 h w: the mean colour of every cell; in a loop columns wrap."""
        assert self.linear.bias is not None
        weight = torch.stack([part.mean(0) for part in self.linear.weight.chunk(3)])
        bias = torch.stack([part.mean() for part in self.linear.bias.chunk(3)])
        return F.conv2d(_padded(latents, 1, loop), weight, bias)


def _padded(cells: Tensor, rim: int, loop: bool) -> Tensor:
    padded = F.pad(cells, (0, 0, rim, rim), mode="replicate")
    return F.pad(padded, (rim, rim, 0, 0), mode="circular" if loop else "replicate")


class _Residual(nn.Module):
    """Convolutions at 1, 2, 4, ... pixels a cell's side, then one shuffle to the full size."""

    def __init__(self, latent_channels: int, image_factor: int, channels: Sequence[int]) -> None:
        super().__init__()
        shuffle = image_factor >> (len(channels) - 1)
        layers: list[nn.Module] = [
            nn.Conv2d(latent_channels, channels[0], 3, padding=1, padding_mode="replicate")
        ]
        for width, next_width in zip(channels, [*channels[1:], 0], strict=True):
            layers += [_Block(width), _Block(width)]
            if next_width:
                layers += [nn.Conv2d(width, 4 * next_width, 1), nn.PixelShuffle(2)]
        last = nn.Conv2d(channels[-1], 3 * shuffle**2, 3, padding=1)
        for layer in layers:  # torch's own start would let the signal fade from level to level
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="linear")
        with torch.no_grad():  # training starts at the linear optimum
            for parameter in last.parameters():
                parameter.zero_()
        self.layers = nn.Sequential(*layers, nn.SiLU(), last, nn.PixelShuffle(shuffle))

    def forward(self, latents: Tensor) -> Tensor:
        return self.layers(latents)  # type: ignore[no-any-return]


class _Block(nn.Module):
    """x + conv(silu(conv(silu(x)))), without normalisation."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        nn.init.kaiming_normal_(self.first.weight, nonlinearity="linear")
        with torch.no_grad():  # the block starts as the identity, whatever the depth
            self.second.weight.zero_()

    def forward(self, x: Tensor) -> Tensor:
        moved: Tensor = self.second(F.silu(self.first(F.silu(x))))
        return x + moved
