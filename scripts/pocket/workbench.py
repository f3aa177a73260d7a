"""The pocket model on the bench: it paints windows and panoramas, judges say what they show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from autoencoder import image_tensor
from data import HELD_OUT, TAUGHT, Render, render_all
from judges import RegressionJudge, seen, style_of
from scenes import SUBJECTS
from torch import Tensor

from syncpano.choices import AUTO
from syncpano.config import PanoramaConfig
from syncpano.losses.lpips import LPIPS
from syncpano.losses.style import StyleLoss
from syncpano.metrics.features import Vgg16Features
from syncpano.models.pocket_features import PocketFeatureNet
from syncpano.models.source import resolve_source
from syncpano.pipeline import Studio

SIDE = 512
# Of held-out renders these are told better by textures than by the shipped judge; of hours it tells
# as many, of seasons more.
BY_TEXTURE = ("style", "weather")
_SUBJECT_SEEDS = 20  # renders a subject that the judge of subjects learns from
_TEXTURE_SEEDS = 60  # the same for the judges of textures


@dataclass
class Bench:
    """The model under test and the instruments, each loaded when it is first needed."""

    model: str
    weights: Path
    renders: Path
    steps: int
    seeds: int
    sync_weights: Sequence[float]
    negative_prompt: str = AUTO

    @cached_property
    def studio(self) -> Studio:
        """Paints all panoramas with one loaded model."""
        return Studio()

    @cached_property
    def folder(self) -> Path:
        """The model's folder."""
        folder = resolve_source(self.model, None, download=False).folder
        assert folder is not None
        return folder

    @cached_property
    def judge(self) -> PocketFeatureNet:
        """The shipped classifier, which guidance does not use; it knows scenes that are laid."""
        judge: PocketFeatureNet = PocketFeatureNet.from_pretrained(
            self.folder / "features", torch_dtype=torch.float32, low_cpu_mem_usage=False
        ).eval()
        return judge

    @cached_property
    def lpips(self) -> LPIPS:
        """LPIPS with the real VGG-16."""
        return LPIPS("vgg", device=torch.device("cpu"), weights=self.weights)

    @cached_property
    def vgg(self) -> Vgg16Features:
        """Features that were taught on photos."""
        return Vgg16Features("cpu", self.weights)

    @cached_property
    def subject_judge(self) -> RegressionJudge:
        """Who names subjects, taught on renders that no training and no refiner saw."""
        renders = list(render_all(self.renders, list(SUBJECTS), _SUBJECT_SEEDS, 1024, first=TAUGHT))

        def look(image: Tensor) -> Tensor:
            return self.vgg(image)[0]

        features = seen(look, [render.load()[:, :SIDE] for render in renders])
        return RegressionJudge(look, features, [render.attributes.subject for render in renders])

    @cached_property
    def texture_judges(self) -> dict[str, RegressionJudge]:
        """Attribute -> who names its classes by textures, taught on such renders too."""
        taught = list(render_all(self.renders, list(SUBJECTS), _TEXTURE_SEEDS, 1024, first=TAUGHT))
        look = style_of(StyleLoss(device=torch.device("cpu"), weights=self.weights))
        features = seen(look, [render.load()[:, :SIDE] for render in taught])
        return {
            name: RegressionJudge(look, features, [getattr(r.attributes, name) for r in taught])
            for name in BY_TEXTURE
        }

    def paint(self, prompt: str, **settings: Any) -> np.ndarray:
        """A panorama, uint8 H W 3."""
        settings = {"negative_prompt": self.negative_prompt} | settings
        config = PanoramaConfig(prompt=prompt, model=self.model, steps=self.steps, **settings)
        return np.asarray(self.studio.generate(config).image)

    def windows(self, prompt: str, count: int, seed: int, **settings: Any) -> list[np.ndarray]:
        """Independent samples, one window each."""
        settings |= {"width": count * SIDE, "method": "independent", "seed": seed}
        image = self.paint(prompt, **settings)
        return crops(image)

    def votes(self, images: Sequence[np.ndarray], head: str) -> list[str]:
        """What each window is taken for, by the best judge that there is for this head."""
        if head == "subject":
            return self.subject_judge.votes(images)
        if head in BY_TEXTURE:
            return self.texture_judges[head].votes(images)
        return self.shipped_votes(images, head)

    @torch.no_grad()
    def shipped_votes(self, images: Sequence[np.ndarray], head: str) -> list[str]:
        """What the shipped judge takes each window for; it sees it smaller than the others do."""
        logits = self.judge(torch.cat([image_tensor(image) for image in images]))[head]
        return [self.judge.config.heads[head][int(i)] for i in logits.argmax(1)]

    def held_out(self, per_subject: int) -> list[Render]:
        """Renders that no training saw."""
        return list(render_all(self.renders, list(SUBJECTS), per_subject, 1024, first=HELD_OUT))


def crops(image: np.ndarray) -> list[np.ndarray]:
    """Non-overlapping windows of a panorama one window high."""
    return [image[:, left : left + SIDE] for left in range(0, image.shape[1] - SIDE + 1, SIDE)]
