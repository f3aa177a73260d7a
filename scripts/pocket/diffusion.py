"""Stage: the text-conditional UNet and its text encoder, x-prediction on cached latents.

# N batch, C latent channels, h w one window, R renders, W latent columns of a render
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from captions import caption
from data import Render
from diffusers import DDIMScheduler, UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from text import load_tokenizer, new_text_encoder
from torch import Tensor, nn
from training import Average, Stage

WINDOW = 16
BOUND_EVERY = 10  # steps


class Windows:
    """Random windows of the cached latents, with fresh captions."""

    def __init__(self, latents: Tensor, renders: Sequence[Render], signs: Tensor, dropout: float):
        self.latents, self.renders = latents, renders
        self.signs = signs.view(-1, 1, 1)
        self.dropout = dropout

    def batch(self, rng: np.random.Generator, size: int) -> tuple[Tensor, list[str]]:
        """N C h w float32 windows (mirrored at random) and their captions ("" where dropped)."""
        chosen = rng.integers(len(self.latents), size=size)
        windows = torch.stack([self._window(rng, int(i)) for i in chosen]).float()
        captions = [
            "" if rng.random() < self.dropout else caption(rng, self.renders[i].attributes)
            for i in chosen
        ]
        return windows, captions

    def _window(self, rng: np.random.Generator, index: int) -> Tensor:
        latent = self.latents[index]
        left = int(rng.integers(latent.shape[-1] - WINDOW + 1))
        window = latent[..., left : left + WINDOW]
        return window.flip(-1) * self.signs if rng.random() < 0.5 else window


class TextToImage(nn.Module):
    """Text encoder and UNet as one module, so that one optimiser and one average hold both."""

    def __init__(self, folder: Path, channels: int, recipe: dict[str, Any]) -> None:
        super().__init__()
        self.tokenizer = load_tokenizer(folder / "tokenizer")
        self.text_encoder = new_text_encoder(self.tokenizer, recipe["text"])
        self.unet = UNet2DConditionModel(
            sample_size=WINDOW,
            in_channels=channels,
            out_channels=channels,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
            cross_attention_dim=recipe["text"]["hidden_size"],
            **recipe["unet"],
        )
        # On a CPU the fused attention's backward pass takes a third of a training step.
        self.unet.set_attn_processor(AttnProcessor())

    def forward(self, noisy: Tensor, t: Tensor, captions: list[str]) -> Tensor:
        """N C h w noisy latents at timesteps t (N) under captions -> predicted x0, N C h w."""
        tokens = self.tokenizer(
            captions, padding="max_length", truncation=True, return_tensors="pt"
        )
        states = self.text_encoder(tokens.input_ids.to(noisy.device)).last_hidden_state
        return self.unet(noisy, t, states).sample  # type: ignore[no-any-return]


def new_scheduler(recipe: dict[str, Any]) -> DDIMScheduler:
    """Stable Diffusion's form of schedule with a noisier end: coarse components are strong."""
    return DDIMScheduler(
        beta_start=0.00085,
        beta_end=recipe["beta_end"],
        beta_schedule="scaled_linear",
        prediction_type="sample",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
        timestep_spacing="leading",
    )


def x_loss(
    model: TextToImage, windows: Tensor, captions: list[str], scheduler: Any, weight_cap: float
) -> Tensor:
    """Squared error of the predicted x0, weighted as a v-loss up to `weight_cap`.

    A v-loss is an x0-loss with weight 1 / (1 - alpha_bar_t) (Salimans & Ho 2022, Appendix D). A
    narrow network predicts the picture better than noise or v, which fill all channels (Li & He
    2025); without the cap it would spend itself on copying almost clean latents.
    """
    noise = torch.randn_like(windows)
    t = torch.randint(0, 1000, (len(windows),), device=windows.device)
    noisy = scheduler.add_noise(windows, noise, t)
    with torch.autocast(windows.device.type, torch.bfloat16):
        predicted = model(noisy, t, captions)
    alpha_bar = scheduler.alphas_cumprod.to(windows.device)[t].view(-1, 1, 1, 1)
    weight = (1 / (1 - alpha_bar)).clamp(max=weight_cap)
    return ((predicted.float() - windows).square() * weight).mean()


