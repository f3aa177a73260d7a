"""Loaded models: the denoiser's contract, guidance, formats, texts, and decoding in tiles."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import AutoencoderTiny, DDIMScheduler, StableDiffusionPipeline
from safetensors.torch import load_file, save_file
from torch import Tensor

from syncpano.batching import Batcher
from syncpano.choices import Gradient
from syncpano.commands.dry_run import KEPT_OF_TINY_DECODER
from syncpano.errors import RUN_FAILED, SyncPanoError
from syncpano.losses.perceptual import PerceptualLoss
from syncpano.models import memory, precision
from syncpano.models.bound_diffusion import BoundDiffusion
from syncpano.models.load import load_model
from syncpano.models.precision import resolve_dtype, run_in
from syncpano.models.schedulers import SOLVERS
from syncpano.models.source import POCKET_FOLDER, resolve_source
from syncpano.models.stable_diffusion import LatentDiffusion
from syncpano.sampler import DistanceGradient, Synchronization
from tests.tiny import tiny_checkpoint

ROUNDING = 1e-5
PREDICTION_TYPES = ["epsilon", "v_prediction", "sample"]
BFLOAT16 = 0.05  # eight bits of mantissa through a dozen layers, relative to values of about 1


def noise(count: int = 2, width: int = 8, seed: int = 0, height: int = 8) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn((count, 4, height, width), generator=generator)


def load(folder: Path, dtype: str = "float32") -> LatentDiffusion:
    return load_model(resolve_source(str(folder), download=False), "cpu", dtype)


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, LatentDiffusion]:
    root = tmp_path_factory.mktemp("prediction_types")
    return {
        kind: load(tiny_checkpoint(root / kind, prediction_type=kind)) for kind in PREDICTION_TYPES
    }


@pytest.mark.parametrize("kind", PREDICTION_TYPES)
def test_foresee_is_the_schedulers_pred_original_sample(
    models: dict[str, LatentDiffusion], kind: str
) -> None:
    denoiser = models[kind].bind("A waterfall", num_steps=5)
    scheduler = DDIMScheduler.from_pretrained(models[kind].source.folder / "scheduler")
    scheduler.set_timesteps(5)
    for t in denoiser.timesteps:
        view, prediction = noise(seed=1), noise(seed=2)
        expected = scheduler.step(prediction, t, view).pred_original_sample
        torch.testing.assert_close(
            denoiser.foresee(view, prediction, t), expected, atol=ROUNDING, rtol=ROUNDING
        )


def test_foresee_clips_as_ddim_does(tmp_path: Path) -> None:
    folder = tiny_checkpoint(tmp_path / "clip", scheduler={"clip_sample": True})
    denoiser = load(folder).bind("A waterfall", num_steps=5)
    assert denoiser.foresee(noise(), noise(seed=1), denoiser.timesteps[0]).abs().max() == 1


@pytest.mark.parametrize("kind", PREDICTION_TYPES)
def test_a_gradient_without_jacobian_exists_whatever_the_model_predicts(
    models: dict[str, LatentDiffusion], kind: str, squeeze: PerceptualLoss
) -> None:
    denoiser, sync = models[kind].bind("A waterfall"), Synchronization(squeeze, {}, gradient="x0")
    t = denoiser.timesteps[10]
    with torch.no_grad():
        target = squeeze.features(denoiser.decode(noise(1, seed=3)))
    gradient, *_ = DistanceGradient(t, denoiser, sync, Batcher(1), target)(noise(1))
    assert gradient.shape == noise(1).shape
    assert gradient.abs().max() > 0


@pytest.mark.parametrize("kind", PREDICTION_TYPES)
@pytest.mark.parametrize("scheduler", SOLVERS)
def test_a_run_repeats_and_a_second_one_starts_afresh(
    models: dict[str, LatentDiffusion], kind: str, scheduler: str
) -> None:
    places = (0, 0.5, 1, 2.5) if scheduler == "dpmsolver++" else None
    denoiser = models[kind].bind("A waterfall", num_steps=4, scheduler=scheduler, places=places)

    @torch.no_grad()
    def run() -> Tensor:
        latent = noise(1)
        for t in denoiser.timesteps:
            latent = denoiser.step(latent, denoiser.predict(latent, t), t)
        return latent

    assert torch.equal(run(), run())


def test_timesteps_are_the_checkpoints(tiny: LatentDiffusion) -> None:
    assert tiny.bind("x", num_steps=5).timesteps.tolist() == [801, 601, 401, 201, 1]


def test_places_lie_between_the_checkpoints_timesteps(tiny: LatentDiffusion) -> None:
    denoiser = tiny.bind("x", num_steps=4, scheduler="dpmsolver++", places=(0, 0.25, 0.5, 2))
    even = tiny.bind("x", num_steps=4, scheduler="dpmsolver++").timesteps.tolist()
    first, _, third, _ = denoiser.timesteps.tolist()
    assert (first, denoiser.timesteps[-1]) == (even[0], even[2])
    assert third == pytest.approx((even[0] + even[1]) / 2, abs=1)


@pytest.mark.parametrize(
    ("scheduler", "steps", "words"),
    [
        ("ddim", 1000, "no 1000 timesteps"),  # `steps_offset` 1 leads beyond the table
        ("dpmsolver++", 999, "no 999 timesteps"),
        ("unipc", 1000, "no 1000 timesteps"),
    ],
)
def test_a_schedule_that_does_not_fit_is_refused(
    tiny: LatentDiffusion, scheduler: str, steps: int, words: str
) -> None:
    with pytest.raises(SyncPanoError, match=words) as caught:
        tiny.bind("x", num_steps=steps, scheduler=scheduler)
    assert "`--steps 500`" in caught.value.hint
    tiny.bind("x", num_steps=500, scheduler=scheduler)


@pytest.mark.parametrize(("kind", "clips"), [("DDIMScheduler", True), ("PNDMScheduler", False)])
def test_a_schedule_that_does_not_say_so_clips_if_it_is_ddims(
    tiny_model: Path, tmp_path: Path, kind: str, clips: bool
) -> None:
    folder = Path(shutil.copytree(tiny_model, tmp_path / "copied"))
    path = folder / "scheduler" / "scheduler_config.json"
    config = {key: value for key, value in json.loads(path.read_text()).items() if key[0] != "_"}
    del config["clip_sample"]
    path.write_text(json.dumps({**config, "_class_name": kind}))
    model = load(folder)
    denoiser = model.bind("x")
    foreseen = denoiser.foresee(noise(), noise(seed=1), denoiser.timesteps[0])
    assert (foreseen.abs().max() <= 1) == model.source.clips == clips


@pytest.mark.parametrize("scheduler", SOLVERS)
def test_what_moves_the_canvas_between_steps_is_not_taken_back(
    tiny: LatentDiffusion, scheduler: str
) -> None:
    ended = []
    for moved in (False, True):
        denoiser = tiny.bind("x", num_steps=4, scheduler=scheduler)
        canvas = noise()
        for index, t in enumerate(denoiser.timesteps):
            canvas = canvas + (moved and index == 2)
            canvas = denoiser.step(canvas, noise(seed=1), t)
        ended.append(canvas)
    shift = (ended[1] - ended[0]).mean()
    # With the same noise predicted, a shift grows as the signal does; the second order overshoots.
    growth = float(denoiser._solver.alphas_cumprod[int(denoiser.timesteps[2])] ** -0.5)
    assert 0.99 * growth < shift < 1.5 * growth


@pytest.mark.parametrize("spacing", ["karras_sigmas", "exponential_sigmas", "lu_lambdas"])
def test_a_checkpoints_own_spacing_of_noise_levels_gives_way_to_the_timesteps(
    tiny_model: Path, tmp_path: Path, spacing: str
) -> None:
    folder = Path(shutil.copytree(tiny_model, tmp_path / "copied"))
    path = folder / "scheduler" / "scheduler_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), f"use_{spacing}": True}))
    denoiser = load(folder).bind("x", num_steps=4, scheduler="dpmsolver++", places=(0, 0.25, 1, 2))
    plain = load(tiny_model).bind("x", num_steps=4, scheduler="dpmsolver++", places=(0, 0.25, 1, 2))
    assert denoiser.timesteps.tolist() == plain.timesteps.tolist()


@pytest.mark.parametrize("scheduler", SOLVERS)
@pytest.mark.parametrize("steps", [1, 2, 3, 50])
def test_few_steps_and_many_end_with_numbers(
    tiny: LatentDiffusion, scheduler: str, steps: int
) -> None:
    denoiser = tiny.bind("x", num_steps=steps, scheduler=scheduler)
    latent = noise(1)
    for t in denoiser.timesteps:
        latent = denoiser.step(latent, noise(1, seed=int(t)), t)
    assert torch.isfinite(latent).all()


def value_and_gradient(
    denoiser: BoundDiffusion, view: Tensor, kind: Any
) -> tuple[Tensor, Tensor | None]:
    t = denoiser.timesteps[1]
    x = view.clone().requires_grad_()
    prediction = denoiser.predict(x, t, kind)
    if not prediction.requires_grad:
        return prediction, None
    (gradient,) = torch.autograd.grad(prediction.square().sum() / 2, x)
    return prediction.detach(), gradient


def test_the_value_does_not_depend_on_the_kind_of_gradient(tiny: LatentDiffusion) -> None:
    denoiser = tiny.bind("A waterfall", num_steps=5)
    values = [value_and_gradient(denoiser, noise(), kind)[0] for kind in ("exact", "cond", "x0")]
    for value in values[1:]:
        torch.testing.assert_close(value, values[0], atol=ROUNDING, rtol=ROUNDING)


def test_x0_has_no_jacobian_and_cond_that_of_the_conditional_branch(tiny: LatentDiffusion) -> None:
    guided = tiny.bind("A waterfall", num_steps=5, guidance_scale=7.5)
    plain = tiny.bind("A waterfall", num_steps=5, guidance_scale=1.0)
    view, t = noise(), guided.timesteps[1]
    assert value_and_gradient(guided, view, "x0")[1] is None
    prediction, gradient = value_and_gradient(guided, view, "cond")
    x = view.clone().requires_grad_()
    (expected,) = torch.autograd.grad(plain.predict(x, t), x, grad_outputs=prediction)
    torch.testing.assert_close(gradient, expected, atol=ROUNDING, rtol=1e-3)


def test_guidance_one_skips_the_unconditional_branch(
    tiny: LatentDiffusion, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    original = LatentDiffusion.predict_raw

    def counted(self: LatentDiffusion, views: Tensor, *rest: Any) -> Tensor:
        sizes.append(len(views))
        return original(self, views, *rest)

    monkeypatch.setattr(LatentDiffusion, "predict_raw", counted)
    for scale in (1.0, 7.5):
        denoiser = tiny.bind("A waterfall", guidance_scale=scale)
        denoiser.predict(noise(3), denoiser.timesteps[0])
    assert sizes == [3, 6]


@pytest.mark.parametrize("gradient", ["exact", "cond", "x0"])
def test_steps_beyond_the_guided_share_take_one_branch(
    tiny: LatentDiffusion, gradient: Gradient
) -> None:
    partly, never = (
        tiny.bind("A waterfall", num_steps=5, guided_share=share) for share in (0.4, 0.0)
    )
    always = tiny.bind("A waterfall", num_steps=5)
    assert [partly.guides(t) for t in partly.timesteps] == [True, True, False, False, False]
    for step, t in enumerate(partly.timesteps):
        expected = (always if step < 2 else never).predict(noise(), t, gradient)
        assert torch.equal(partly.predict(noise(), t, gradient), expected)
    plain = tiny.bind("A waterfall", num_steps=5, guidance_scale=1.0)
    t = plain.timesteps[0]
    assert torch.equal(never.predict(noise(), t), plain.predict(noise(), t))


@pytest.mark.parametrize("scheduler", ["ddim", "dpmsolver++", "unipc"])
def test_a_temperature_shrinks_the_noise_and_keeps_the_signal(
    tiny: LatentDiffusion, scheduler: str
) -> None:
    plain, cool = (
        tiny.bind("A waterfall", num_steps=5, scheduler=scheduler, temperature=kept)
        for kept in (1.0, 0.5)
    )
    first, second = plain.timesteps[:2]
    prediction = plain.predict(noise(), first)
    alpha = plain._solver.alphas_cumprod[int(second)]
    signal = alpha.sqrt() * plain.foresee(noise(), prediction, first)
    left, less = (d.step(noise(), prediction, first) - signal for d in (plain, cool))
    share = int(first - second) / 1000
    torch.testing.assert_close(less, 0.5**share * left, atol=ROUNDING, rtol=1e-4)
    last = plain.timesteps[-1]
    for denoiser in (plain, cool):
        for t in denoiser.timesteps[1:-1]:
            denoiser.step(noise(), prediction, t)
    torch.testing.assert_close(
        cool.step(noise(), prediction, last), plain.step(noise(), prediction, last)
    )


def test_the_negative_prompt_matters_under_guidance(tiny: LatentDiffusion) -> None:
    first, second = (
        denoiser.predict(noise(), denoiser.timesteps[0])
        for denoiser in (tiny.bind("water", "fog"), tiny.bind("water", ""))
    )
    assert not torch.equal(first, second)


def test_everything_is_frozen_and_in_eval_mode(tiny: LatentDiffusion) -> None:
    for part in (tiny._parts.unet, tiny._parts.vae, tiny._parts.text_encoder):
        assert not any(parameter.requires_grad for parameter in part.parameters())
        assert not any(module.training for module in part.modules())


def test_activation_checkpointing_changes_no_gradient(tiny_model: Path) -> None:
    def gradient(model: LatentDiffusion) -> Tensor:
        denoiser = model.bind("A waterfall", num_steps=5)
        x, t = noise().requires_grad_(), denoiser.timesteps[1]
        image = denoiser.decode(denoiser.foresee(x, denoiser.predict(x, t), t))
        return torch.autograd.grad(image.square().mean(), x)[0]

    model = load(tiny_model)
    expected = gradient(model)
    model.checkpoint_activations()
    torch.testing.assert_close(gradient(model), expected, atol=ROUNDING, rtol=1e-4)


def test_short_of_memory_activations_are_checkpointed(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "free_host_bytes", lambda: 1000)
    assert load(tiny_model)._parts.unet.is_gradient_checkpointing


@pytest.mark.parametrize(("spare", "short"), [(-0.5, True), (0.5, False)])
def test_the_decoders_activations_count_when_memory_is_short(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch, spare: float, short: bool
) -> None:
    estimate = memory.estimate_memory(resolve_source(str(tiny_model), download=False), 4)
    need = estimate.sync_window + (1 + spare) * estimate.decode_window
    monkeypatch.setattr(memory, "free_host_bytes", lambda: int(need / 0.8))
    assert load(tiny_model)._parts.unet.is_gradient_checkpointing == short


def test_the_memory_of_mps_is_what_metal_recommends(
    tiny: LatentDiffusion, monkeypatch: pytest.MonkeyPatch
) -> None:
    mps = torch.device("mps")
    monkeypatch.setattr(torch.mps, "recommended_max_memory", lambda: 2**34)
    monkeypatch.setattr(torch.mps, "driver_allocated_memory", lambda: 2**33)
    assert (precision.total_bytes(mps), precision.free_bytes(mps)) == (2**34, 2**33)
    monkeypatch.setattr(tiny, "device", mps)
    estimate = memory.estimate_memory(tiny.source, 4)
    assert tiny.default_batches() == memory.default_batches(estimate, "mps", 2**34)
    assert not tiny._is_short_of_memory()
    monkeypatch.setattr(torch.mps, "driver_allocated_memory", lambda: 2**34 - 1000)
    assert tiny._is_short_of_memory()
    assert tiny.default_batches() == memory.default_batches(estimate, "mps", 2**34)
    monkeypatch.setattr(torch.mps, "driver_allocated_memory", lambda: 2**35)
    assert precision.free_bytes(mps) == 0


def test_bfloat16_stays_near_float32_and_gives_float32(tiny_model: Path) -> None:
    full, short = load(tiny_model), load(tiny_model, "bfloat16")
    predictions = []
    for model in (full, short):
        denoiser = model.bind("A waterfall", num_steps=5, guidance_scale=1.0)
        predictions.append(denoiser.predict(noise(), denoiser.timesteps[1]))
        assert denoiser.decode(noise()).dtype == torch.float32
    assert predictions[1].dtype == torch.float32
    assert (predictions[0] - predictions[1]).abs().max() < BFLOAT16


def test_a_gradient_below_float16s_smallest_number_survives_float16() -> None:
    def network(x: Tensor) -> Tensor:
        assert x.dtype == torch.float16
        return x * 2 + x.square() * 1e-3

    x = torch.linspace(-1, 1, 64).requires_grad_()
    (gradient,) = torch.autograd.grad(run_in(torch.float16, network, x).sum() * 1e-10, x)
    expected = (2 + 2e-3 * x.detach()) * 1e-10
    torch.testing.assert_close(gradient, expected, rtol=2e-3, atol=0)


def test_a_gradient_of_zero_stays_zero_in_float16() -> None:
    x = torch.ones(4).requires_grad_()
    (gradient,) = torch.autograd.grad(run_in(torch.float16, torch.square, x).sum() * 0, x)
    assert gradient.tolist() == [0] * 4


@pytest.mark.parametrize(
    ("device", "dtype", "words"),
    [
        ("warp", "auto", "not available"),
        ("cpu", "float8", "unknown dtype"),
        ("cpu", "float16", "does not work well on a CPU"),
    ],
)
def test_a_device_or_format_that_does_not_work_is_refused(
    tiny_model: Path, device: str, dtype: str, words: str
) -> None:
    with pytest.raises(SyncPanoError, match=words):
        load_model(resolve_source(str(tiny_model), download=False), device, dtype)


@pytest.mark.parametrize(
    ("device", "family", "card", "fast", "dtype"),
    [
        ("cpu", "pocket", "bfloat16", True, torch.bfloat16),
        ("cpu", "pocket", "bfloat16", False, torch.float32),
        ("cpu", "sd", "float32", True, torch.float32),
        ("cuda", "pocket", "bfloat16", True, torch.bfloat16),
        ("cuda", "pocket", "bfloat16", False, torch.float32),
        ("cuda", "sd", "float32", True, torch.float16),
        ("mps", "pocket", "bfloat16", True, torch.float32),
        ("mps", "sd", "float32", True, torch.float16),
    ],
)
def test_the_number_format_is_one_that_device_and_model_are_good_at(
    device: str,
    family: str,
    card: str,
    fast: bool,
    dtype: torch.dtype,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`fast`: whether the processor, or the card, computes in bfloat16 itself."""

    def card_is_fast(including_emulation: bool = True) -> bool:
        return fast or including_emulation

    monkeypatch.setattr(precision, "cpu_is_fast_at_bfloat16", lambda: fast)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", card_is_fast)
    assert resolve_dtype("auto", torch.device(device), family, card) == dtype


