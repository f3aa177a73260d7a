"""The pocket model's refiner: it draws a sampled panorama with what it remembers of renders.

# R renders, h w their cells, C latent channels, H W the panorama's latent, p pixels a cell's side,
# M recalled renders and their mirror images, S = M w their columns

The UNet is too small to draw. It decides palette, layout and light, jointly for all windows; then
the refiner lays stretches of remembered renders side by side (image quilting: Efros & Freeman 2001)
such that they fit what was sampled there, what the prompt says (retrieval: Blattmann et al. 2022)
and each other, and gives them the sampled panorama's colours. docs/notes/pocket-refiner.md.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn
from torch.nn import functional as F

from syncpano.models.albums import Album
from syncpano.models.bands import Band
from syncpano.models.cells import band_tops, missing_colours, palette_distances, stacked_cells
from syncpano.models.evidence import evidence
from syncpano.models.gradient_domain import ScreenedPoisson, differences_of, mean_differences
from syncpano.models.pocket_autoencoder import PocketAutoencoder
from syncpano.models.quilt import stacked
from syncpano.models.recalled import Recalled
from syncpano.models.stretches import Repetition, Ways, stretches_of, varied_path

THUMBNAIL = 8  # pixels of a render in one of its thumbnail, along either side
_IMPOSSIBLE = 100.0  # nats below the best render of a place
_FEW = 12  # renders: the time that a path takes goes with their number's square
_STRANGE = 350.0  # nats that another palette costs at most
_SECOND_SUN = 1000.0  # nats that a column with another sun or moon costs
_COLOUR_STRETCH = (1.0, 4.0)  # cells down and across: sampled colours count at this scale
_BAND_FADE = 2  # cells


class PocketRefiner(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """Sampled latent 1 C H W -> a sharp panorama with its layout and palette.

    Args:
        renders: R.
        picture_bytes, thumbnail_bytes: of all remembered renders' files.
        height, width: h, w.
        text_width: width of the text encoder's states.
        heads: attribute -> number of its classes, which captions are read for.
        trust: attribute -> weight of log p(class | prompt) in the choice of renders.
        named: that weight, at least, for a season or a weather that the prompt names, and half of
            it for an hour.
        change: attribute -> nats that it costs to go on in a render of another class.
        candidates: renders whose palettes are looked at, those that the prompt means most.
        palette_trust: weight of the squared distance of mean colours, in the choice of renders.
        palette_width: cells, standard deviation of the stretch whose mean colours count.
        layout_trust: weight of the squared distance of a column to what was sampled there.
        mismatch: weight of the squared distance between renders where they meet.
        again: nats that every further use of a place of a render costs.
        key_channels: latent channels, from the coarsest on, in which distances are measured.
        screen: weight of the sampled panorama's colours against the renders' own differences.
        variety: nats, the temperature at which every seed chooses between renders that fit.
    """

    config_name = "config.json"

    @register_to_config  # type: ignore[untyped-decorator]
    def __init__(
        self,
        renders: int,
        picture_bytes: int,
        thumbnail_bytes: int,
        height: int,
        width: int,
        text_width: int,
        heads: Mapping[str, int],
        trust: Mapping[str, float],
        change: Mapping[str, float],
        candidates: int = 36,
        palette_trust: float = 400.0,
        palette_width: float = 8.0,
        layout_trust: float = 0.2,
        mismatch: float = 0.4,
        again: float = 60.0,
        key_channels: int = 12,
        screen: float = 0.1,
        named: float = 100.0,
        variety: float = 30.0,
    ) -> None:
        super().__init__()
        self.pictures = Album(renders, picture_bytes)
        self.thumbnails = Album(renders, thumbnail_bytes)
        self.register_buffer("classes", torch.zeros(renders, len(heads), dtype=torch.int16))
        self.register_buffer("suns", torch.zeros(renders, width, dtype=torch.bool))
        self.readers = nn.ModuleDict(
            {name: nn.Linear(text_width, heads[name]) for name in sorted(heads)}
        )

    def remember(
        self,
        pictures: Sequence[bytes],
        thumbnails: Sequence[bytes],
        classes: Mapping[str, Tensor],
        suns: Tensor,
    ) -> None:
        """Fill the memory.

        Args:
            pictures, thumbnails: R files of renders and of their thumbnails.
            classes: attribute -> R.
            suns: R w, whether a column of cells shows the sun or the moon.
        """
        self.pictures.fill(pictures)
        self.thumbnails.fill(thumbnails)
        self.classes.copy_(torch.stack([classes[name] for name in self.readers], 1))
        self.suns.copy_(suns)

    @torch.no_grad()
    def refine(
        self,
        latent: Tensor,
        text: Tensor,
        vae: PocketAutoencoder,
        *,
        subject: int | None = None,
        avoided: Mapping[str, Collection[int]] = MappingProxyType({}),
        backlit: bool = False,
        loop: bool = False,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Draw what was sampled: 1 3 p*H p*W in [-1, 1].

        Args:
            latent: 1 C H W, z_0 as the UNet left it; H at least h.
            text: L d, the prompt's states.
            vae: the model's autoencoder, in float32.
            subject: number of the one that the prompt names; None where it is to be read for it.
            avoided: attribute -> numbers of classes that are laid only for want of others.
            backlit: what is dark in a render stays so, as in silhouettes, whatever was sampled.
            loop: columns wrap.
            generator: on the CPU; of renders that fit alike it chooses others every time. Without
                one it is always those that fit best.
        """
        config: Any = self.config
        height, width = latent.shape[-2:]
        meant = self._evidence(text, avoided, subject)
        if generator is not None:
            meant = meant + config.variety * gumbel(len(meant), generator).to(meant)
        sampled = vae.cell_colours(latent, loop=loop)
        # What is remembered is one window high: a taller panorama is drawn in bands.
        tops = band_tops(height, config.height)
        bands = [
            self._plan(
                latent[..., top : top + config.height, :],
                sampled[..., top : top + config.height, :],
                meant,
                vae,
                loop,
            )
            for top in tops
        ]
        cells = stacked_cells([band.cells for band in bands], tops)  # 15 H W
        own, differences = cells[:3], cells[3:]
        missing = missing_colours(own, sampled[0], _COLOUR_STRETCH, ring=loop, backlit=backlit)
        join = ScreenedPoisson(height, width, config.screen, ring=loop)
        shift = join.solve(*mean_differences(differences), own + missing) - own
        factor = vae.config.factor
        drawn = [
            band.drawn(self.pictures, shift[:, top : top + config.height], factor, loop)
            for band, top in zip(bands, tops, strict=True)
        ]
        picture = stacked(drawn, [factor * top for top in tops], factor * _BAND_FADE)
        return picture[None]

    @torch.no_grad()
    def likeliest_subjects(self, texts: Tensor) -> tuple[Tensor, Tensor]:
        """Under N prompts, whose states are N L d, N numbers and N probabilities."""
        reader: nn.Module = self.readers["subject"]
        probabilities, numbers = reader(texts.float().mean(1)).softmax(-1).max(-1)
        return numbers, probabilities

    def _evidence(
        self,
        text: Tensor,
        avoided: Mapping[str, Collection[int]] = MappingProxyType({}),
        subject: int | None = None,
    ) -> Tensor:
        """R: what every render has of the prompt's meaning, in nats, up to a constant."""
        config: Any = self.config
        state = text.float().mean(0)
        chances = {name: reader(state).log_softmax(-1) for name, reader in self.readers.items()}
        if subject is not None:
            sure = torch.tensor(subject, device=state.device)
            chances["subject"] = F.one_hot(sure, len(chances["subject"])).float().log()
        classes = dict(zip(self.readers, self.classes.long().unbind(1), strict=True))
        return evidence(chances, classes, config.trust, config.named, avoided)

    def pictures_of(self, subject: int) -> list[dict[str, int]]:
        """Attribute -> class, of every remembered render of a subject."""
        column = list(self.readers).index("subject")
        own = self.classes[self.classes[:, column] == subject].tolist()
        return [dict(zip(self.readers, classes, strict=True)) for classes in own]

    def _plan(
        self,
        latent: Tensor,
        sampled: Tensor,
        meant: Tensor,
        vae: PocketAutoencoder,
        loop: bool,
    ) -> Band:
        """Which stretches of renders draw a band 1 C h W with colours 1 3 h W."""
        config: Any = self.config
        recalled = self._recall(meant, sampled, vae, loop)
        columns = recalled.keys.permute(0, 3, 1, 2).flatten(2).flatten(0, 1)  # S D
        wanted = latent[0, : config.key_channels].permute(2, 0, 1).flatten(1)  # W D
        layout = columns.square().sum(1) - 2 * wanted @ columns.T
        prices = config.layout_trust * layout + recalled.prices.repeat_interleave(config.width, 1)
        differing = torch.tensor([config.change[name] for name in self.readers])
        surcharge = recalled.surcharge(differing.to(latent.device))
        ways = Ways.between(recalled.keys, surcharge, config.mismatch)
        repetition = Repetition(recalled.places, config.again, recalled.suns, _SECOND_SUN)
        path = varied_path(prices, ways, repetition, ring=loop)
        contents = torch.cat([recalled.colours, differences_of(recalled.colours)], 1)
        cells = contents[path // config.width, :, :, path % config.width]  # W 15 h
        return Band(
            stretches_of(path, config.width, ring=loop), recalled.renders, cells.permute(1, 2, 0)
        )

    def _recall(
        self, meant: Tensor, sampled: Tensor, vae: PocketAutoencoder, loop: bool
    ) -> Recalled:
        """The renders that a prompt's evidence and a palette, 1 3 h W, may mean."""
        config: Any = self.config
        chosen = meant.topk(min(config.candidates, len(meant))).indices
        thumbnails = self.thumbnails.pictures(chosen.tolist()).to(sampled) / 127.5 - 1
        side = vae.config.factor // THUMBNAIL
        colours = F.avg_pool2d(thumbnails, side)
        distances = palette_distances(sampled, colours, config.palette_width, loop)
        # A palette that is far from all renders' is no reason to lay what the prompt does not mean.
        strange = _STRANGE * (1 - (-config.palette_trust / _STRANGE * distances).exp())
        prices = strange - meant[chosen]  # W R
        worse = (prices - prices.amin(1, keepdim=True)).amin(0)  # than the best, where it is best
        few = worse.topk(min(_FEW, len(worse)), largest=False)
        fit = few.indices[few.values < _IMPOSSIBLE].sort().values
        thumbnails, colours, chosen = thumbnails[fit], colours[fit], chosen[fit]
        prices = prices[:, fit]
        thumbnails = torch.cat([thumbnails, thumbnails.flip(-1)])
        places = torch.arange(len(chosen) * config.width, device=prices.device)
        places = places.view(-1, config.width)  # R w
        suns = self.suns[chosen]
        return Recalled(
            [(int(index), mirrored) for mirrored in (False, True) for index in chosen],
            vae.encode_thumbnails(thumbnails, THUMBNAIL, config.key_channels),
            torch.cat([colours, colours.flip(-1)]),
            torch.cat([prices, prices], 1),
            torch.cat([places, places.flip(1)]).flatten(),
            torch.cat([suns, suns.flip(1)]).flatten(),
            self.classes[chosen].repeat(2, 1),
        )


def gumbel(count: int, generator: torch.Generator) -> Tensor:
    """Standard Gumbel noise: the largest of x + gumbel is one drawn from softmax(x)."""
    even = torch.rand(count, generator=generator, dtype=torch.float64)
    return -(-even.clamp(min=torch.finfo(even.dtype).tiny).log()).log()
