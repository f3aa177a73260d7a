"""SyncDiffusion as the paper words it, window by window, with nothing shared: the second witness.

It uses diffusers and lpips as they come and none of the product's modules. It is slow on purpose:
its cost is that of the published loop (three UNet passes of the anchor's, no batches).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from diffusers import DDIMScheduler, StableDiffusionPipeline
from torch import Tensor

ImageLoss = Callable[[Tensor, Tensor], Tensor]  # two images 1 3 h w in [-1, 1] -> a scalar


@dataclass
class Reference:
    """A pipeline under one prompt, sampled by the published loop."""

    pipe: StableDiffusionPipeline
    loss: ImageLoss
    prompt: str
    negative_prompt: str = ""
    guidance_scale: float = 7.5
    steps: int = 4
    weight: float = 20.0
    decay: float = 0.95
    frequency: int | None = None
    initial_steps: int | None = None
    stride: int = 16
    compare: str = "foreseen"

    def sample(self, latent: Tensor) -> Tensor:
        """z_T 1 C H W -> z_0, for a panorama that the stride tiles and that does not wrap."""
        self.scheduler = DDIMScheduler.from_config(self.pipe.scheduler.config)
        self.scheduler.set_timesteps(self.steps)
        self.embeds = torch.cat([self._embed(self.negative_prompt), self._embed(self.prompt)])
        interval = self.steps // (self.frequency or self.steps)
        for k, t in enumerate(self.scheduler.timesteps):
            allowed = self.initial_steps is None or k < self.initial_steps
            synchronises = self.weight > 0 and allowed and (k + 1) % interval == 0
            latent = self._step(latent, t, self.weight * self.decay**k if synchronises else 0.0)
        return latent

    def _step(self, latent: Tensor, t: Tensor, weight: float) -> Tensor:
        size = self.pipe.unet.config.sample_size
        places = [
            (top, left)
            for top in range(0, latent.shape[-2] - size + 1, self.stride)
            for left in range(0, latent.shape[-1] - size + 1, self.stride)
        ]
        total, count = torch.zeros_like(latent), torch.zeros_like(latent)
        anchor = len(places) // 2
        top, left = places[anchor]
        anchor_view = latent[..., top : top + size, left : left + size]
        for i, (top, left) in enumerate(places):
            view = latent[..., top : top + size, left : left + size].clone()  # 1 C h w
            if weight and i != anchor:
                view = self._descend(view, anchor_view, t, weight)
            with torch.no_grad():
                stepped = self.scheduler.step(self._predict(view, t), t, view).prev_sample
            total[..., top : top + size, left : left + size] += stepped
            count[..., top : top + size, left : left + size] += 1
        return total / count

    def _descend(self, view: Tensor, anchor_view: Tensor, t: Tensor, weight: float) -> Tensor:
        with torch.no_grad():
            target = self._decode(self._compared(anchor_view, t))
        view = view.detach().requires_grad_()
        distance = self.loss(self._decode(self._compared(view, t)), target)
        (gradient,) = torch.autograd.grad(distance.sum(), view)
        return (view - weight * gradient).detach()

    def _compared(self, view: Tensor, t: Tensor) -> Tensor:
        if self.compare == "noisy":
            return view
        return self.scheduler.step(self._predict(view, t), t, view).pred_original_sample

    def _predict(self, view: Tensor, t: Tensor) -> Tensor:
        both = self.pipe.unet(torch.cat([view] * 2), t, encoder_hidden_states=self.embeds).sample
        negative, conditional = both.chunk(2)
        return negative + self.guidance_scale * (conditional - negative)

    def _decode(self, latent: Tensor) -> Tensor:
        image = self.pipe.vae.decode(latent / self.pipe.vae.config.scaling_factor).sample
        return image.clamp(-1, 1)

    def _embed(self, prompt: str) -> Tensor:
        tokenizer = self.pipe.tokenizer
        ids = tokenizer(
            prompt,
            padding="max_length",
            max_length=tokenizer.model_max_length,
            truncation=True,
            return_tensors="pt",
        ).input_ids
        with torch.no_grad():
            return self.pipe.text_encoder(ids)[0]