def test_weights_that_do_not_belong_to_the_config_are_refused(
    tiny_model: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(tiny_model, tmp_path / "copied"))
    file = folder / "unet" / "diffusion_pytorch_model.safetensors"
    tensors = load_file(file)
    del tensors["conv_in.bias"]
    save_file(tensors, file)
    with pytest.raises(SyncPanoError, match=r"lacks 1 weights, the first is conv_in\.bias"):
        load(folder)
    save_file({**tensors, "conv_in.bias": torch.zeros(3)}, file)
    with pytest.raises(SyncPanoError, match=r"unet of .* (lacks|cannot be loaded)"):
        load(folder)


def test_a_tokenizer_with_more_words_than_the_text_encoder_is_refused(tmp_path: Path) -> None:
    folder = tiny_checkpoint(tmp_path / "model")
    words = len(load(folder)._parts.tokenizer)
    file = folder / "tokenizer" / "tokenizer.json"
    content = json.loads(file.read_text())
    content["model"]["vocab"]["castle"] = words
    file.write_text(json.dumps(content))
    with pytest.raises(SyncPanoError, match="does not fit together") as refused:
        load(folder)
    assert f"{words + 1} words, and its text encoder {words}" in refused.value.message
    assert refused.value.exit_code == RUN_FAILED


