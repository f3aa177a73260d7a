"""What a config says arrives: at the model, in the gradient, in the windows and in the picture."""

from __future__ import annotations

import inspect
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from torch import Tensor

from syncpano import PanoramaConfig, Studio, generate, pipeline
from syncpano.binding import bound
from syncpano.drawing import to_image
from syncpano.errors import SyncPanoError
from syncpano.models.card import read_card
from syncpano.models.source import POCKET_FOLDER
from syncpano.models.stable_diffusion import LatentDiffusion
from syncpano.plan import plan
from syncpano.sampler import Synchronization

GAIN = read_card(POCKET_FOLDER).gradient_gains["x0"]


@pytest.fixture
def config(tiny_model: Path) -> PanoramaConfig:
    """MultiDiffusion of two steps and five windows."""
    return PanoramaConfig(
        "A lake",
        model=str(tiny_model),
        width=128,
        height=64,
        stride=16,
        steps=2,
        sync_weight=0.0,
        device="cpu",
        dtype="float32",
    )


def test_every_setting_of_sampling_reaches_the_model(
    config: PanoramaConfig, tiny: LatentDiffusion, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {
        "negative_prompt": "fog",
        "scheduler": "dpmsolver++",
        "gradient_decoder": "tiny",
        "guidance_scale": 3.0,
        "guided_share": 0.5,
        "temperature": 0.9,
    }
    span: dict[str, Any] = {"steps": 4, "initial_steps": 2, "initial_span": 0.25}
    asked: dict[str, object] = {}
    signature = inspect.signature(LatentDiffusion.bind)
    monkeypatch.setattr(
        LatentDiffusion,
        "bind",
        lambda *given, **named: asked.update(signature.bind(*given, **named).arguments),
    )
    bound(plan(replace(config, sync_weight=1.0, **span, **settings), tiny.source), tiny)
    told = {"self": tiny, "prompt": "A lake", "num_steps": 4, "places": (0, 0.5, 1, 2.5)}
    assert asked == told | settings


def test_a_run_takes_the_timesteps_of_its_initial_span(
    config: PanoramaConfig, tiny: LatentDiffusion, squeeze_trunk: Path
) -> None:
    solver: dict[str, Any] = {"scheduler": "dpmsolver++"}
    span: dict[str, Any] = {"steps": 4, "initial_steps": 2, "initial_span": 0.25}
    loss: dict[str, Any] = {"loss": "lpips-squeeze", "loss_weights": str(squeeze_trunk)}
    log = generate(replace(config, sync_weight=1.0, **solver, **span, **loss)).log
    wanted = tiny.bind("x", num_steps=4, places=(0, 0.5, 1, 2.5), **solver).timesteps
    assert [step["timestep"] for step in log["steps"]] == wanted.tolist()


@pytest.mark.parametrize(("compare", "gain"), [("foreseen", GAIN), ("noisy", 1.0)])
def test_every_setting_of_synchronisation_reaches_the_sampler(
    config: PanoramaConfig,
    compare: Any,
    gain: float,
    squeeze_trunk: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And so does the pocket model's gain, which stands in for a Jacobian that is left out."""
    asked: list[Any] = []

    def sampled(noise: Tensor, *further: Any) -> Tensor:
        asked.extend(further)
        return noise

    monkeypatch.setattr(pipeline, "sample", sampled)
    monkeypatch.setattr(LatentDiffusion, "card", read_card(POCKET_FOLDER))
    settings: dict[str, Any] = {"compare": compare, "gradient": "x0", "predict_once": True}
    loss: dict[str, Any] = {"loss": "lpips-squeeze", "loss_weights": str(squeeze_trunk)}
    config = replace(config, sync_weight=8.0, sync_decay=0.5, sync_every=2, **settings, **loss)
    studio = Studio()
    studio.generate(replace(config, window_batch=3))
    _, _, sync, batches, _ = asked
    _, _, loaded = studio.loaded(config)
    assert loaded is not None
    assert sync == Synchronization(loaded, {0: 8.0, 1: 4.0}, every=2, gain=gain, **settings)
    assert {batch.size for batch in (batches.denoise, batches.sync, batches.decode)} == {3}


def test_what_is_wrong_with_the_losses_weights_is_said_before_the_model_loads(
    config: PanoramaConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def loaded(*_: object) -> None:
        raise AssertionError("the model was loaded")

    monkeypatch.setattr(pipeline, "load_model", loaded)
    file = tmp_path / "notes.safetensors"
    file.write_text("no weights")
    with pytest.raises(SyncPanoError, match="cannot be read as weights"):
        generate(config, sync_weight=1.0, loss="lpips-squeeze", loss_weights=str(file))


def test_a_loop_closes_in_its_windows_and_in_its_pixels(
    config: PanoramaConfig, tiny: LatentDiffusion
) -> None:
    painted = generate(config, loop=True)
    assert painted.log["windows"]["count"] == 8  # an open panorama has five
    closed, opened = (
        to_image(tiny.decode_panorama(painted.latent, loop)) for loop in (True, False)
    )
    assert painted.image == closed
    assert closed != opened


def test_a_run_blends_its_windows_as_it_is_told(config: PanoramaConfig) -> None:
    tapered, uniform = (generate(config, blend=blend).latent for blend in ("tapered", "uniform"))
    assert (tapered - uniform).abs().max() > 0.01
