"""Perceptual losses: equal to their sources, in two halves, with clear errors."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any, get_args

import lpips
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from syncpano.binding import bound
from syncpano.choices import Gradient
from syncpano.config import LossName, PanoramaConfig
from syncpano.errors import RUN_FAILED, SyncPanoError
from syncpano.losses.load import load_loss, resize
from syncpano.losses.lpips import LPIPS
from syncpano.losses.perceptual import PerceptualLoss
from syncpano.losses.pocket import PocketPerceptual
from syncpano.losses.style import WEIGHT, StyleLoss
from syncpano.losses.trunk_files import TRUNK_OF, TRUNKS, cached_path
from syncpano.models.card import Card
from syncpano.models.load import load_model
from syncpano.models.pocket_features import PocketFeatureNet
from syncpano.models.source import POCKET_FOLDER, resolve_source
from syncpano.models.stable_diffusion import LatentDiffusion
from syncpano.pipeline import initial_noise
from syncpano.plan import plan
from syncpano.resolving import loss_of
from syncpano.sampler import Batches, Synchronization, synchronize
from tests.tiny import tiny_style

WEIGHTS = Path(__file__).parents[2] / "shared" / "weights"
TRUNK_FILES = {
    "vgg": "vgg16_features_fp16.safetensors",
    "alex": "alexnet_features_fp16.safetensors",
}
real = pytest.mark.skipif(not WEIGHTS.is_dir(), reason="../shared/weights is not here")
CPU = torch.device("cpu")
ROUNDING = 1e-6
SECONDS = 10.0
# Norms of what moves the canvas of the pocket model's five windows, in float32.
FIRST_STEP: dict[Gradient, float] = {"exact": 0.524, "x0": 0.927}
STRENGTH = 0.03  # rounding moves it by far less, another scale or network by far more


def images(count: int, side: int = 64, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand((count, 3, side, side), generator=generator) * 2 - 1


def distances(loss: PerceptualLoss, ours: Tensor, target: Tensor) -> Tensor:
    return loss.distance(loss.features(ours), loss.features(target))


@real
@pytest.mark.parametrize("net", TRUNK_FILES)
def test_lpips_equals_the_package_on_real_weights(net: Any) -> None:
    file = WEIGHTS / TRUNK_FILES[net]
    loss = LPIPS(net, device=CPU, weights=file)
    package = lpips.LPIPS(net=net, pnet_rand=True, verbose=False)
    tensors = load_file(file)
    for stage in package.net.children():
        for number, layer in stage.named_children():
            for name, parameter in layer.named_parameters():
                parameter.data.copy_(tensors[f"features.{number}.{name}"])
    ours, target = images(2), images(1, seed=1)
    expected = package(ours, target.expand_as(ours)).flatten()
    torch.testing.assert_close(
        distances(loss, ours, target), expected, atol=ROUNDING, rtol=ROUNDING
    )


def test_the_gradient_is_the_packages(squeeze: LPIPS) -> None:
    ours, target = images(2).requires_grad_(), images(1, seed=1)
    (gradient,) = torch.autograd.grad(distances(squeeze, ours, target).sum(), ours)
    whole = squeeze._network(ours, target.expand_as(ours)).sum()
    torch.testing.assert_close(gradient, torch.autograd.grad(whole, ours)[0])


@pytest.fixture(scope="session")
def style_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_style(tmp_path_factory.mktemp("style") / "vgg19.safetensors")


def test_style_is_gatys_written_out(style_file: Path) -> None:
    loss = StyleLoss(device=CPU, weights=style_file)
    tensors = load_file(style_file)
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])

    def grams(image: Tensor) -> list[Tensor]:
        x = ((image / 2 + 0.5).permute(0, 2, 3, 1) - mean).div(std).permute(0, 3, 1, 2)
        found = []
        for index in (0, 2, 5, 7, 10):
            if index in (5, 10):
                x = nn.functional.max_pool2d(x, 2)
            weight, bias = (tensors[f"features.{index}.{name}"] for name in ("weight", "bias"))
            x = nn.functional.conv2d(x, weight, bias, padding=1)
            a, b, c, d = x.shape
            flat = x.reshape(a * b, c * d)
            found.append(flat @ flat.T / (a * b * c * d))
            x = x.relu()
        return found

    ours, target = images(2), images(1, seed=1)
    expected = torch.stack(
        [
            WEIGHT
            * sum(
                nn.functional.mse_loss(mine, its)
                for mine, its in zip(grams(image[None]), grams(target), strict=True)
            )
            for image in ours
        ]
    )
    torch.testing.assert_close(distances(loss, ours, target), expected, rtol=1e-4, atol=0)
    assert loss.label == "style (VGG-19)"


@real
def test_a_style_on_vgg_16_says_so() -> None:
    loss = StyleLoss(device=CPU, weights=WEIGHTS / TRUNK_FILES["vgg"])
    assert loss.label == "style (VGG-16)"
    assert distances(loss, images(1), images(1, seed=1)) > 0


class Plain(PocketFeatureNet):
    """Whose features are the image itself, and its mean."""

    def feature_maps(self, images: Tensor) -> list[Tensor]:
        return [images, images.mean((2, 3), keepdim=True)]


def test_the_pocket_loss_is_lpips_form_written_out() -> None:
    """Of a colour of squared length 3 in one place of two, to black: 3 + 1 is 2 squared."""
    image, black = torch.zeros(1, 3, 1, 2), torch.zeros(1, 3, 1, 2)
    image[..., 0] = 1.0
    stages = (3 * 0.5**2 / 2, 0.75 / 1.75)  # the mean over two places; the mean colour's own
    distance = distances(PocketPerceptual(Plain()), image, black)
    assert distance.tolist() == pytest.approx([sum(stages)])


@pytest.mark.parametrize(("gradient", "strength"), FIRST_STEP.items())
def test_the_pocket_models_first_step_is_as_strong_as_ever(
    gradient: Gradient, strength: float
) -> None:
    """With its loss, the factors of its card, its small decoder and the paper's w."""
    model = load_model(resolve_source("pocket", download=False), "cpu", "float32")
    layout = plan(PanoramaConfig("A waterfall", "", width=1024), model.source)
    denoiser, weights = bound(layout, model), layout.weights
    gain = model.card.gradient_gains.get(gradient, 1.0)
    loss = load_loss("pocket", device=CPU, source=model.source)
    sync = Synchronization(loss, weights, gradient=gradient, gain=gain)
    latent = initial_noise(0, model.latent_channels, layout.height, layout.width)
    t, grid = denoiser.timesteps[0], layout.grid(0)
    with torch.no_grad():
        pulled = synchronize(latent, grid, t, weights[0], denoiser, sync, Batches())
    assert float((pulled.canvas - latent).norm()) == pytest.approx(strength, rel=STRENGTH)