def test_an_added_word_without_an_embedding_matters_to_prompts_with_it(tmp_path: Path) -> None:
    folder = tiny_checkpoint(tmp_path / "model")
    tokenizer = load(folder)._parts.tokenizer
    tokenizer.add_tokens(["<cat-toy>"])
    tokenizer.save_pretrained(folder / "tokenizer")
    model = load(folder)
    assert model._embed(["a lake"]).isfinite().all()
    with pytest.raises(SyncPanoError, match="has no embedding of '<cat-toy>'"):
        model._embed(["a <cat-toy>"])


@pytest.mark.parametrize(
    ("merge", "lines"), [("x", 3), ("no pair", 1)], ids=["a ValueError", "a bare Exception"]
)
def test_a_damaged_tokenizer_is_refused_in_one_line(tmp_path: Path, merge: str, lines: int) -> None:
    folder = tiny_checkpoint(tmp_path / "model")
    model = {"type": "BPE", "vocab": {"a": 0}, "merges": [merge]}
    edit(folder / "tokenizer" / "tokenizer.json", model=model)
    with pytest.raises(SyncPanoError, match=r"tokenizer of .* cannot be loaded: ") as refused:
        load(folder)
    assert len(str(refused.value.__cause__).splitlines()) == lines
    assert len(refused.value.message.splitlines()) == 1
    assert refused.value.exit_code == RUN_FAILED


