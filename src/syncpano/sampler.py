"""SyncDiffusion (Lee et al., NeurIPS 2023): joint denoising of the windows of one panorama.

# N windows, M of them moved, C latent channels, h w one window, H W the panorama

Every solver steps the canvas once, from the mean of the views and the mean of the predictions. For
DDIM, which is linear in both, this equals the reference's mean of the stepped views.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from syncpano.batching import Batcher
from syncpano.errors import RUN_FAILED, SyncPanoError
from syncpano.losses.perceptual import PerceptualLoss
from syncpano.machine import now
from syncpano.models.denoiser import Denoiser, Gradient
from syncpano.montage import average, crop
from syncpano.windows import Grid

Compare = Literal["foreseen", "noisy"]


@dataclass(frozen=True)
class Synchronization:
    """What pulls the windows towards the anchor.

    Attributes:
        loss: L of Eq. 14.
        weights: step -> w_t; steps that are absent do not synchronise. Empty is MultiDiffusion.
        compare: decode and compare the foreseen observations (Eq. 14) or the noisy views (Eq. 13).
        gradient: how much of the UNet's Jacobian the gradient keeps.
        thin: descend for every `thin`-th window only and merge the moves on the canvas; 1 is exact.
        gain: a cheap gradient times this is as strong as the exact one, so that w keeps its scale.
        predict_once: denoise with the predictions that the gradient was taken of, not with new ones
            at the moved views.
    """

    loss: PerceptualLoss
    weights: Mapping[int, float]
    compare: Compare = "foreseen"
    gradient: Gradient = "exact"
    thin: int = 1
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
    """How many windows go at once through the UNet without and with a gradient, and the decoder."""

    denoise: Batcher = field(default_factory=lambda: Batcher(1))
    sync: Batcher = field(default_factory=lambda: Batcher(1))
    decode: Batcher = field(default_factory=lambda: Batcher(1))


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
    chosen = [i for i in grid.thinned(sync.thin) if i != anchor]
    if not chosen:  # a panorama of one window has nothing to synchronise
        return Pulled(views, latent)
    anchor_view = views[anchor : anchor + 1]
    anchor_prediction = denoiser.predict(anchor_view, t)
    target = sync.loss.features(
        denoiser.decode(
            denoiser.foresee(anchor_view, anchor_prediction, t)
            if sync.compare == "foreseen"
            else anchor_view
        )
    )
    predictions = {anchor: anchor_prediction[0]}
    gradients, distances, *predicted = batches.sync(
        lambda batch: distance_gradient(batch, target, t, denoiser, sync, batches.decode),
        views[chosen],
    )
    moves = torch.zeros_like(views)
    moves[chosen] = -weight * sync.gain * gradients
    moved = [*chosen, anchor] if sync.thin > 1 else range(len(windows))
    move = average(
        moves[list(moved)], [windows[i] for i in moved], grid.height, grid.width, grid.blend
    )  # 1 C H W
    canvas = latent + move
    if sync.predict_once and predicted:
        predictions.update(zip(chosen, predicted[0], strict=True))
    elif sync.thin > 1:
        predictions = {}  # the anchor moves too
    # Of thinned windows, those without a gradient of their own follow the canvas.
    views = crop(canvas, windows) if sync.thin > 1 else views + moves
    return Pulled(views, canvas, distances.tolist(), predictions)


def distance_gradient(
    views: Tensor,
    target: Sequence[Tensor],
    t: Tensor,
    denoiser: Denoiser,
    sync: Synchronization,
    decode_batches: Batcher | None = None,
) -> tuple[Tensor, ...]:
    """Gradient (N C h w) of L(D(phi(x, t)), target) with respect to the views x, and L itself (N).

    The chain rule in two stages, decoder and loss first: each has its own batch size, and only one
    of them keeps its activations at a time. Where phi is compared (Eq. 14), the predictions that it
    is made of (N C h w) come third.
    """
    decode_batches = decode_batches or Batcher(len(views))

    def pull(compared: Tensor) -> tuple[Tensor, Tensor]:
        return decode_batches(
            lambda batch: _image_gradient(batch, target, denoiser, sync.loss), compared.detach()
        )

    if sync.compare == "noisy":
        return pull(views)
    with torch.enable_grad():
        views = views.detach().requires_grad_()
        predictions = denoiser.predict(views, t, sync.gradient)
        foreseen = denoiser.foresee(views, predictions, t)
    gradient, distance = pull(foreseen)
    if foreseen.requires_grad:  # it does not where x0 is what is predicted, without a Jacobian
        (gradient,) = torch.autograd.grad(foreseen, views, gradient)
    return gradient, distance, predictions.detach()


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
            hint="lower `--w`, or use `--dtype float32`",
            exit_code=RUN_FAILED,
        )
