"""What a pocket model is held against its bars by: each measure is a function of the bench."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import cycle, islice
from statistics import mean
from typing import Any

import cv2
import numpy as np
import torch
from autoencoder import image_tensor, load_autoencoder
from captions import PAPER_PROMPTS, attribute_prompts, evaluation_prompts
from data import HELD_OUT, Render, render_all
from scenes import SUBJECTS
from torch import Tensor
from torch.nn import functional as F
from transform import cells, fit_transform
from workbench import SIDE, Bench, crops

from syncpano.choices import AUTO
from syncpano.metrics.features import Vgg16Features
from syncpano.metrics.frechet import Gaussian, frechet_distance
from syncpano.metrics.pairs import pair_distances
from syncpano.metrics.structure import edge_energy
from syncpano.models.card import read_card
from syncpano.models.pocket_autoencoder import PocketAutoencoder

STYLED = ("waterfall", "mountains", "grassland", "castle", "city_skyline")
_PCA_RENDERS = 12  # a subject, as in the recipe
_COMPONENTS = (64, 128, 192, 224)
_UNASKED = ("snow", "winter", "night")
_FIDELITY_RENDERS = 12  # a subject; two windows of each, and as many samples


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
        "negative_prompt": bench.negative_prompt,
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
    """Share of windows in which the judges find the attribute that is named.

    Beside it, of held-out renders: what the judges themselves can tell.
    """
    found: dict[str, Any] = {"negative_prompt": bench.negative_prompt}
    renders = list(bench.held_out(12))
    for head in ("time", "style", "season", "weather"):
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


def unasked(bench: Bench) -> dict[str, Any]:
    """Share of windows with snow or in winter, at night, and in fog, where a prompt asks for none.

    Of panoramas, two under each of the paper's prompts that do not (fog: of those that the model
    would not have in fog): without a negative prompt, and with the model's own. Beside it, of
    held-out renders without them: where the judge finds some all the same.
    """
    card = read_card(bench.folder)
    own = {prompt: card.negative_prompt(prompt, AUTO) for prompt in PAPER_PROMPTS}
    prompts = [prompt for prompt, phrases in own.items() if {*_UNASKED} <= {*phrases.split(", ")}]
    found = {}
    for name, negative in (("none", ""), ("own", AUTO)):
        shown = [
            (window, "fog" in own[prompt])
            for prompt in prompts
            for seed in range(2)
            for window in crops(
                bench.paint(prompt, width=2048, seed=seed, negative_prompt=negative)
            )
        ]
        found[name] = _unasked_in(bench, shown)
    without = {*_UNASKED, "fog"}
    renders = [
        (render.load()[:, :SIDE], True)
        for render in bench.held_out(12)
        if without.isdisjoint(vars(render.attributes).values())
    ]
    return {**found, "renders": _unasked_in(bench, renders)}


def _unasked_in(bench: Bench, shown: Sequence[tuple[np.ndarray, bool]]) -> dict[str, float]:
    """Shares of windows, each with whether fog is unasked for in it."""
    windows, clear = zip(*shown, strict=True)
    weathers, seasons, times = (
        bench.votes(windows, head) for head in ("weather", "season", "time")
    )
    snowy = zip(weathers, seasons, strict=True)
    return {
        "snow": mean(weather == "snow" or season == "winter" for weather, season in snowy),
        "night": mean(time == "night" for time in times),
        "fog": mean(w == "fog" for w, is_clear in zip(weathers, clear, strict=True) if is_clear),
    }


def coherence(bench: Bench) -> dict[str, Any]:
    """Intra-LPIPS, subjects recognised and edge energy over w, on the paper's first six prompts."""
    found: dict[str, Any] = {"negative_prompt": bench.negative_prompt}
    for weight in bench.sync_weights:
        panoramas = (
            (bench.paint(prompt, sync_weight=weight, seed=seed), subject)
            for prompt, subject in _first_six()
            for seed in range(bench.seeds)
        )
        found[f"{weight:g}"] = _seen(bench, panoramas)
    return found


def scenes(bench: Bench) -> dict[str, Any]:
    """The same of held-out renders as wide: one scene each, as coherent as a panorama can be."""
    subjects = [subject for _, subject in _first_six()]
    renders = render_all(bench.renders, subjects, bench.seeds, 3072, first=HELD_OUT)
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
    found: dict[str, Any] = {"negative_prompt": bench.negative_prompt}
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

    negative_prompt = ""  # renders have snow, and nights, that nobody asks for

    def painted(**settings: Any) -> Gaussian:
        settings |= {"negative_prompt": negative_prompt}
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
        "negative_prompt": negative_prompt,
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
    "unasked": unasked,
    "coherence": coherence,
    "scenes": scenes,
    "diversity": diversity,
    "fidelity": fidelity,
}
