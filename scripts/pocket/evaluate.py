"""Hold a pocket model against its bars: `python scripts/pocket/evaluate.py --weights VGG16`.

Writes each measure to docs/pocket-evaluation.json as it is ready; measures that are not asked for
keep their last result there.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import cycle, islice
from pathlib import Path
from statistics import mean
from typing import Any

import cv2
import numpy as np
import torch
from autoencoder import image_tensor, load_autoencoder
from captions import PAPER_PROMPTS, attribute_prompts, evaluation_prompts
from data import Render, render_all
from judges import RegressionJudge, style_of
from scenes import SUBJECTS
from torch import Tensor
from torch.nn import functional as F
from transform import cells, fit_transform

from syncpano.config import PanoramaConfig
from syncpano.losses.lpips import LPIPS
from syncpano.losses.style import StyleLoss
from syncpano.metrics.features import Vgg16Features
from syncpano.metrics.frechet import Gaussian, frechet_distance
from syncpano.metrics.pairs import pair_distances
from syncpano.metrics.structure import edge_energy
from syncpano.models.pocket_autoencoder import PocketAutoencoder
from syncpano.models.pocket_features import PocketFeatureNet
from syncpano.models.source import resolve_source
from syncpano.pipeline import Studio

SIDE = 512
WEIGHTS = (0.0, 5.0, 10.0, 15.0, 20.0)
_SUBJECT_SEEDS = 20  # renders a subject that the judge of subjects learns from
_STYLE_SEEDS = 60  # the same for the judge of styles
_PHOTO_SEEDS = 15  # of them those whose photos it looks at, which are seven of ten renders
_PCA_RENDERS = 12  # a subject, as in the recipe
_COMPONENTS = (64, 128, 192, 224)
_FIDELITY_RENDERS = 12  # a subject; two windows of each, and as many samples
STYLED = ("waterfall", "mountains", "grassland", "castle", "city_skyline")


@dataclass
class Bench:
    """The model under test and the instruments, each loaded when it is first needed."""

    model: str
    weights: Path
    renders: Path
    steps: int
    seeds: int
    sync_weights: Sequence[float] = WEIGHTS

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
        """The shipped classifier, which guidance does not use."""
        return PocketFeatureNet.from_pretrained(
            self.folder / "features", torch_dtype=torch.float32, low_cpu_mem_usage=False
        ).eval()

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
        """Who names subjects, taught on renders of training."""
        renders = list(render_all(self.renders, list(SUBJECTS), _SUBJECT_SEEDS, 1024))
        return RegressionJudge(
            lambda image: self.vgg(image)[0],
            [render.load()[:, :SIDE] for render in renders],
            [render.attributes.subject for render in renders],
        )

    @cached_property
    def style_judge(self) -> RegressionJudge:
        """Who names styles, taught on renders of training."""
        renders = render_all(self.renders, list(SUBJECTS), _STYLE_SEEDS, 1024)
        taught = [
            (render.load()[:, :SIDE], render.attributes.style)
            for index, render in enumerate(renders)
            if render.attributes.style != "photo" or index < _PHOTO_SEEDS * len(SUBJECTS)
        ]
        windows, styles = zip(*taught, strict=True)
        vgg = StyleLoss(device=torch.device("cpu"), weights=self.weights)
        return RegressionJudge(style_of(vgg), windows, styles)

    def paint(self, prompt: str, **settings: Any) -> np.ndarray:
        """A panorama, uint8 H W 3."""
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
        if head == "style":
            return self.style_judge.votes(images)
        return self.shipped_votes(images, head)

    @torch.no_grad()
    def shipped_votes(self, images: Sequence[np.ndarray], head: str) -> list[str]:
        """What the shipped judge takes each window for; it sees it smaller than the others do."""
        logits = self.judge(torch.cat([image_tensor(image) for image in images]))[head]
        return [self.judge.config.heads[head][int(i)] for i in logits.argmax(1)]

    def held_out(self, per_subject: int) -> list[Render]:
        """Renders that no training saw."""
        return list(render_all(self.renders, list(SUBJECTS), per_subject, 1024, held_out=True))


def crops(image: np.ndarray) -> list[np.ndarray]:
    """Non-overlapping windows of a panorama one window high."""
    return [image[:, left : left + SIDE] for left in range(0, image.shape[1] - SIDE + 1, SIDE)]


def recognition(bench: Bench) -> dict[str, Any]:
    """Share of 16 windows a subject that the judge names rightly, in phrasings never trained.

    Beside it: by the shipped judge; of windows that no refiner drew, four a subject; and of
    held-out renders, which is what the judge itself can tell.
    """
    shares, shipped, unrefined = {}, [], []
    for number, subject in enumerate(SUBJECTS):
        prompts = list(evaluation_prompts(subject))
        images = [
            window
            for i, prompt in enumerate(prompts)
            for window in bench.windows(prompt, 4, seed=100 * number + i)
        ]
        shares[subject] = mean(vote == subject for vote in bench.votes(images, "subject"))
        shipped += [vote == subject for vote in bench.shipped_votes(images, "subject")]
        bare = bench.windows(prompts[0], 4, seed=100 * number, refine=False)
        unrefined += [vote == subject for vote in bench.votes(bare, "subject")]
    return {
        "mean": mean(shares.values()),
        "worst": min(shares.values()),
        "by_shipped_judge": mean(shipped),
        "unrefined": mean(unrefined),
        "renders": mean(
            vote == render.attributes.subject
            for render in bench.held_out(6)
            for vote in bench.votes([render.load()[:, :SIDE]], "subject")
        ),
        **shares,
    }


def attributes(bench: Bench) -> dict[str, Any]:
    """Share of windows whose named time of day and style the judges find in them.

    Beside it, of held-out renders: what the judges themselves can tell.
    """
    found: dict[str, Any] = {}
    renders = list(bench.held_out(12))
    for head in ("time", "style"):
        shares, truths = {}, {}
        for value in bench.judge.config.heads[head]:
            windows = [
                window
                for subject in STYLED
                for seed, prompt in enumerate(attribute_prompts(subject, head, value))
                for window in bench.windows(prompt, 2, seed)
            ]
            shares[value] = mean(vote == value for vote in bench.votes(windows, head))
            drawn = [
                render.load()[:, :SIDE]
                for render in renders
                if getattr(render.attributes, head) == value
            ]
            truths[value] = mean(vote == value for vote in bench.votes(drawn, head))
        found[head] = mean(shares.values())
        found[f"{head}_of"] = {"samples": shares, "renders": truths}
    return found


def coherence(bench: Bench) -> dict[str, Any]:
    """Intra-LPIPS, subjects recognised and edge energy over w, on the paper's first six prompts."""
    return {
        f"{weight:g}": _seen(
            bench,
            (
                (bench.paint(prompt, sync_weight=weight, seed=seed), subject)
                for prompt, subject in _first_six()
                for seed in range(bench.seeds)
            ),
        )
        for weight in bench.sync_weights
    }


