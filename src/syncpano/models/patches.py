"""Patches of latents: take them, fade them into one picture.

# N batch, C latent channels, k a patch's side in cells, D = C k k, h w cells, H W the panorama
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from syncpano.models.pocket_autoencoder import PocketAutoencoder

CENTRE = 4  # of the nine cells of a 3 x 3 patch
_CHUNK = 64  # columns that are decoded at once


def patches_of(latents: Tensor, side: int, loop: bool = False) -> Tensor:
    """N C h w -> N D h w: every cell's neighbourhood.

    Borders repeat their last cell; in a loop columns wrap.
    """
    half = side // 2
    padded = F.pad(latents, (0, 0, half, half), mode="replicate")
    if loop:  # a panorama may be narrower than a patch is wide
        columns = torch.arange(-half, latents.shape[-1] + half, device=latents.device)
        padded = padded[..., columns % latents.shape[-1]]
    else:
        padded = F.pad(padded, (half, half, 0, 0), mode="replicate")
    patches: Tensor = F.unfold(padded, side)
    return patches.view(len(latents), -1, *latents.shape[-2:])


def faded_together(pieces: Tensor, vae: PocketAutoencoder, *, loop: bool) -> Tensor:
    """C 9 H W patches of 3 x 3 cells -> latent 1 C H W of the picture that they make.

    A pixel is the mean of the four nearest cells' patches, weighted by its nearness to their
    centres: a patch ends nowhere.
    """
    factor, width = vae.config.factor, pieces.shape[-1]
    latents = []
    for start in range(0, width, _CHUNK):
        inner = torch.arange(start, min(start + _CHUNK, width), device=pieces.device)
        # One column more on either side: the decoder looks at neighbours.
        columns = torch.cat([inner[:1] - 1, inner, inner[-1:] + 1])
        rows = torch.arange(pieces.shape[-2], device=pieces.device)
        image, total = torch.zeros((), device=pieces.device), torch.zeros((), device=pieces.device)
        for index in range(9):
            # What the patch around the cell at (-dy, -dx) from here shows here.
            dy, dx = index // 3 - 1, index % 3 - 1
            ys, tall = _nearness(rows, dy, len(rows), factor, ring=False)
            xs, wide = _nearness(columns, dx, width, factor, ring=loop)
            drawn = vae.decode_linear(pieces[None, :, index][..., ys, :][..., xs])
            weight = tall[:, None] * wide
            image, total = image + weight * drawn, total + weight
        inside = slice(factor, -factor)
        latents.append(vae.encode(image[..., inside] / total[..., inside]).latent)
    return torch.cat(latents, -1)


def _nearness(
    cells: Tensor, offset: int, length: int, factor: int, *, ring: bool
) -> tuple[Tensor, Tensor]:
    """Along one axis: the cells whose patches show `cells` at `offset`, and each pixel's weight.

    The weight falls from 1 at a patch's centre to 0 a cell away; beyond a border there is no patch.
    """
    centres = cells - offset
    inward = (torch.arange(factor, device=cells.device) + 0.5) / factor - 0.5  # in cells
    weight = (1 - (inward + offset).abs()).clamp(min=0).repeat(len(cells))
    if ring:
        return centres % length, weight
    exists = (centres >= 0) & (centres < length)
    return centres.clamp(0, length - 1), weight * exists.repeat_interleave(factor)
