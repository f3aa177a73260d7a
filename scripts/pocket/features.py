"""Stage: the two feature networks, classifiers of rendered scenes. One guides, the other judges.

# N batch, S side of a crop, images uint8 until they are batched
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
import torch
from autoencoder import image_tensor
from data import Render, odds_by_style
from folders import whole
from scenes.attributes import CLASSES
from torch import Tensor
from torch.nn import functional as F
from training import Stage, autocast

from syncpano.models.pocket_features import PocketFeatureNet


class Thumbnails:
    """All renders at the height of a network's input, with their labels, in memory."""

    def __init__(self, renders: Sequence[Render], size: int, heads: Mapping[str, Sequence[str]]):
        self.size = size
        self.images = [_shrink(render.load(), size) for render in renders]
        self.labels = {
            name: torch.tensor([classes.index(_value(r, name)) for r in renders])
            for name, classes in heads.items()
        }

    def add_palettes(self, classes: int, seed: int) -> None:
        """Label every render with its cluster of mean colours in four horizontal bands."""
        colours = np.stack([_bands(image) for image in self.images])
        cv2.setRNGSeed(seed)
        stop = (cv2.TERM_CRITERIA_MAX_ITER, 60, 0.0)
        # Its stub wants labels to begin with; without KMEANS_USE_INITIAL_LABELS there are none.
        _, labels, _ = cv2.kmeans(  # type: ignore[call-overload]
            colours, classes, None, stop, 3, cv2.KMEANS_PP_CENTERS
        )
        self.labels["palette"] = torch.from_numpy(labels[:, 0].astype(np.int64))

    def batch(
        self, rng: np.random.Generator, size: int, odds: np.ndarray
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """N 3 S S in [-1, 1], randomly cropped and mirrored, a little blurred or noisy; labels."""
        chosen = rng.choice(len(self.images), size=size, p=odds)
        images = torch.cat([image_tensor(self._crop(rng, i)) for i in chosen])
        # Samples of a small model are softer than renders and carry noise: neither may matter.
        if rng.random() < 0.3:
            images = F.avg_pool2d(F.pad(images, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
        images = images + float(rng.random()) * 0.08 * torch.randn_like(images)
        return images, {name: labels[chosen] for name, labels in self.labels.items()}

    def _crop(self, rng: np.random.Generator, index: int) -> np.ndarray:
        image = self.images[index]
        left = rng.integers(image.shape[1] - self.size + 1)
        crop = image[:, left : left + self.size]
        return crop[:, ::-1] if rng.random() < 0.5 else crop


def train_features(
    stage: Stage,
    folder: str,
    renders: Sequence[Render],
    held_out: Sequence[Render],
    shape: Mapping[str, Any],
    recipe: Mapping[str, Any],
    device: str,
) -> None:
    """Train one network on every attribute and the palette; write it to `folder`."""
    subjects = sorted({render.attributes.subject for render in renders})
    heads: dict[str, Sequence[str]] = {"subject": subjects, **CLASSES}
    train = Thumbnails(renders, shape["size"], heads)
    test = Thumbnails(held_out, shape["size"], heads)
    train.add_palettes(recipe["palette_classes"], recipe["seed"])
    heads["palette"] = [str(i) for i in range(recipe["palette_classes"])]
    # The length of its name is what tells one network's seed from the other's.
    first_seed = recipe["seed"] + len(folder)
    torch.manual_seed(first_seed)
    model = PocketFeatureNet(**shape, heads=heads).to(device)
    optimiser = torch.optim.AdamW(model.parameters(), recipe["learning_rate"], weight_decay=1e-2)
    state = {"model": model, "optimiser": optimiser}
    stage.restore(state)
    if stage.step:  # the noise of the first steps is not drawn again
        torch.manual_seed(first_seed + stage.step)
    rng = np.random.default_rng([recipe["seed"], stage.step])
    odds = odds_by_style(renders, recipe["styled"])
    for step in stage.steps(state):
        for group in optimiser.param_groups:
            group["lr"] = recipe["learning_rate"] * (1.01 - stage.progress)
        images, labels = train.batch(rng, recipe["batch"], odds)
        with autocast(device):
            logits = model(images.to(device))
        losses = {n: F.cross_entropy(logits[n].float(), y.to(device)) for n, y in labels.items()}
        optimiser.zero_grad()
        # `backward` is untyped in torch.
        torch.stack(list(losses.values())).sum().backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        if step % 100 == 0:
            stage.log(**{name: loss.item() for name, loss in losses.items()})
    stage.log(**{f"held out {name}": value for name, value in accuracy(model, test).items()})
    with whole(stage.folder / folder) as target:
        model.save_pretrained(target)


@torch.no_grad()
def accuracy(model: PocketFeatureNet, test: Thumbnails) -> dict[str, float]:
    """Share of held-out renders (the left crop of each) that every head names rightly."""
    model.eval()
    logits = [model(image_tensor(image[:, : test.size]).to(model.device)) for image in test.images]
    model.train()
    return {
        name: float(
            (torch.cat([one[name] for one in logits]).argmax(1).cpu() == labels).float().mean()
        )
        for name, labels in test.labels.items()
    }


def _shrink(image: np.ndarray, height: int) -> np.ndarray:
    width = round(image.shape[1] * height / image.shape[0])
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)


def _bands(image: np.ndarray) -> np.ndarray:
    lab = cv2.cvtColor(cv2.resize(image, (8, 4), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2LAB)
    bands: np.ndarray = lab.mean(1, dtype=np.float32).flatten()
    return bands


def _value(render: Render, name: str) -> str:
    return str(getattr(render.attributes, name))
