"""Every tensor is made where the model is: runs on a device that is none (`tests/device.py`)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor

from syncpano import pipeline
from syncpano.config import PanoramaConfig
from syncpano.metrics.pairs import pair_distances
from syncpano.models import load
from syncpano.pipeline import Studio, Watcher
from syncpano.sampler import StepReport
from tests.device import DEVICE, Elsewhere, MisplacedError, elsewhere
from tests.pictures import tiny_judge
from tests.tiny import tiny_clip, tiny_style

ROUNDING = 1e-5
# Another order of the sums, twice through random networks and once through a gradient.
OTHER_BATCHES = 2e-3
POCKET = {"width": 768, "height": 512, "steps": 2, "dtype": "float32"}
POCKET_RUNS = {
    "open": {"negative_prompt": "snow"},
    "loop": {"width": 1024, "loop": True},
    "tall": {"height": 640, "width": 512, "windows": "shifted"},
    "decoded": {"refine": False, "gradient_decoder": "full", "gradient": "exact"},
    "shifted": {"refine": False, "windows": "shifted", "scheduler": "unipc", "gradient": "x0"},
    "thinned": {"refine": False, "sync_every": 2, "gradient": "cond", "blend": "uniform"},
    "tapered loop": {"refine": False, "loop": True, "width": 1024, "blend": "tapered"},
    "dpmsolver++": {"refine": False, "scheduler": "dpmsolver++"},
    "noisy": {"refine": False, "compare": "noisy"},
    "bld": {"refine": False, "method": "bld"},
    "independent": {"refine": False, "method": "independent", "width": 1024},
}
SD_RUNS: dict[str, dict[str, Any]] = {
    "plain": {},
    "loop with a small loss": {"loop": True, "width": 128, "loss_size": 48, "predict_once": True},
    "style": {"loss": "style"},
    "bfloat16": {"dtype": "bfloat16"},
}


@pytest.fixture(scope="module", autouse=True)
def _device() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for module in (pipeline, load):
            patch.setattr(
                module, "resolve_device", lambda name: torch.device(name.replace("auto", "meta"))
            )
        yield


@pytest.fixture(scope="module")
def studio() -> Studio:
    """One for all: the pocket model takes a second to load."""
    return Studio()


def painted(studio: Studio, config: PanoramaConfig) -> Tensor:
    """z_0 of a run that was elsewhere from its first step to its last preview."""
    steps: list[StepReport] = []
    previews: list[Image.Image] = []
    watcher = Watcher(on_step=steps.append, on_foreseen=lambda _, image: previews.append(image))
    with elsewhere():
        panorama = studio.generate(config, watcher=watcher)
    assert all(isinstance(step.foreseen, Elsewhere) for step in steps)
    assert steps
    assert len(previews) == len(steps)
    assert panorama.log["environment"]["device"] == "meta"
    assert panorama.image.size == (config.width, config.height)
    assert type(panorama.latent) is Tensor
    return panorama.latent


@pytest.mark.parametrize("name", POCKET_RUNS)
def test_the_pocket_model_runs_on_another_device(studio: Studio, name: str) -> None:
    painted(studio, PanoramaConfig("A waterfall at dusk", **{**POCKET, **POCKET_RUNS[name]}))


@pytest.mark.parametrize("name", SD_RUNS)
def test_stable_diffusion_paints_on_another_device_what_it_paints_on_a_cpu(
    tiny_model: Path, squeeze_trunk: Path, tmp_path: Path, name: str
) -> None:
    settings: dict[str, Any] = {
        "model": str(tiny_model),
        "width": 96,
        "height": 64,
        "steps": 2,
        "dtype": "float32",
        "loss": "lpips-squeeze",
        **SD_RUNS[name],
    }
    is_style = settings["loss"] == "style"
    trunk = tiny_style(tmp_path / "vgg19.safetensors") if is_style else squeeze_trunk
    config = PanoramaConfig("A waterfall", loss_weights=str(trunk), **settings)
    latent = painted(Studio(), config)
    if config.dtype == "float32":
        expected = pipeline.generate(config, device="cpu").latent
        torch.testing.assert_close(latent, expected, atol=OTHER_BATCHES, rtol=OTHER_BATCHES)


def crops() -> Tensor:
    return torch.rand((3, 3, 64, 64), generator=torch.Generator().manual_seed(0)) * 2 - 1


def test_the_judge_works_on_another_device(tmp_path: Path) -> None:
    from syncpano.metrics.pocket_features import PocketFeatures

    folder = tiny_judge(tmp_path)

    def measures(device: str) -> list[Any]:
        judge = PocketFeatures.from_folder(folder, device)
        distances = pair_distances(judge, crops().to(device), 2)
        return [judge(crops()), *judge.prompt_fit(crops(), "A city"), *distances.tolist()]

    expected = measures("cpu")
    with elsewhere():
        found = measures("meta")
    torch.testing.assert_close(found, expected, atol=ROUNDING, rtol=ROUNDING)


def test_clip_works_on_another_device(tmp_path: Path) -> None:
    from syncpano.metrics.clip import ClipScore

    folder = str(tiny_clip(tmp_path / "clip"))
    expected = ClipScore("cpu", folder)(crops(), "water")
    with elsewhere():
        assert ClipScore("meta", folder)(crops(), "water") == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize(
    "misplaced",
    [
        lambda x: x + torch.ones(2),
        lambda x: x.where(torch.tensor([True, False]), 0.0),
        lambda x: torch.cat([x, torch.zeros(1)]),
        lambda x: torch.stack([x.sum(), torch.tensor(1.0)]),
        lambda x: torch.ones(2)[x.long()],
        lambda x: torch.ones(2).mul_(x.sum()[None]),
        lambda x: x.double(),
        lambda x: x.new_zeros(2, dtype=torch.float64),
        lambda x: torch.randn(2, device=x.device, generator=torch.Generator()),
        lambda x: torch.linspace(0, 1, 2, device=x.device, dtype=torch.float64),
    ],
)
def test_the_device_refuses_what_a_gpu_would(misplaced: Callable[[Tensor], Tensor]) -> None:
    with elsewhere(), pytest.raises(MisplacedError):
        misplaced(torch.tensor([1.0, 0.0], device=DEVICE))


def test_the_device_computes_and_takes_gradients() -> None:
    with elsewhere():
        x = torch.tensor([1.0, 2.0], device=DEVICE, requires_grad=True)
        y = 3 * x[[1, 0]] * torch.tensor(2.0)
        (gradient,) = torch.autograd.grad((y * y).sum(), x)
        total = torch.zeros(2, device=DEVICE)
        total[torch.tensor([1])] += 5.0
        assert isinstance(gradient, Elsewhere)
        assert gradient.device == DEVICE
        assert (gradient.tolist(), total.tolist()) == ([72.0, 144.0], [0.0, 5.0])
        assert type(gradient.cpu()) is Tensor
