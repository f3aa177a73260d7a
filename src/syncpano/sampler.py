"""SyncDiffusion (Lee et al., NeurIPS 2023): joint denoising of the windows of one panorama.

# N windows, M of them moved, C latent channels, h w one window, H W the panorama

Every solver steps the canvas once, from the mean of the views and the mean of the predictions. For
DDIM, which is linear in both, this equals the reference's mean of the stepped views.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from syncpano.batching import Batcher
from syncpano.choices import Compare, Gradient
from syncpano.errors import RUN_FAILED, SyncPanoError
from syncpano.losses.perceptual import PerceptualLoss
from syncpano.machine import now
from syncpano.models.denoiser import Denoiser
from syncpano.montage import average, crop
from syncpano.windows import Grid


@dataclass(frozen=True)
class Synchronization:
    """What pulls the windows towards the anchor.

    Attributes:
        loss: L of Eq. 14.
        weights: step -> w_t; steps that are absent do not synchronise. Empty is MultiDiffusion.
        compare: decode and compare the foreseen observations (Eq. 14) or the noisy views (Eq. 13).
        gradient: how much of the UNet's Jacobian the gradient keeps.
        every: descend for every n-th window only and merge the moves on the canvas; 1 is exact.
        gain: a cheap gradient times this has the exact one's effect, so that w keeps its scale.
        predict_once: denoise with the predictions that the gradient was taken of, not with new ones
            at the moved views.
    """

    loss: PerceptualLoss
    weights: Mapping[int, float]
    compare: Compare = "foreseen"
    gradient: Gradient = "exact"
    every: int = 1
    gain: float = 1.0
    predict_once: bool = False


@dataclass(frozen=True)
class StepReport:
    """What one step did: the foreseen canvas (1 C H W), distances to the anchor, seconds."""

    step: int
    timestep: float
    foreseen: Tensor
    weight: float = 0.0
    distances: Sequence[float] = ()
    sync_seconds: float = 0.0
    denoise_seconds: float = 0.0


@dataclass(frozen=True)
class Batches:
    """How many windows go at once through the UNet without and with a gradient, and the decoder.

    Attributes:
        together: the anchor goes along where one batch holds all windows that descend. It goes
            backwards in vain then, which costs a small network less than a call for it alone.
    """

    denoise: Batcher = field(default_factory=lambda: Batcher(1))
    sync: Batcher = field(default_factory=lambda: Batcher(1))
    decode: Batcher = field(default_factory=lambda: Batcher(1))
    together: bool = False


@torch.no_grad()
def sample(
    latent: Tensor,
    denoiser: Denoiser,
    grid_of: Callable[[int], Grid],
    sync: Synchronization | None,
    batches: Batches,
    report: Callable[[StepReport], None] = lambda _: None,
) -> Tensor:
    """z_T (1 C H W, float32) -> z_0: denoise, synchronise and merge, step by step.

    Raises:
        SyncPanoError: a latent is NaN or infinite; the message names the step.
    """
    for step, t in enumerate(denoiser.timesteps):
        grid = grid_of(step)
        weight = sync.weights.get(step, 0.0) if sync else 0.0
        started = now(latent.device)
        pulled = _unmoved(latent, grid)
        if sync and weight:
            pulled = synchronize(latent, grid, t, weight, denoiser, sync, batches)
        synchronised = now(latent.device)
        predictions = _predict_others(pulled, grid, t, denoiser, batches)
        prediction = average(predictions, grid.windows, grid.height, grid.width, grid.blend)
        foreseen = denoiser.foresee(pulled.canvas, prediction, t)
        latent = denoiser.step(pulled.canvas, prediction, t)
        check_finite(latent, step)
        report(
            StepReport(
                step=step,
                timestep=float(t),
                foreseen=foreseen,
                weight=weight,
                distances=pulled.distances,
                sync_seconds=synchronised - started,
                denoise_seconds=now(latent.device) - synchronised,
            )
        )
    return latent


@dataclass(frozen=True)
class Pulled:
    """The views after a gradient step, their merge, and what is already predicted of them."""

    views: Tensor  # N C h w
    canvas: Tensor  # 1 C H W
    distances: Sequence[float] = ()
    predictions: Mapping[int, Tensor] = field(default_factory=dict)  # window -> C h w


def synchronize(
    latent: Tensor,
    grid: Grid,
    t: Tensor,
    weight: float,
    denoiser: Denoiser,
    sync: Synchronization,
    batches: Batches,
) -> Pulled:
    """One gradient descent step of every window but the anchor towards the anchor (Eq. 14)."""
    windows, anchor = grid.windows, grid.anchor
    views = crop(latent, windows)  # N C h w
    chosen = [anchor, *(i for i in grid.thinned(sync.every) if i != anchor)]
    if len(chosen) == 1:  # a panorama of one window has nothing to synchronise
        return Pulled(views, latent)
    gradient = DistanceGradient(t, denoiser, sync, batches.decode)
    together = batches.together and len(chosen) <= batches.sync.size
    # Alone, the anchor needs no backward pass.
    groups = [chosen] if together else [chosen[:1], chosen[1:]]
    found = [batches.sync(gradient, views[group]) for group in groups]
    gradients, distances, *predicted = (torch.cat(parts) for parts in zip(*found, strict=True))
    moves = torch.zeros_like(views)
    moves[chosen] = -weight * sync.gain * gradients
    moved = chosen if sync.every > 1 else range(len(windows))
    move = average(
        moves[list(moved)], [windows[i] for i in moved], grid.height, grid.width, grid.blend
    )  # 1 C H W
    canvas = latent + move
    predictions: Mapping[int, Tensor] = {}
    if predicted and sync.predict_once:
        predictions = dict(zip(chosen, predicted[0], strict=True))
    elif predicted and sync.every == 1:  # otherwise the anchor moves too
        predictions = {anchor: predicted[0][0]}
    # Of thinned windows, those without a gradient of their own follow the canvas.
    views = crop(canvas, windows) if sync.every > 1 else views + moves
    return Pulled(views, canvas, distances[1:].tolist(), predictions)


@dataclass
class DistanceGradient:
    """Gradient of L(D(phi(x, t)), target) with respect to views x, batch by batch.

    Attributes:
        target: the anchor's features. Without one, the first view of the first batch is the anchor.
    """

    t: Tensor
    denoiser: Denoiser
    sync: Synchronization
    decode_batches: Batcher
    target: Sequence[Tensor] | None = None

    def __call__(self, views: Tensor) -> tuple[Tensor, ...]:
        """N C h w -> the gradient (N C h w) and L itself (N), both 0 for the anchor.

        The chain rule in two stages, decoder and loss first: each has its own batch size, and only
        one of them keeps its activations at a time. Where phi is compared (Eq. 14), the predictions
        that it is made of (N C h w) come third.
        """
        predicted: tuple[Tensor, ...] = ()
        if self.sync.compare == "noisy":
            gradient, distance, target = self._pull(views)
        else:
            alone = self.target is None and len(views) == 1
            with torch.set_grad_enabled(not alone):
                views = views.detach().requires_grad_()
                predictions = self.denoiser.predict(views, self.t, self.sync.gradient)
                foreseen = self.denoiser.foresee(views, predictions, self.t)
            gradient, distance, target = self._pull(foreseen.detach())
            # It does not where x0 is what is predicted, without a Jacobian.
            if foreseen.requires_grad:
                (gradient,) = torch.autograd.grad(foreseen, views, gradient)
            predicted = (predictions.detach(),)
        self.target = target  # not before: a batch that did not fit begins with the anchor again
        return gradient, distance, *predicted

    def _pull(self, compared: Tensor) -> tuple[Tensor, Tensor, Sequence[Tensor]]:
        """Gradient with respect to the latents that are decoded, L itself, and the target."""
        target, gradient = self.target, torch.zeros_like(compared)
        distance = compared.new_zeros(len(compared))
        first = 0
        if target is None:
            target, first = self.sync.loss.features(self.denoiser.decode(compared[:1])), 1
        if len(compared) > first:
            gradient[first:], distance[first:] = self.decode_batches(
                lambda batch: _image_gradient(batch, target, self.denoiser, self.sync.loss),
                compared[first:],
            )
        return gradient, distance, target


def _image_gradient(
    latents: Tensor, target: Sequence[Tensor], denoiser: Denoiser, loss: PerceptualLoss
) -> tuple[Tensor, Tensor]:
    """Gradient (N C h w) of L(D(x0), target) with respect to the latents x0, and L itself (N)."""
    with torch.enable_grad():
        latents = latents.detach().requires_grad_()
        distance = loss.distance(loss.features(denoiser.decode(latents)), target)
        (gradient,) = torch.autograd.grad(distance.sum(), latents)
    return gradient, distance.detach()


def _unmoved(latent: Tensor, grid: Grid) -> Pulled:
    return Pulled(crop(latent, grid.windows), latent)


def _predict_others(
    pulled: Pulled, grid: Grid, t: Tensor, denoiser: Denoiser, batches: Batches
) -> Tensor:
    """N C h w: what is known of the views, and new predictions of the others."""
    known = dict(pulled.predictions)
    others = [i for i in range(len(grid.windows)) if i not in known]
    if others:
        (predicted,) = batches.denoise(
            lambda batch: (denoiser.predict(batch, t),), pulled.views[others]
        )
        known.update(zip(others, predicted, strict=True))
    return torch.stack([known[i] for i in range(len(grid.windows))])


def check_finite(latent: Tensor, step: int) -> None:
    """Raise where a latent has become NaN or infinite."""
    if not torch.isfinite(latent).all():
        raise SyncPanoError(
            f"the latent is no longer finite after step {step}",
            hint="lower `--w` or `--guidance-scale`, or use `--dtype float32`",
            exit_code=RUN_FAILED,
        )