def test_words_beyond_the_text_encoder_are_named(tiny: LatentDiffusion) -> None:
    assert tiny.dropped_words("water fall") == []
    assert tiny.dropped_words("a " * 14 + "b c d") == ["b", "c", "d"]  # two tokens are marks
    assert len(tiny.dropped_words("a" * 10_000)) == 1
    assert tiny.dropped_words("a " * 13 + "bcd e") == ["bcd", "e"]  # not "d" alone
    assert tiny.dropped_words("") == []


@pytest.mark.parametrize("length", [None, 77], ids=str)
def test_a_tokenizer_that_allows_more_than_the_text_encoder_is_held_to_that(
    tmp_path: Path, length: int | None
) -> None:
    folder = tiny_checkpoint(tmp_path / "model")
    edit(folder / "tokenizer" / "tokenizer_config.json", model_max_length=length)
    model = load(folder)
    model.bind("water " * 99, num_steps=1)
    assert model.dropped_words("a " * 14 + "b c") == ["b", "c"]


@pytest.mark.parametrize("masked", [False, True])
def test_a_text_is_encoded_as_diffusers_does(tmp_path: Path, masked: bool) -> None:
    folder = tiny_checkpoint(tmp_path / "model")
    edit(folder / "text_encoder" / "config.json", use_attention_mask=masked)
    pipe = StableDiffusionPipeline.from_pretrained(folder)
    theirs, _ = pipe.encode_prompt("water fall", "cpu", 1, do_classifier_free_guidance=False)
    (ours,) = load(folder)._embed(["water fall"])
    torch.testing.assert_close(ours, theirs[0])


