"""The pocket model's refiner: it draws a sampled panorama with what it remembers of renders.

# R renders, C latent channels, h w their latents, H W the panorama's, K classes, M recalled renders
# and their mirror images, S = M w their columns, V numbers drawn of a cell

The UNet is too small to draw. It decides palette, layout and light, jointly for all windows; then
the refiner lays stretches of remembered renders side by side (image quilting: Efros & Freeman 2001)
such that they fit what was sampled there, what the prompt says (retrieval: Blattmann et al. 2022)
and each other, and gives them the sampled panorama's colours. docs/notes/pocket-refiner.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn

from syncpano.models.gradient_domain import ScreenedPoisson, differences_of, mean_differences
from syncpano.models.patches import CENTRE, faded_together, patches_of
from syncpano.models.pocket_autoencoder import PocketAutoencoder
from syncpano.models.stretches import Ways, varied_path, with_seams

_COARSE_CODES, _FINE_CODES = 127, 7  # largest code of a number, in eight bits and in four
_DOUBT = 8.0  # nats: no reader is surer than this
_IMPOSSIBLE = 100.0  # nats below the best render of a place
_ROUNDS = 4  # of looking for a path that repeats little
# Nats. Where a render goes on in itself or in its own mirror image, the eye sees a pattern.
_CHANGE, _SAME_RENDER, _SAME_PLACE = 5.0, 30.0, 1000.0
_NEAR = 12  # cells: what counts as the same place of a render
_COLOUR_STRETCH = (1.0, 4.0)  # cells down and across: sampled colours count at this scale


class PocketRefiner(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """Sampled latent 1 C H W -> the latent of a sharp panorama with its layout and palette.

    Args:
        renders, latent_channels, height, width: R, C, h, w of the memory.
        text_width: width of the text encoder's states.
        heads: attribute -> number of its classes, which captions are read for.
        trust: attribute -> weight of log p(class | prompt) in the choice of renders.
        change: attribute -> nats that it costs to go on in a render of another class.
        candidates: renders that a prompt chooses from, at most.
        palette_trust: weight of the squared distance of mean colours, in the choice of renders.
        palette_width: cells, standard deviation of the stretch whose mean colours count.
        layout_trust: weight of the squared distance of a column to what was sampled there.
        mismatch: weight of the squared distance between renders where they meet.
        again: nats that a pair of uses of one place of a render costs.
        key_channels: channels, from the coarsest on, in which distances are measured.
        coarse_channels: channels that are remembered in eight bits; the finer ones have four.
        screen: weight of the sampled panorama's colours against the renders' own differences.
    """

    config_name = "config.json"

    @register_to_config  # type: ignore[untyped-decorator]
    def __init__(
        self,
        renders: int,
        latent_channels: int,
        height: int,
        width: int,
        text_width: int,
        heads: Mapping[str, int],
        trust: Mapping[str, float],
        change: Mapping[str, float],
        candidates: int = 48,
        palette_trust: float = 150.0,
        palette_width: float = 8.0,
        layout_trust: float = 0.05,
        mismatch: float = 0.1,
        again: float = 40.0,
        key_channels: int = 12,
        coarse_channels: int = 16,
        screen: float = 0.1,
    ) -> None:
        super().__init__()
        pairs = (latent_channels - coarse_channels) // 2  # of channels share a byte
        coarse, fine = (renders, coarse_channels, height, width), (renders, pairs, height, width)
        self.register_buffer("coarse", torch.zeros(coarse, dtype=torch.int8))
        self.register_buffer("fine", torch.zeros(fine, dtype=torch.uint8))
        self.register_buffer("scale", torch.ones(latent_channels))  # of the remembered numbers
        self.register_buffer("classes", torch.zeros(renders, len(heads), dtype=torch.int16))
        self.readers = nn.ModuleDict(
            {name: nn.Linear(text_width, heads[name]) for name in sorted(heads)}
        )

    def remember(self, latents: Tensor, classes: Mapping[str, Tensor]) -> None:
        """Fill the memory with latents, R C h w, and by attribute the class of each, R.

        Numbers of the finer channels beyond 3.5 standard deviations are cut.
        """
        channels = self.coarse.shape[1]
        self.scale[:channels] = latents[:, :channels].abs().amax((0, 2, 3)) / _COARSE_CODES
        self.scale[channels:] = 3.5 * latents[:, channels:].std((0, 2, 3)) / _FINE_CODES
        codes = (latents / self.scale[:, None, None]).round()
        self.coarse.copy_(codes[:, :channels])
        fine = codes[:, channels:].clamp(-_FINE_CODES, _FINE_CODES).to(torch.int16) + _FINE_CODES
        low, high = fine.chunk(2, 1)
        self.fine.copy_(low + 16 * high)
        self.classes.copy_(torch.stack([classes[name] for name in self.readers], 1))

    def recall(self, chosen: Tensor) -> Tensor:
        """The latents of chosen renders, N C h w float32."""
        fine = torch.cat([self.fine[chosen] % 16, self.fine[chosen] // 16], 1)
        codes = torch.cat([self.coarse[chosen].float(), fine.float() - _FINE_CODES], 1)
        latents: Tensor = codes * self.scale[:, None, None]
        return latents

    @torch.no_grad()
    def refine(
        self, latent: Tensor, text: Tensor, vae: PocketAutoencoder, *, loop: bool = False
    ) -> Tensor:
        """Refine a sampled latent.

        Args:
            latent: 1 C H W, z_0 as the UNet left it; H at least h.
            text: L d, the prompt's states.
            vae: the model's autoencoder, in float32.
            loop: columns wrap.
        """
        config: Any = self.config
        height, width = latent.shape[-2:]
        evidence = self._evidence(text)
        # What is remembered is one window high: a taller panorama is drawn in bands.
        tops = _tops(height, config.height)
        edges = [0, *((a + b + config.height) // 2 for a, b in pairwise(tops)), height]
        bands = [
            self._band(latent[..., top : top + config.height, :], evidence, vae, loop)[
                :, upper - top : lower - top
            ]
            for top, (upper, lower) in zip(tops, pairwise(edges), strict=True)
        ]
        drawn = torch.cat(bands, 1)  # V H W
        pieces, differences = drawn[:-12].view(-1, 9, height, width), drawn[-12:]
        own = vae.cell_colours(pieces[None, :, CENTRE], loop=loop)
        missing = vae.cell_colours(latent, loop=loop) - own
        down, across = _COLOUR_STRETCH
        rows, columns = _means(height, down), _means(width, across, ring=loop)
        missing = rows.to(missing) @ missing @ columns.T.to(missing)
        join = ScreenedPoisson(height, width, config.screen, ring=loop)
        colours = join.solve(*mean_differences(differences), (own + missing)[0])
        shift = vae.colour_shift(colours - own)
        return faded_together(pieces + shift[0, :, None], vae, loop=loop)

    def _evidence(self, text: Tensor) -> Tensor:
        """R: weighted log probability of every render under a prompt, up to a constant."""
        config: Any = self.config
        state = text.float().mean(0)
        evidence = torch.zeros(len(self.classes), device=state.device)
        for column, (name, reader) in enumerate(self.readers.items()):
            classes = reader(state).log_softmax(-1).clamp(min=-_DOUBT)
            evidence += config.trust[name] * classes[self.classes[:, column].long()]
        return evidence

    def _band(self, latent: Tensor, evidence: Tensor, vae: PocketAutoencoder, loop: bool) -> Tensor:
        """V h W of 1 C h W: of every cell the 3 x 3 patch and the differences to its neighbours."""
        config: Any = self.config
        keys = config.key_channels
        recalled = self._recall(evidence, vae.cell_colours(latent, loop=loop), vae, loop)
        pictures = recalled.latents[:, :keys]
        columns = pictures.permute(0, 3, 1, 2).flatten(2).flatten(0, 1)  # S D
        sampled = latent[0, :keys].permute(2, 0, 1).flatten(1)  # W D
        layout = columns.square().sum(1) - 2 * sampled @ columns.T
        prices = config.layout_trust * layout + recalled.prices.repeat_interleave(config.width, 1)
        ways = Ways.between(pictures, self._surcharge(recalled), config.mismatch)
        path = varied_path(prices, ways, recalled.places, config.again, _ROUNDS, ring=loop)
        picture, column = with_seams(path, pictures, ring=loop)
        row = torch.arange(config.height, device=path.device)[:, None]
        contents = torch.cat([patches_of(recalled.latents, 3), recalled.differences], 1)
        drawn: Tensor = contents[picture, :, row, column].permute(2, 0, 1)
        return drawn

    def _recall(
        self, evidence: Tensor, colours: Tensor, vae: PocketAutoencoder, loop: bool
    ) -> _Recalled:
        """The renders that a prompt's evidence and a palette, 1 3 h W, may mean."""
        config: Any = self.config
        chosen = evidence.topk(min(config.candidates, len(evidence))).indices
        latents = self.recall(chosen)
        distances = _palette_distances(
            colours, vae.cell_colours(latents), config.palette_width, loop
        )
        prices = config.palette_trust * distances - evidence[chosen]  # W R
        possible = (prices < prices.amin(1, keepdim=True) + _IMPOSSIBLE).any(0)
        latents, prices, chosen = latents[possible], prices[:, possible], chosen[possible]
        latents = torch.cat([latents, vae.mirrored(latents)])
        places = torch.arange(len(chosen) * config.width, device=latents.device)
        places = places.view(-1, config.width)  # R w
        return _Recalled(
            latents,
            differences_of(vae.cell_colours(latents)),
            torch.cat([prices, prices], 1),
            torch.cat([places, places.flip(1)]).flatten(),
            self.classes[chosen].repeat(2, 1),
        )

    def _surcharge(self, recalled: _Recalled) -> Tensor:
        """S S: nats that a change from column to column costs, whatever is seen there."""
        config: Any = self.config
        differ = recalled.classes[:, None] != recalled.classes
        weights = torch.tensor([config.change[name] for name in self.readers]).to(differ.device)
        prices: Tensor = _CHANGE + (differ * weights).sum(-1)
        prices = prices.repeat_interleave(config.width, 0).repeat_interleave(config.width, 1)
        places = recalled.places.to(torch.int32)  # S S numbers follow
        render, place = places // config.width, places % config.width
        same = render[:, None] == render
        near = (place[:, None] - place).abs() < _NEAR
        prices += _SAME_RENDER * same + _SAME_PLACE * (same & near)
        return prices


