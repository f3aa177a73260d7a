"""Stage: the text-conditional UNet, x-prediction on cached latents.

# N batch, C latent channels, D of them coarse, h w one window, R renders, W latent columns of a
# render
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from captions import caption
from data import Render, odds_by_style
from diffusers import UNet2DConditionModel
from folders import whole
from safetensors.torch import load_file
from text import load_tokenizer, tokenize
from torch import Tensor, nn
from training import Average, Stage, add_gradients, autocast
from transformers import CLIPTextModel
from unet import begin_with, new_scheduler, new_unet, write_unet

BOUND_EVERY = 10  # steps
WRITE_EVERY = 1000


class Windows:
    """Random windows of the cached latents, with fresh captions.

    `styled` of the windows show a style other than photo, whatever their share of the renders.
    """

    def __init__(
        self,
        latents: Tensor,
        renders: Sequence[Render],
        mirrored: Callable[[Tensor], Tensor],
        dropout: float,
        styled: float,
    ) -> None:
        self.latents, self.renders = latents, renders
        self.mirrored = mirrored
        self.dropout = dropout
        self.odds = odds_by_style(renders, styled)

    def batch(self, rng: np.random.Generator, size: int) -> tuple[Tensor, list[str]]:
        """N C h w float32 windows (mirrored at random) and their captions ("" where dropped)."""
        chosen = rng.choice(len(self.latents), size=size, p=self.odds)
        windows = torch.stack([self._window(rng, int(i)) for i in chosen]).float()
        captions = [
            "" if rng.random() < self.dropout else caption(rng, self.renders[i].attributes)
            for i in chosen
        ]
        return windows, captions

    def _window(self, rng: np.random.Generator, index: int) -> Tensor:
        latent = self.latents[index]
        side = latent.shape[-2]
        left = int(rng.integers(latent.shape[-1] - side + 1))
        window = latent[..., left : left + side]
        return self.mirrored(window) if rng.random() < 0.5 else window


class Reader:
    """The trained text encoder, frozen."""

    def __init__(self, folder: Path, device: str) -> None:
        self.tokenizer = load_tokenizer(folder / "tokenizer")
        self.encoder = CLIPTextModel.from_pretrained(folder / "text_encoder").to(device)
        self.encoder.eval().requires_grad_(False)

    def __call__(self, captions: Sequence[str]) -> Tensor:
        """N L d: what the UNet is told."""
        tokens = tokenize(self.tokenizer, captions).to(self.encoder.device)
        states: Tensor = self.encoder(tokens).last_hidden_state
        return states


def x_loss(
    unet: nn.Module, windows: Tensor, states: Tensor, scheduler: Any, weight_cap: float
) -> Tensor:
    """Squared error of the predicted x0, weighted as a v-loss up to `weight_cap`.

    A v-loss is an x0-loss with weight 1 / (1 - alpha_bar_t) (Salimans & Ho 2022, Appendix D). A
    narrow network predicts the picture better than noise or v, which fill all channels (Li & He
    2025); without the cap it would spend itself on copying almost clean latents.
    """
    noisy, t, weight = noised(windows, scheduler, weight_cap)
    with autocast(windows.device.type):
        predicted: Tensor = unet(noisy, t, states).sample
    return ((predicted.float() - windows).square() * weight.view(-1, 1, 1, 1)).mean()


def noised(windows: Tensor, scheduler: Any, weight_cap: float) -> tuple[Tensor, Tensor, Tensor]:
    """Windows N D h w at random timesteps N, and each one's weight N in the loss."""
    noise = torch.randn_like(windows)
    t = torch.randint(0, len(scheduler.alphas_cumprod), (len(windows),), device=windows.device)
    alpha_bar = scheduler.alphas_cumprod.to(windows.device)[t]
    return scheduler.add_noise(windows, noise, t), t, (1 / (1 - alpha_bar)).clamp(max=weight_cap)