def edit(file: Path, **changes: object) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


@pytest.mark.skipif(
    not (POCKET_FOLDER / "model_index.json").is_file(),
    reason="this checkout carries no trained pocket model",
)
def test_pockets_estimate_is_what_autograd_keeps_of_its_networks() -> None:
    model = load(POCKET_FOLDER)
    latent = torch.zeros(1, model.latent_channels, model.window, model.window, requires_grad=True)
    parts = model._parts
    own = {
        tensor.untyped_storage().data_ptr()
        for part in (parts.unet, parts.vae)
        for tensor in (*part.parameters(), *part.buffers())
    }

    def kept(network: Callable[[Tensor], Tensor]) -> int:
        sizes: dict[int, int] = {}

        def note(tensor: Tensor) -> Tensor:
            storage = tensor.untyped_storage()
            sizes[storage.data_ptr()] = storage.nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
            output = network(latent)  # alive, so that no two of its tensors share an address
        assert output.requires_grad
        return sum(size for place, size in sizes.items() if place not in own)

    full, tiny = (
        model.bind("A lake", guidance_scale=3.0, gradient_decoder=decoder)
        for decoder in ("full", "tiny")
    )
    t = full.timesteps[0]
    estimate = memory.estimate_memory(model.source, 4)
    loss = memory._LOSS_KEPT_PER_PIXEL * memory.POCKET_LOSS_SIDE**2
    assert kept(lambda z: full.predict(z, t)) == pytest.approx(estimate.sync_window, rel=0.2)
    decoded = kept(full.decode)
    assert decoded == pytest.approx(estimate.decode_window - loss, rel=0.3)
    assert kept(tiny.decode) == pytest.approx(KEPT_OF_TINY_DECODER * decoded, rel=0.3)


