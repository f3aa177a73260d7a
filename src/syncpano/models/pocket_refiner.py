"""The pocket model's refiner: a second denoiser that remembers renders.

# R renders, C latent channels, h w their latents, H W the panorama's, K classes, k a patch's side

The UNet is too small to draw. It decides palette, layout and light, jointly for all windows; then
this denoiser takes over: the latent is noised again (SDEdit, Meng et al. 2022) and denoised by the
posterior mean over patches of remembered renders. That is the optimal denoiser that sees only a
patch, whose samples are mosaics that fit locally (Kamb & Ganguli 2024), with a prior on renders
that the prompt draws (retrieval: Blattmann et al. 2022). Colours of pieces in different light are
joined by their differences, in the sampled panorama's palette. docs/notes/pocket-refiner.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn
from torch.nn import functional as F

from syncpano.models.gradient_domain import ScreenedPoisson
from syncpano.models.patches import CENTRE, faded_together, patches_of, posterior_mean
from syncpano.models.pocket_autoencoder import PocketAutoencoder

_DOUBT = 8.0  # nats: no reader is surer than this
_IMPOSSIBLE = 100.0  # nats below the best render of a place


class PocketRefiner(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """Sampled latent 1 C H W -> the latent of a sharp panorama with its layout and palette.

    Args:
        renders, latent_channels, height, width: R, C, h, w of the memory.
        text_width: width of the text encoder's states.
        heads: attribute -> number of its classes, which captions are read for.
        trust: attribute -> weight of log p(class | prompt) in the choice of renders.
        start, steps: first timestep of the noise, and steps from there to the picture.
        patches: timesteps and sides of a patch: above the first number the first side, and so on.
        key_channels: channels, from the coarsest on, by which patches are compared.
        candidates: renders that a prompt chooses from, at most.
        palette_trust: weight of the squared distance of mean colours, in the choice of renders.
        palette_width: cells, standard deviation of the stretch whose mean colours count.
        screen: weight of the sampled panorama's colours against the pieces' own differences.
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
        start: int = 950,
        steps: int = 19,
        patches: Sequence[tuple[int, int]] = ((500, 9), (250, 7), (0, 5)),
        key_channels: int = 12,
        candidates: int = 32,
        palette_trust: float = 600.0,
        palette_width: float = 8.0,
        screen: float = 0.02,
    ) -> None:
        super().__init__()
        shape = (renders, latent_channels, height, width)
        self.register_buffer("memory", torch.zeros(shape, dtype=torch.int8))
        self.register_buffer("scale", torch.ones(latent_channels))  # of the memory's numbers
        self.register_buffer("classes", torch.zeros(renders, len(heads), dtype=torch.int16))
        self.readers = nn.ModuleDict(
            {name: nn.Linear(text_width, heads[name]) for name in sorted(heads)}
        )

    def remember(self, latents: Tensor, classes: Mapping[str, Tensor]) -> None:
        """Fill the memory: R C h w, eight bits a number, and by attribute the class of each, R."""
        self.scale.copy_(latents.abs().amax((0, 2, 3)) / 127)
        self.memory.copy_((latents / self.scale[:, None, None]).round().to(torch.int8))
        self.classes.copy_(torch.stack([classes[name] for name in self.readers], 1))

    @torch.no_grad()
    def refine(
        self,
        latent: Tensor,
        noise: Tensor,
        text: Tensor,
        alpha_bars: Tensor,
        vae: PocketAutoencoder,
        *,
        loop: bool = False,
    ) -> Tensor:
        """Refine a sampled latent.

        Args:
            latent: 1 C H W, z_0 as the UNet left it.
            noise: 1 C H W, unit normal; a run's own z_T leads back where it came from.
            text: L d, the prompt's states.
            alpha_bars: T, the noise schedule.
            vae: the model's autoencoder, in float32.
            loop: columns wrap.
        """
        config: Any = self.config
        base = vae.cell_colours(latent, loop=loop)  # 1 3 H W
        memory = self._recall(text, base, vae, loop)
        join = ScreenedPoisson(latent.shape[-2], latent.shape[-1], config.screen, ring=loop)
        *timesteps, _ = torch.linspace(config.start, 0, config.steps + 1).round().long()

        def foresee(z: Tensor, t: Tensor, side: int, values: Tensor) -> tuple[Tensor, Tensor]:
            """What is remembered here of `values`, 1 V H W, and the joined colours, 1 3 H W."""
            query = patches_of(z[:, : config.key_channels], side, loop)
            values = torch.cat([values, memory.differences], 1)
            keys = memory.keys(config.key_channels, side)
            found = posterior_mean(query, alpha_bars[t], keys, values, memory.prior)
            content, differences = found[:, :-12], found[:, -12:]
            return content, join.solve(*_mean_differences(differences), base[0])[None]

        z = _noised(latent, noise, alpha_bars[timesteps[0]])
        for t, following in pairwise(timesteps):
            content, colours = foresee(z, t, self._side(t), memory.latents)
            change = colours - vae.cell_colours(content, loop=loop)
            foreseen = vae.with_colours_changed(content, change, loop=loop)
            alpha = alpha_bars[t]
            direction = (z - alpha.sqrt() * foreseen) / (1 - alpha).sqrt()
            z = _noised(foreseen, direction, alpha_bars[following])  # DDIM, eta 0
        # The last prediction is a picture: whole patches of three by three cells, joined.
        t = timesteps[-1]
        content, colours = foresee(z, t, self._side(t), patches_of(memory.latents, 3))
        pieces = content.view(-1, 9, *latent.shape[-2:])  # C 9 H W
        change = colours - vae.cell_colours(pieces[None, :, CENTRE], loop=loop)
        return faded_together(pieces + vae.colour_shift(change)[0, :, None], vae, loop=loop)

    def _side(self, t: Tensor) -> int:
        patches: Sequence[tuple[int, int]] = self.config.patches
        return next(side for above, side in patches if t > above)

    def _recall(self, text: Tensor, base: Tensor, vae: PocketAutoencoder, loop: bool) -> _Memory:
        """The renders that the prompt and the palette (1 3 H W) may mean."""
        config: Any = self.config
        state = text.float().mean(0)
        prior = torch.zeros(len(self.memory), device=state.device)
        for column, (name, reader) in enumerate(self.readers.items()):
            evidence = reader(state).log_softmax(-1).clamp(min=-_DOUBT)
            prior += config.trust[name] * evidence[self.classes[:, column].long()]
        chosen = prior.topk(min(config.candidates, len(prior))).indices
        latents = self.memory[chosen].float() * self.scale[:, None, None]
        distances = _palette_distances(
            base, vae.cell_colours(latents), config.palette_width, loop
        )  # W R
        local = prior[chosen] - config.palette_trust * distances
        possible = (local > local.amax(1, keepdim=True) - _IMPOSSIBLE).any(0)
        latents, local = latents[possible], local[:, possible]
        latents = torch.cat([latents, vae.mirrored(latents)])
        colours = vae.cell_colours(latents)
        padded = F.pad(colours, (1, 1, 1, 1), mode="replicate")
        differences = [
            padded[..., 1:-1, 2:] - colours,
            colours - padded[..., 1:-1, :-2],
            padded[..., 2:, 1:-1] - colours,
            colours - padded[..., :-2, 1:-1],
        ]
        return _Memory(latents, torch.cat(differences, 1), torch.cat([local, local], 1))