def scenes(bench: Bench) -> dict[str, Any]:
    """The same of held-out renders as wide: one scene each, as coherent as a panorama can be."""
    subjects = [subject for _, subject in _first_six()]
    renders = render_all(bench.renders, subjects, bench.seeds, 3072, held_out=True)
    return _seen(bench, ((render.load(), render.attributes.subject) for render in renders))


def _first_six() -> list[tuple[str, str]]:
    return list(PAPER_PROMPTS.items())[:6]


def _seen(bench: Bench, panoramas: Iterable[tuple[np.ndarray, str]]) -> dict[str, float]:
    """Means over panoramas, uint8 H W 3, each with the subject that its windows should show."""
    rows: dict[str, list[float]] = defaultdict(list)
    for image, subject in panoramas:
        windows = crops(image)
        tensors = torch.cat([image_tensor(window) for window in windows])
        rows["intra_lpips"].append(float(pair_distances(bench.lpips, tensors).mean()))
        for name, judge in (("recognised", bench.votes), ("by_shipped_judge", bench.shipped_votes)):
            rows[name].append(mean(vote == subject for vote in judge(windows, "subject")))
        rows["edges"].append(edge_energy(image))
    return {name: mean(values) for name, values in rows.items()}


def diversity(bench: Bench) -> dict[str, Any]:
    """Mean LPIPS between the centres of panoramas of one prompt and 8 seeds, at w = 0 and 20."""
    found = {}
    for weight in (0.0, 20.0):
        distances = []
        for prompt in list(PAPER_PROMPTS)[:3]:
            images = [
                bench.paint(prompt, sync_weight=weight, seed=seed, width=2048) for seed in range(8)
            ]
            middle = (2048 - SIDE) // 2
            centres = torch.cat([image_tensor(i[:, middle : middle + SIDE]) for i in images])
            distances.append(float(pair_distances(bench.lpips, centres).mean()))
        found[f"{weight:g}"] = mean(distances)
    return {**found, "ratio": found["20"] / found["0"]}


@torch.no_grad()
def autoencoder(bench: Bench) -> dict[str, Any]:
    """PSNR (dB) and LPIPS-VGG of held-out renders through the autoencoder."""
    model = load_autoencoder(bench.folder)
    return _reconstructed(bench, lambda image: model.decode(model.encode(image).latent).sample)


