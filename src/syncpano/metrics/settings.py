"""Which metrics there are, and all that decides their numbers. No torch."""

from __future__ import annotations

from collections.abc import Collection
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


def without_effect(settings: Settings, *, reference: bool) -> list[str]:
    """A sentence for each flag of `syncpano evaluate` that was given and that no metric reads."""
    usual, weighted = Settings(()), settings.feature_weights is not None
    judged = ("intra-pocket", "pocket-fit", *(OF_SETS if settings.features == "pocket" else ()))
    readers: dict[str, tuple[bool, Collection[str]]] = {
        "reference": (reference, OF_SETS),
        "features": (settings.features != usual.features, OF_SETS),
        "by-prompt": (settings.by_prompt, OF_SETS),
        "giqa-form": (settings.giqa_form != usual.giqa_form, ("giqa",)),
        "reduction": (settings.reduction != usual.reduction, OF_PAIRS),
        "loss-weights": (settings.loss_weights is not None, ("intra-lpips", "intra-style")),
        "feature-weights": (weighted and settings.features != "pocket", OF_SETS),
        "clip-model": (settings.clip_model != usual.clip_model, ("clip",)),
        "judge": (settings.judge != usual.judge, judged),
    }
    found = ["`--feature-weights` has no effect with `--features pocket`"]
    return found * (weighted and settings.features == "pocket") + [
        f"`--{flag}` has no effect without {' or '.join(metrics)} among the metrics"
        for flag, (given, metrics) in readers.items()
        if given and not set(metrics) & set(settings.metrics)
    ]


def key_of(metric: str) -> str:
    """`intra-lpips` -> `intra_lpips`: the metric's name in JSON and CSV."""
    return metric.replace("-", "_")