@dataclass(frozen=True)
class _Memory:
    """Recalled renders and their mirror images.

    Attributes:
        latents: R C h w.
        differences: R 12 h w, of mean colours to the cells right, left, below and above.
        prior: W R, log probability of each at every column of the panorama, up to a constant.
    """

    latents: Tensor
    differences: Tensor
    prior: Tensor
    _keys: dict[tuple[int, int], Tensor] = field(default_factory=dict)

    def keys(self, channels: int, side: int) -> Tensor:
        """R D h w: all patches, of the first channels; kept for the next step."""
        if (channels, side) not in self._keys:
            self._keys[channels, side] = patches_of(self.latents[:, :channels], side)
        return self._keys[channels, side]


def _noised(latent: Tensor, noise: Tensor, alpha: Tensor) -> Tensor:
    return alpha.sqrt() * latent + (1 - alpha).sqrt() * noise


def _palette_distances(base: Tensor, colours: Tensor, width: float, loop: bool) -> Tensor:
    """W R: mean squared distance over rows between a stretch of the panorama and whole renders."""
    place = torch.arange(base.shape[-1], device=base.device)
    apart = (place[:, None] - place).abs()
    if loop:
        apart = torch.minimum(apart, len(place) - apart)
    near = (-((apart / width) ** 2) / 2).exp()
    stretches = base[0] @ (near / near.sum(1, keepdim=True)).T  # 3 H W
    renders = colours.mean(-1)  # R 3 h
    if stretches.shape[1] != renders.shape[-1]:  # a panorama of another height: its mean colour
        stretches, renders = stretches.mean(1, keepdim=True), renders.mean(-1, keepdim=True)
    difference = stretches.permute(2, 0, 1)[:, None] - renders
    return difference.square().sum(2).mean(-1)


def _mean_differences(differences: Tensor) -> tuple[Tensor, Tensor]:
    """1 12 H W -> right and down, 3 H W: what a cell and its neighbour say of their difference."""
    right, left, down, up = differences[0].chunk(4)
    return (right + left.roll(-1, -1)) / 2, (down + up.roll(-1, -2)) / 2