@torch.no_grad()
def components(bench: Bench) -> dict[str, Any]:
    """The same of principal components alone, by their number: what a latent can hold linearly."""
    factor = PocketAutoencoder.load_config(bench.folder / "vae")["factor"]
    renders = render_all(bench.renders, list(SUBJECTS), _PCA_RENDERS, 1024)
    images = (image_tensor(render.load()) for render in renders)
    transform = fit_transform(images, factor, max(_COMPONENTS), whitening=0.0)

    def projected(image: Tensor, count: int) -> Tensor:
        basis = transform.basis[:count]
        kept = (cells(image, factor) - transform.mean) @ basis.T @ basis + transform.mean
        return F.fold(kept.T[None], image.shape[-2:], factor, stride=factor)

    return {
        str(count): _reconstructed(bench, partial(projected, count=count)) for count in _COMPONENTS
    }


def _reconstructed(bench: Bench, code: Callable[[Tensor], Tensor]) -> dict[str, Any]:
    psnr, distance = [], []
    for render in bench.held_out(3):
        image = image_tensor(render.load()[:, :SIDE])
        decoded = code(image).clamp(-1, 1)
        psnr.append(float(-10 * torch.log10(((decoded - image) / 2).square().mean())))
        features = bench.lpips.features(decoded)
        distance.append(float(bench.lpips.distance(features, bench.lpips.features(image))))
    return {"psnr": mean(psnr), "lpips_vgg": mean(distance), "renders": len(psnr)}


def fidelity(bench: Bench) -> dict[str, Any]:
    """Frechet distances of VGG-16 features between windows of held-out renders and samples.

    As many of each, of every subject: the distance depends on how many there are. Beside it those
    of other held-out renders, the least to hope for, and of samples that no refiner drew.
    """
    renders = bench.held_out(2 * _FIDELITY_RENDERS)
    half = len(renders) // 2

    def drawn(some: Sequence[Render]) -> Gaussian:
        return _gaussian(bench.vgg, (window for r in some for window in crops(r.load())))

    def painted(**settings: Any) -> Gaussian:
        windows = (
            window
            for subject in SUBJECTS
            for seed, prompt in enumerate(
                islice(cycle(evaluation_prompts(subject)), _FIDELITY_RENDERS // 2)
            )
            for window in bench.windows(prompt, 4, 1000 + seed, **settings)
        )
        return _gaussian(bench.vgg, windows)

    truth = drawn(renders[:half])
    others = {
        "samples_to_renders": painted(),
        "unrefined_to_renders": painted(refine=False),
        "renders_to_renders": drawn(renders[half:]),
    }
    return {
        **{name: frechet_distance(gaussian, truth) for name, gaussian in others.items()},
        "windows": 2 * half,
        "features": bench.vgg.name,
    }


def _gaussian(extractor: Vgg16Features, images: Iterable[np.ndarray]) -> Gaussian:
    # At a quarter of the side: the convolutions cost a sixteenth and the distance is relative.
    small = (cv2.resize(i, (128, 128), interpolation=cv2.INTER_AREA) for i in images)
    features = [extractor(batch) for batch in _batches(small)]
    return Gaussian.of_features(torch.cat(features).double().numpy())


def _batches(images: Iterator[np.ndarray], size: int = 16) -> Iterator[Tensor]:
    pending: list[Tensor] = []
    for image in images:
        pending.append(image_tensor(image))
        if len(pending) == size:
            yield torch.cat(pending)
            pending = []
    if pending:
        yield torch.cat(pending)


MEASURES: dict[str, Callable[[Bench], dict[str, Any]]] = {
    "autoencoder": autoencoder,
    "components": components,
    "recognition": recognition,
    "attributes": attributes,
    "coherence": coherence,
    "scenes": scenes,
    "diversity": diversity,
    "fidelity": fidelity,
}


def main() -> None:
    """Measure what is asked for and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--model", default="pocket")
    parser.add_argument("--weights", type=Path, required=True, help="VGG-16 trunk, `features.*`")
    parser.add_argument("--renders", type=Path, default=Path("runs/pocket/renders"))
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--w", nargs="+", type=float, default=WEIGHTS, help="of coherence")
    parser.add_argument("--measures", nargs="+", choices=MEASURES, default=list(MEASURES))
    parser.add_argument("--out", type=Path, default=Path("docs/pocket-evaluation.json"))
    arguments = parser.parse_args()
    bench = Bench(
        arguments.model,
        arguments.weights,
        arguments.renders,
        arguments.steps,
        arguments.seeds,
        arguments.w,
    )
    results: dict[str, Any] = {}
    if arguments.out.exists():
        results = json.loads(arguments.out.read_text())
    for name in arguments.measures:
        results[name] = {
            "steps": arguments.steps,
            "seeds": arguments.seeds,
            **MEASURES[name](bench),
        }
        arguments.out.write_text(json.dumps(results, indent=1) + "\n")
        print(name, json.dumps(results[name]), flush=True)


if __name__ == "__main__":
    main()