@pytest.fixture(params=["lpips", "style", "pocket"])
def loss(request: pytest.FixtureRequest, squeeze: LPIPS, style_file: Path) -> PerceptualLoss:
    if request.param == "pocket":
        return PocketPerceptual(PocketFeatureNet.from_pretrained(POCKET_FOLDER / "perceptual"))
    return squeeze if request.param == "lpips" else StyleLoss(device=CPU, weights=style_file)


def test_an_image_is_at_distance_zero_from_itself(loss: PerceptualLoss) -> None:
    assert distances(loss, images(1), images(1)).tolist() == [0]


def test_a_distance_does_not_depend_on_the_batch(loss: PerceptualLoss) -> None:
    ours, target = images(3), images(1, seed=1)
    together = distances(loss, ours, target)
    apart = torch.cat([distances(loss, image[None], target) for image in ours])
    torch.testing.assert_close(together, apart, rtol=1e-5, atol=ROUNDING)


def test_features_of_short_formats_are_float32(loss: PerceptualLoss) -> None:
    assert all(part.dtype == torch.float32 for part in loss.features(images(1).bfloat16()))


def test_a_resized_loss_sees_the_smaller_image(tiny: LatentDiffusion, squeeze_trunk: Path) -> None:
    def load(size: int | None) -> PerceptualLoss:
        return load_loss(
            "lpips-squeeze", device="cpu", weights=squeeze_trunk, size=size, source=tiny.source
        )

    ours, target = images(2, 96), images(1, 96, seed=1)
    small = distances(load(48), ours, target)
    expected = distances(load(None), resize(ours, 48), resize(target, 48))
    torch.testing.assert_close(small, expected)
    torch.testing.assert_close(
        distances(load(96), ours, target), distances(load(None), ours, target)
    )