def test_decode_takes_the_latents_scale_off(tiny: LatentDiffusion) -> None:
    vae, latent = tiny._parts.vae, noise()
    torch.testing.assert_close(
        tiny.decode(latent, vae), vae.decode(latent / vae.config.scaling_factor).sample
    )


def test_decode_puts_the_latents_shift_back(tiny_model: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_model, tmp_path / "copied"))
    path = folder / "vae" / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "shift_factor": 0.5}))
    model = load(folder)
    vae, latent = model._parts.vae, noise()
    torch.testing.assert_close(
        model.decode(latent, vae), vae.decode(latent / vae.config.scaling_factor + 0.5).sample
    )


def test_the_gradients_decoder_clips_and_the_panoramas_does_not(tiny: LatentDiffusion) -> None:
    loud = noise() * 30
    assert tiny.decode_panorama(loud[:1]).abs().max() > 1
    assert tiny.bind("x").decode(loud).abs().max() <= 1


def test_a_tiny_decoder_in_the_folder_serves_the_gradient_alone(
    tiny_model: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(tiny_model, tmp_path / "copied"))
    torch.manual_seed(0)  # some random networks of this size are dead behind their ReLUs
    AutoencoderTiny(
        encoder_block_out_channels=(8,) * 4,
        decoder_block_out_channels=(8,) * 4,
        num_encoder_blocks=(1,) * 4,
        num_decoder_blocks=(1,) * 4,
    ).save_pretrained(folder / "vae_tiny")
    model = load(folder)
    full, small = model.bind("x"), model.bind("x", gradient_decoder="tiny")
    x = noise().requires_grad_()
    image = small.decode(x)
    assert image.shape == full.decode(noise()).shape
    assert not torch.equal(image, full.decode(noise()))
    assert torch.autograd.grad(image.sum(), x)[0].abs().max() > 0


