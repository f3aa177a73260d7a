"""The pocket model's autoencoder: a linear transform of square cells and its linear inverse.

# N batch, C latent channels, D of them decoded in context, h w latent cells, p pixels a cell's side
# (the VAE factor), H = p h

The encoder is a principal component analysis of p x p x 3 cells: closed form, no context. The
decoder is least squares: from the coarse channels of a cell and its eight neighbours, which smooths
the borders between cells, plus what all channels of the cell itself add. A crop of the latent
decodes to the same crop of the image, but for a cell at its border: tiles show no seam.
"""

from __future__ import annotations

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
        context_channels: D, the coarse channels, which are decoded from 3 x 3 cells; without
            finer ones nothing is added to that.
        factor: p, image pixels a latent cell's side.
        image_factor: decoded pixels a cell's side; below `factor` the decoder draws a smaller
            picture, as the cheap image path of the gradient does.
        scaling_factor: the model sees latents times this factor.
    """

    config_name = "config.json"

    @register_to_config  # type: ignore[untyped-decorator]
    def __init__(
        self,
        latent_channels: int = 224,
        context_channels: int = 64,
        factor: int = 32,
        image_factor: int = 32,
        scaling_factor: float = 1.0,
    ) -> None:
        super().__init__()
        self.encoder = nn.Conv2d(3, latent_channels, factor, stride=factor)
        pixels = 3 * image_factor**2
        # A border of zeros would be a border of mean cells: a dark frame around bright pictures.
        self.coarse = nn.Conv2d(context_channels, pixels, 3, padding=1, padding_mode="replicate")
        finer = latent_channels > context_channels
        self.fine = nn.Conv2d(latent_channels, pixels, 1) if finer else None

    def encode(self, images: Tensor) -> PocketLatent:
        """N 3 H W -> N C H/p W/p."""
        return PocketLatent(self.encoder(images))

    def encode_thumbnails(self, images: Tensor, reduction: int, channels: int) -> Tensor:
        """N 3 H/k W/k -> N K H/p W/p: the first K channels of images k times as large.

        Coarse channels hardly see what a thumbnail lacks.

        Args:
            reduction: k, a divisor of p.
            channels: K.
        """
        weight = F.avg_pool2d(self.encoder.weight[:channels], reduction) * reduction**2
        assert self.encoder.bias is not None
        stride = self.config.factor // reduction
        return F.conv2d(images, weight, self.encoder.bias[:channels], stride=stride)

    def decode(self, latents: Tensor) -> PocketSample:
        """N C h w -> N 3 q*h q*w, with q the `image_factor`.

        Where C is D, channels beyond are ignored: they are finer than what this decoder draws.
        """
        cells = self.coarse(latents[:, : self.config.context_channels])
        if self.fine is not None:
            cells = cells + self.fine(latents)
        return PocketSample(F.pixel_shuffle(cells, self.config.image_factor))

    def mirrored(self, latents: Tensor) -> Tensor:
        """N C h w -> N C h w of the mirrored pictures: every component is even or odd."""
        weight = self.encoder.weight.detach()
        parity = (weight * weight.flip(-1)).sum((1, 2, 3)).sign()
        return latents.flip(-1) * parity[:, None, None].to(latents)

    def cell_colours(self, latents: Tensor, *, loop: bool = False) -> Tensor:
        """N C h w -> N 3 h w: the mean colour of every cell; in a loop columns wrap.

        It is in the coarse channels.
        """
        assert self.coarse.bias is not None
        weight = torch.stack([part.mean(0) for part in self.coarse.weight.chunk(3)])
        bias = torch.stack([part.mean() for part in self.coarse.bias.chunk(3)])
        coarse = latents[:, : self.config.context_channels]
        return F.conv2d(_padded(coarse, 1, loop), weight, bias)


def _padded(cells: Tensor, rim: int, loop: bool) -> Tensor:
    padded = F.pad(cells, (0, 0, rim, rim), mode="replicate")
    return F.pad(padded, (rim, rim, 0, 0), mode="circular" if loop else "replicate")