def test_a_card_scales_the_loss_that_it_names(
    tiny: LatentDiffusion, squeeze_trunk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def distance() -> Tensor:
        loss = load_loss(
            "lpips-squeeze", device="cpu", weights=squeeze_trunk, size=48, source=tiny.source
        )
        return distances(loss, images(2), images(1, seed=1))

    plain = distance()
    for scales, factor in ({"lpips-squeeze": 0.5}, 0.5), ({"style": 0.5}, 1.0):
        card = Card(loss_scales=scales)
        monkeypatch.setattr("syncpano.losses.load.read_card", lambda _, card=card: card)
        torch.testing.assert_close(distance(), factor * plain)


@pytest.mark.parametrize("side", [32, 48, 64, 100])
def test_resizing_keeps_the_mean_and_can_be_differentiated(side: int) -> None:
    image = images(1, 128).requires_grad_()
    small = resize(image, side)
    assert small.shape[-2:] == (side, side)
    assert (small.mean() - image.mean()).abs() < 0.02
    assert torch.autograd.grad(small.sum(), image)[0].abs().min() > 0


def test_auto_is_the_embedded_loss_for_pocket_and_lpips_for_others() -> None:
    pocket, sd = (resolve_source(model, download=False) for model in ("pocket", "sd2"))
    assert loss_of(PanoramaConfig("p"), pocket) == "pocket"
    assert loss_of(PanoramaConfig("p"), sd) == "lpips-vgg"
    assert loss_of(PanoramaConfig("p", loss="style"), pocket) == "style"


@pytest.mark.parametrize("name", ["lpips-vgg", "style"])
def test_offline_without_weights_fails_within_seconds_and_says_what_works(
    tiny: LatentDiffusion, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("syncpano.losses.trunks._BASE_URL", "http://127.0.0.1:9/")
    started = time.monotonic()
    with pytest.raises(SyncPanoError, match="cannot be fetched") as failed:
        load_loss(name, device="cpu", source=tiny.source)
    assert time.monotonic() - started < SECONDS
    assert "--loss-weights" in failed.value.hint
    assert failed.value.exit_code == RUN_FAILED


def test_torchs_cache_is_used(
    tiny: LatentDiffusion,
    squeeze: LPIPS,
    squeeze_trunk: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    torch.save(load_file(squeeze_trunk), folder / TRUNKS["squeeze"].file)
    cached = load_loss("lpips-squeeze", device="cpu", source=tiny.source)
    ours, target = images(1), images(1, seed=1)
    assert torch.equal(distances(cached, ours, target), distances(squeeze, ours, target))


@pytest.mark.parametrize("caches", [{}, {"XDG_CACHE_HOME": "/c"}, {"TORCH_HOME": "~/t"}])
def test_torchs_cache_is_where_torch_has_it(
    caches: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("XDG_CACHE_HOME", "TORCH_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in caches.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("torch.hub._hub_dir", None)
    assert cached_path("vgg").parent == Path(torch.hub.get_dir()) / "checkpoints"


def test_every_loss_but_pockets_looks_through_a_trunk() -> None:
    assert {*TRUNK_OF, "auto", "pocket"} == set(get_args(LossName))


class Evil:
    """What a pickle must not be able to do."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (Path("pwned"),))


def test_weights_that_would_run_code_are_refused(tiny: LatentDiffusion, tmp_path: Path) -> None:
    file = tmp_path / "evil.pth"
    torch.save({"features.0.weight": Evil()}, file)
    with pytest.raises(SyncPanoError, match="cannot be read as weights"):
        load_loss("lpips-squeeze", device="cpu", weights=file, source=tiny.source)
    assert not Path("pwned").exists()


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("x.safetensors", b"", "cannot be read"),
        ("x.safetensors", b"\0" * 100, "cannot be read"),
        ("x.pth", b"garbage", "cannot be read"),
        ("x.pth", b"", "cannot be read"),
    ],
)
def test_broken_weights_are_refused(
    tiny: LatentDiffusion, tmp_path: Path, name: str, content: bytes, words: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SyncPanoError, match=words):
        load_loss("lpips-vgg", device="cpu", weights=tmp_path / name, source=tiny.source)


def test_weights_of_another_network_are_refused(
    tiny: LatentDiffusion, squeeze_trunk: Path, tmp_path: Path
) -> None:
    with pytest.raises(SyncPanoError, match=r"do not fit AlexNet: features\.0\.weight has shape"):
        load_loss("lpips-alex", device="cpu", weights=squeeze_trunk, source=tiny.source)
    save_file({"classifier.weight": torch.zeros(1)}, tmp_path / "none.safetensors")
    with pytest.raises(SyncPanoError, match="no `features"):
        load_loss(
            "lpips-alex", device="cpu", weights=tmp_path / "none.safetensors", source=tiny.source
        )


def test_a_torchvision_that_does_not_fit_is_a_clear_error(tmp_path: Path) -> None:
    """In a process of its own, with a torchvision that fails as one of another torch does."""
    (tmp_path / "torchvision.py").write_text(
        "raise RuntimeError('operator torchvision::nms does not exist')"
    )
    code = """
import sys
sys.path.insert(0, sys.argv[1])
from syncpano.errors import SyncPanoError
from syncpano.losses.lpips import import_lpips
try:
    import_lpips()
except SyncPanoError as error:
    sys.exit(0 if "nms" in error.message and "torchvision" in error.hint else 1)
sys.exit(2)
"""
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)


def test_the_package_prints_nothing(
    squeeze_trunk: Path, tiny: LatentDiffusion, capfd: pytest.CaptureFixture[str]
) -> None:
    load_loss("lpips-squeeze", device="cpu", weights=squeeze_trunk, source=tiny.source)
    assert capfd.readouterr() == ("", "")
