"""Which metrics there are, and all that decides their numbers. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from syncpano.errors import SyncPanoError, suggestion

Reduction = Literal["mean", "sum"]
Form = Literal["code", "paper"]
LEAST_SIDE = 16  # pixels of a crop: the networks halve it four times
CLIP_MODEL = "openai/clip-vit-base-patch16"
PACKAGES = ("syncpano", "torch", "torchvision", "lpips", "torch-fidelity", "transformers", "numpy")
EXTRACTORS = ("inception", "vgg16", "pocket")

# Metric -> what it is, in one phrase; `docs/metrics.md` has the whole story.
OF_PAIRS = {
    "intra-lpips": "LPIPS (VGG) between crops of one picture, lower is more coherent",
    "intra-style": "style distance between crops of one picture, lower is more coherent",
    "intra-pocket": "distance of the pocket judge's features between crops, lower is more coherent",
    "colour": "distance of mean colours between crops, lower is more coherent",
    "palette": "distance of colour distributions between crops, lower is more coherent",
}
OF_PICTURES = {
    "seam": "jump across the join of a closed loop, 1 is seamless",
    "edges": "mean gradient of the luma, what blur takes away",
}
OF_PROMPTS = {
    "clip": "100 x cosine of a crop and its prompt in CLIP, higher fits better",
    "pocket-fit": "probability in per cent that the pocket judge sees what the prompt names",
}
OF_SETS = {
    "giqa": "KNN-GIQA of a crop against the reference, higher is better",
    "fid": "Frechet distance of crops to the reference, lower is better",
    "kid": "kernel distance of crops to the reference, lower is better",
}
METRICS = {**OF_PAIRS, **OF_PICTURES, **OF_PROMPTS, **OF_SETS}


@dataclass(frozen=True)
class Settings:
    """All that decides the numbers.

    Attributes:
        metrics: names in `METRICS`.
        crop: side of a crop in pixels; None is each picture's native window or its shorter side.
        seed: of the random crops.
        reduction: of pairs, "mean" or the reference script's "sum".
        features: extractor of FID, KID and GIQA.
        loss_weights: trunk for LPIPS and the style distance; None is torch's cache.
        feature_weights: for the vgg16 extractor; None is torch's cache.
        clip_model: Hub id or folder.
        judge: model whose `features/` folder judges (intra-pocket, pocket-fit, features pocket).
        giqa_form: the published code's sum, or the paper's mean.
        by_prompt: compare with the reference pictures of the same prompt only.
        prompt: for all pictures, instead of the run logs'.
        device: cpu, cuda or mps.
        batch: crops at once; the numbers do not depend on it.
    """

    metrics: tuple[str, ...]
    crop: int | None = None
    seed: int = 0
    reduction: Reduction = "mean"
    features: str = "inception"
    loss_weights: Path | None = None
    feature_weights: Path | None = None
    clip_model: str = CLIP_MODEL
    judge: str = "pocket"
    giqa_form: Form = "code"
    by_prompt: bool = False
    prompt: str | None = None
    device: str = "cpu"
    batch: int = 4

    def __post_init__(self) -> None:
        for name in self.metrics:
            if name not in METRICS:
                raise SyncPanoError(
                    f"unknown metric {name!r}",
                    hint=suggestion(name, METRICS) or f"metrics: {', '.join(METRICS)}",
                )


def key_of(metric: str) -> str:
    """`intra-lpips` -> `intra_lpips`: the metric's name in JSON and CSV."""
    return metric.replace("-", "_")