@dataclass(frozen=True)
class _Recalled:
    """Recalled renders and their mirror images.

    Attributes:
        latents: M C h w.
        differences: M 12 h w, of mean colours to the cells right, left, below and above.
        prices: W M, nats of each at every column of the panorama, up to a constant.
        places: S, the column of a render that is seen; mirrored or not it is the same.
        classes: M attributes, in the order of the readers.
    """

    latents: Tensor
    differences: Tensor
    prices: Tensor
    places: Tensor
    classes: Tensor


def _tops(height: int, band: int) -> list[int]:
    """First rows of the fewest bands that cover a height, evenly spread."""
    count = -(-height // band)
    return torch.linspace(0, height - band, count).round().long().tolist()


def _means(length: int, width: float, *, ring: bool = False) -> Tensor:
    """n n: weighted means with a Gaussian's weights; `width` is its standard deviation in cells."""
    place = torch.arange(length)
    apart = (place[:, None] - place).abs()
    if ring:
        apart = torch.minimum(apart, length - apart)
    weights = (-((apart / width) ** 2) / 2).exp()
    return weights / weights.sum(1, keepdim=True)


def _palette_distances(colours: Tensor, renders: Tensor, width: float, loop: bool) -> Tensor:
    """W R: mean squared distance over rows between stretches of 1 3 h W and whole R 3 h w."""
    stretches = colours[0] @ _means(colours.shape[-1], width, ring=loop).T.to(colours)  # 3 h W
    difference = stretches.permute(2, 0, 1)[:, None] - renders.mean(-1)
    return difference.square().sum(2).mean(-1)
