"""From the name of a metric to the numbers of one picture.

# N crops of one picture, h w one crop
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from syncpano.errors import SyncPanoError
from syncpano.losses.perceptual import PerceptualLoss
from syncpano.metrics import colour, structure
from syncpano.metrics.crops import Box, native_boxes, random_box, random_choice
from syncpano.metrics.instruments import Instruments, in_float32
from syncpano.metrics.pairs import pair_distances
from syncpano.metrics.pictures import Picture
from syncpano.metrics.settings import LEAST_SIDE, OF_PAIRS, OF_PICTURES, OF_SETS, Settings

Array = NDArray[np.float64]


def boxes_of(picture: Picture, settings: Settings) -> tuple[tuple[Box, ...], Box]:
    """The native crops of a picture and its random one.

    Raises:
        SyncPanoError: the picture is smaller than a crop, or too small for the networks, or it is
            a montage and its crops are not to be its windows.
    """
    height, width = picture.pixels.shape[:2]
    side = settings.crop or picture.window or min(height, width)
    if min(height, width) < side:
        raise SyncPanoError(
            f"{picture.path} has {width} x {height} pixels: smaller than a crop of {side}",
            hint="use a smaller `--crop`",
        )
    if side < LEAST_SIDE:
        raise SyncPanoError(
            f"{picture.path} has {width} x {height} pixels: too small to be measured"
        )
    if picture.montage and picture.window not in (None, side):
        raise SyncPanoError(
            f"{picture.path} consists of windows of {picture.window} pixels that were sampled on "
            f"their own: crops of {side} would cut through them",
            hint="leave `--crop` out",
        )
    boxes = native_boxes(height, width, side)
    if picture.montage:
        return boxes, random_choice(boxes, settings.seed, picture.name)
    return boxes, random_box(height, width, side, settings.seed, picture.name)


@in_float32()
def measure(metric: str, picture: Picture, settings: Settings, tools: Instruments) -> Array:
    """What a metric takes from one picture.

    A vector of distances for metrics of pairs (empty for one crop), of one score otherwise (empty
    where it does not apply); for metrics of sets the features of the random crop.

    Raises:
        SyncPanoError: the picture is smaller than a crop, or its prompt is not known.
    """
    boxes, random_crop = boxes_of(picture, settings)
    if metric in OF_PICTURES:
        of_picture = {"seam": structure.seam_score, "edges": structure.edge_energy}[metric]
        return np.array([of_picture(picture.pixels)])
    if metric in OF_PAIRS:
        return _of_pairs(metric, picture, boxes, settings, tools)
    crop = to_tensor([_cut(picture, random_crop)])
    if metric in OF_SETS:
        return tools.extractor(crop)[0].double().numpy()
    prompt = prompt_of(picture, settings)
    if metric == "clip":
        return np.array(tools.clip(crop, prompt))
    batches = _batches(picture, boxes, settings)
    fits = [fit for batch in batches for fit in tools.judge.prompt_fit(batch, prompt) or []]
    return np.array([np.mean(fits)] if fits else [])


@in_float32()
def reference_features(picture: Picture, settings: Settings, tools: Instruments) -> Array:
    """N d: the features of all native crops of a reference picture."""
    boxes, _ = boxes_of(picture, settings)
    features = [tools.extractor(batch) for batch in _batches(picture, boxes, settings)]
    return torch.cat(features).double().numpy()


def what_decides(metric: str, picture: Picture, settings: Settings, tools: Instruments) -> str:
    """Everything that the numbers of `measure` depend on, as the key of a cache."""
    boxes, random_crop = boxes_of(picture, settings)
    made_by = tools.features_of(metric)
    if metric in OF_PICTURES:
        return f"{metric} of {picture.digest}"
    if metric in OF_PAIRS:
        return f"{metric} by {made_by} of {picture.digest} at {boxes}"
    if metric in OF_SETS:  # they share their features
        return f"features by {made_by} of {picture.digest} at {random_crop}"
    prompt = prompt_of(picture, settings)
    if metric == "clip":
        return f"clip by {made_by} of {picture.digest} at {random_crop} for {prompt!r}"
    made_by += f" and its words {tools.judge.vocabulary}"
    named = sorted(tools.judge.named_classes(prompt).items())
    return f"pocket-fit by {made_by} of {picture.digest} at {boxes} for {named}"


def prompt_of(picture: Picture, settings: Settings) -> str:
    """The prompt that was given for all, or the run log's.

    Raises:
        SyncPanoError: there is neither.
    """
    prompt = picture.prompt if settings.prompt is None else settings.prompt
    if prompt is None:
        raise SyncPanoError(
            f"{picture.path} has no run log that tells its prompt", hint="give it by `--prompt`"
        )
    return prompt


def _of_pairs(
    metric: str, picture: Picture, boxes: Sequence[Box], settings: Settings, tools: Instruments
) -> Array:
    crops = [_cut(picture, box) for box in boxes]
    statistics: dict[str, Callable[[Sequence[NDArray[np.uint8]]], list[float]]] = {
        "colour": colour.colour_distance,
        "palette": colour.palette_distance,
    }
    if metric in statistics:
        return np.array(statistics[metric](crops))
    if len(crops) < 2:
        return np.array([])
    unit = 1.0
    loss: PerceptualLoss = tools.lpips if metric == "intra-lpips" else tools.judge
    if metric == "intra-style":
        from syncpano.losses.style import WEIGHT

        loss, unit = tools.style, WEIGHT
    tensors = to_tensor(crops).to(settings.device)
    return pair_distances(loss, tensors, settings.batch).double().numpy() / unit


def to_tensor(crops: Sequence[NDArray[np.uint8]]) -> Tensor:
    """N crops h w 3 of 8 bits -> N 3 h w in [-1, 1]."""
    stacked = torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2)
    return stacked.float() / 127.5 - 1


def _cut(picture: Picture, box: Box) -> NDArray[np.uint8]:
    return picture.pixels[box.top : box.top + box.size, box.left : box.left + box.size]


def _batches(picture: Picture, boxes: Sequence[Box], settings: Settings) -> Iterator[Tensor]:
    for start in range(0, len(boxes), settings.batch):
        yield to_tensor([_cut(picture, box) for box in boxes[start : start + settings.batch]])