def test_a_tiny_decoder_that_cannot_be_had_is_an_error(tiny: LatentDiffusion) -> None:
    with pytest.raises(SyncPanoError, match="taesd"):
        tiny.bind("x", gradient_decoder="tiny")


def test_the_weights_estimate_counts_numbers_whatever_their_format(
    tiny: LatentDiffusion, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(tiny.source.folder or "", tmp_path / "half"))
    for file in folder.rglob("*.safetensors"):
        save_file({name: tensor.half() for name, tensor in load_file(file).items()}, file)
    half = resolve_source(str(folder), download=False)
    wanted = memory.estimate_memory(tiny.source, 4).weights
    assert memory.estimate_memory(half, 4).weights == wanted
    assert wanted == pytest.approx(4 * tiny_numbers(tiny), rel=0.01)


def tiny_numbers(model: LatentDiffusion) -> int:
    parts = (model._parts.unet, model._parts.vae, model._parts.text_encoder)
    return sum(parameter.numel() for part in parts for parameter in part.parameters())


def test_default_batches_grow_with_the_device_and_never_reach_zero(tiny: LatentDiffusion) -> None:
    estimate = memory.estimate_memory(tiny.source, 4)
    sizes = [memory.default_batches(estimate, "cuda", total) for total in (0, 2**28, 2**40)]
    assert sizes[0] == (1, 1, 1)
    assert sizes[0] <= sizes[1] <= sizes[2]
    assert all(size >= 1 for size in tiny.default_batches())


def test_the_embedded_models_windows_are_decoded_together() -> None:
    estimate = memory.estimate_memory(resolve_source("pocket", download=False), 2)
    assert memory.default_batches(estimate, "cpu", 16 * 2**30) == (21, 10, 10)
    assert estimate.is_small


def test_stable_diffusion_2_is_estimated_as_measured() -> None:
    estimate = memory.estimate_memory(resolve_source("sd2", download=False), 4)
    assert estimate.sync_window == pytest.approx(5.03 * 2**30, rel=0.02)
    assert estimate.decode_window == pytest.approx((2.85 + 0.21) * 2**30, rel=0.02)
    assert memory.default_batches(estimate, "cpu", 16 * 2**30)[1:] == (1, 1)
    assert not estimate.is_small