@torch.no_grad()
def bound_attention(model: nn.Module, gain: float) -> None:
    """Scale the query and key projections whose spectral norm exceeds `gain` down to it.

    At this learning rate logits grow without end otherwise. Attention then picks one token and
    stops learning, and its derivative jumps from token to token: synchronisation, which
    differentiates the UNet, turned single cells into bursts of colour.
    """
    for name, weight in model.named_parameters():
        if name.endswith(("to_q.weight", "to_k.weight", "q_proj.weight", "k_proj.weight")):
            weight.mul_((gain / torch.linalg.matrix_norm(weight, 2)).clamp(max=1.0))


def warm_start(model: TextToImage, checkpoint: Path) -> None:
    """Copy the averaged weights of another run, where names and shapes agree."""
    saved = torch.load(checkpoint, map_location="cpu", weights_only=True)["state"]["average"]
    own = model.state_dict()
    fitting = {k: v for k, v in saved.items() if k in own and own[k].shape == v.shape}
    model.load_state_dict(own | fitting)


def train_diffusion(
    stage: Stage, data: Windows, recipe: dict[str, Any], device: str, start: Path | None = None
) -> None:
    """Train until the stage's budget is used; write the averaged weights as model folders.

    Args:
        start: the checkpoint of another run to begin with, where this run has none yet.
    """
    torch.manual_seed(recipe["seed"])
    model = TextToImage(stage.folder, data.latents.shape[1], recipe).to(device)
    if start is not None and not stage.checkpoint.exists():
        warm_start(model, start)
    optimiser = torch.optim.AdamW(
        model.parameters(),
        recipe["learning_rate"],
        betas=(0.9, 0.99),
        weight_decay=1e-2,
        fused=True,
    )
    average = Average(model, recipe["ema"])
    state = {"model": model, "optimiser": optimiser, "average": average}
    stage.restore(state)
    scheduler = new_scheduler(recipe)
    rng = np.random.default_rng([recipe["seed"], stage.step])
    torch.manual_seed(recipe["seed"] + stage.step)
    losses: list[float] = []
    for step in stage.steps(state):
        for group in optimiser.param_groups:
            group["lr"] = recipe["learning_rate"] * _rate(step, stage.progress, recipe)
        windows, captions = data.batch(rng, recipe["batch"])
        loss = x_loss(model, windows.to(device), captions, scheduler, recipe["weight_cap"])
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        if step % BOUND_EVERY == 0:
            bound_attention(model, recipe["attention_gain"])
        average.update(model, step)
        losses.append(loss.item())
        if step % 100 == 99:
            stage.log(loss=sum(losses) / len(losses), samples=(step + 1) * recipe["batch"])
            losses.clear()
        if step % 1000 == 999:
            write_models(stage.folder, model, average, scheduler)
    write_models(stage.folder, model, average, scheduler)


def write_models(folder: Path, model: TextToImage, average: Average, scheduler: Any) -> None:
    """Write the averaged weights in the diffusers and transformers formats."""
    trained = {k: v.detach().clone() for k, v in model.state_dict().items()}
    model.load_state_dict(average.state_dict())
    model.unet.save_pretrained(folder / "unet")
    model.text_encoder.save_pretrained(folder / "text_encoder")
    scheduler.save_pretrained(folder / "scheduler")
    model.load_state_dict(trained)


def _rate(step: int, progress: float, recipe: dict[str, Any]) -> float:
    """Warm up, hold, and decay over the last part of the budget: more budget extends the hold."""
    warm = min(1.0, (step + 1) / recipe["warmup_steps"])
    return warm * min(1.0, (1.001 - progress) / recipe["decay_share"])
