"""Pictures with known properties, and a tiny judge network, for the tests of the metrics."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from syncpano.models.pocket_features import PocketFeatureNet

SIDE = 64  # pixels: one crop
SHARED_VGG = Path(__file__).parents[2] / "shared" / "weights" / "vgg16_features_fp16.safetensors"
HEADS = {"subject": ["waterfall", "northern_lights", "city"], "time": ["noon", "night"]}


def scene(seed: int, num_crops: int = 3) -> NDArray[np.uint8]:
    """SIDE x (num_crops * SIDE) x 3: the same smooth colours and texture in every crop."""
    rng = np.random.default_rng(seed)
    sky, ground = rng.integers(0, 200, (2, 1, 1, 3))
    ramp = np.linspace(0, 1, SIDE)[:, None, None]
    texture = rng.normal(0, 6 + 20 * (seed % 2), (SIDE, num_crops * SIDE, 1))
    return (sky * (1 - ramp) + ground * ramp + 25 + texture).clip(0, 255).astype(np.uint8)


def montage(*seeds: int) -> NDArray[np.uint8]:
    """One crop of each scene, side by side."""
    return np.concatenate([scene(seed, 1) for seed in seeds], axis=1)


def save(pixels: NDArray[np.uint8], path: Path) -> Path:
    """Write a PNG or JPEG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def tiny_judge(folder: Path) -> Path:
    """A `features/` folder of random weights beside a pocket.json that knows some words."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = PocketFeatureNet(size=32, channels=(8, 16), heads=HEADS)
    network.save_pretrained(folder / "features")
    words = {"subject": {"city": ["city", "city skyline", "skyscrapers"]}}
    (folder / "pocket.json").write_text(json.dumps({"class_words": words}))
    return folder / "features"