@torch.no_grad()
def bound_attention(model: nn.Module, gain: float) -> None:
    """Scale the query and key projections whose spectral norm exceeds `gain` down to it.

    At this learning rate logits grow without end otherwise. Attention then picks one token and
    stops learning, and its derivative jumps from token to token: synchronisation, which
    differentiates the UNet, turned single cells into bursts of colour.
    """
    for name, weight in model.named_parameters():
        if name.endswith(("to_q.weight", "to_k.weight")):
            weight.mul_((gain / torch.linalg.matrix_norm(weight, 2)).clamp(max=1.0))


def train_diffusion(
    stage: Stage, data: Windows, coarse: int, recipe: dict[str, Any], device: str
) -> None:
    """Train on the coarse channels until the stage's budget is used; write the averaged weights.

    A `unet/` that lies in the folder without a checkpoint is where training begins.

    Args:
        coarse: D.
    """
    torch.manual_seed(recipe["seed"])
    unet = new_unet(data.latents.shape[2], coarse, recipe).to(device)
    weights = stage.folder / "unet" / "diffusion_pytorch_model.safetensors"
    if weights.exists() and not stage.checkpoint.exists():
        begin_with(unet, load_file(weights))
    reader = Reader(stage.folder, device)
    workers = stage.workers
    optimiser = torch.optim.AdamW(
        unet.parameters(),
        recipe["learning_rate"],
        betas=(0.9, 0.99),
        weight_decay=1e-2,
        fused=True,
    )
    average = Average(unet, recipe["ema"])
    state = {"model": unet, "optimiser": optimiser, "average": average}
    stage.restore(state)
    scheduler = new_scheduler(recipe)
    if workers.first:
        with whole(stage.folder / "scheduler") as target:
            scheduler.save_pretrained(target)
    rng = np.random.default_rng([recipe["seed"], stage.step, workers.rank])
    torch.manual_seed(recipe["seed"] + stage.step * workers.size + workers.rank)
    batch = at_once = workers.share(recipe["batch"])
    loss_of = partial(x_loss, unet, scheduler=scheduler, weight_cap=recipe["weight_cap"])
    losses: list[float] = []
    for step in stage.steps(state):
        if step and step % WRITE_EVERY == 0:
            stage.save(state)  # first: a `unet/` without a checkpoint is where training begins
            if workers.first:
                write_average(stage.folder, unet, average)
        for group in optimiser.param_groups:
            group["lr"] = recipe["learning_rate"] * _rate(step, stage.progress, recipe)
        windows, captions = data.batch(rng, batch)
        told = (windows[:, :coarse].to(device), reader(captions))
        loss, at_once = add_gradients(loss_of, told, optimiser, at_once)
        workers.average_gradients(unet.parameters(), recipe["batch"])
        nn.utils.clip_grad_norm_(unet.parameters(), 1.0)
        optimiser.step()
        if step % BOUND_EVERY == 0:
            bound_attention(unet, recipe["attention_gain"])
        average.update(unet, step)
        losses.append(loss)
        stage.seen += recipe["batch"]
        if step % 100 == 99:
            stage.log(loss=sum(losses) / len(losses), samples=stage.seen)
            losses.clear()
    if workers.first:
        write_average(stage.folder, unet, average)


def write_average(folder: Path, unet: UNet2DConditionModel, average: Average) -> None:
    """Write the averaged weights."""
    averaged = UNet2DConditionModel.from_config(unet.config)
    averaged.load_state_dict(average.state_dict())
    write_unet(folder, averaged)


def _rate(step: int, progress: float, recipe: dict[str, Any]) -> float:
    """Warm up, hold, and decay over the last part of the budget: more budget extends the hold."""
    warm: float = min(1.0, (step + 1) / recipe["warmup_steps"])
    left: float = (1.001 - progress) / recipe["decay_share"]
    return warm * min(1.0, left)
