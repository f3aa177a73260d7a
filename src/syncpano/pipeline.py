"""The only place that joins config, model, loss and sampler: from a config to a panorama.

# C latent channels, H W the panorama's latent
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass

import torch
from PIL import Image
from torch import Tensor

from syncpano import describe, files, machine, runlog
from syncpano.baselines import NoisingDenoiser, bld
from syncpano.batching import Batcher, compiling, fitting
from syncpano.binding import bound
from syncpano.config import PanoramaConfig, Value
from syncpano.drawing import decode, draw, finite, refines, to_image
from syncpano.errors import SyncPanoError
from syncpano.layers import PYTHON, changed_values, resolve, values_layer, with_plain_types
from syncpano.losses.load import load_loss
from syncpano.losses.perceptual import PerceptualLoss
from syncpano.models.load import load_model
from syncpano.models.parts import require_avif
from syncpano.models.precision import resolve_device
from syncpano.models.source import ModelSource, resolve_source
from syncpano.models.stable_diffusion import LatentDiffusion
from syncpano.models.tiny_decoder import tiny_decoder_folder
from syncpano.panorama import Panorama
from syncpano.plan import Plan, plan
from syncpano.resolving import gradient_decoder_of, loss_of
from syncpano.sampler import Batches, StepReport, Synchronization, sample

_LIGHTER = "try `--dtype bfloat16` or another `--device`"
# Settings that decide, beside the model, how many windows fit into memory at once.
_OF_BATCHES = ("window_batch", "compare", "gradient", "gradient_decoder", "loss", "loss_size")


@dataclass(frozen=True)
class Watcher:
    """Who wants to know how a run goes on.

    Attributes:
        on_stage: called with one word or two at the start of what takes long.
        on_planned: called once with what will be done.
        on_step: called after every denoising step.
        on_foreseen: called after every step with its index and the decoded foreseen panorama;
            decoding costs time, so None unless it is wanted.
    """

    on_stage: Callable[[str], None] = lambda _: None
    on_planned: Callable[[Plan], None] = lambda _: None
    on_step: Callable[[StepReport], None] = lambda _: None
    on_foreseen: Callable[[int, Image.Image], None] | None = None


class Studio:
    """Paints panoramas; keeps the models and losses that it has loaded, and batches that fit."""

    def __init__(self) -> None:
        self._models: dict[tuple[object, ...], LatentDiffusion] = {}
        self._losses: dict[tuple[object, ...], PerceptualLoss] = {}
        self._batches: dict[tuple[object, ...], Batches] = {}  # of the model that is kept

    def generate(
        self,
        config: PanoramaConfig | str,
        *,
        on_step: Callable[[StepReport], None] | None = None,
        watcher: Watcher | None = None,
        log: runlog.Log | None = None,
    ) -> Panorama:
        """Paint one panorama.

        Args:
            config: or a prompt, for which all settings are defaults.
            on_step: called after every denoising step; short for a `watcher` with only that, and
                not to be given beside one.
            log: a begun run log to fill on the way, so that a run that fails has one too.

        Raises:
            SyncPanoError: the config cannot work, or the run failed.
        """
        if on_step is not None and watcher is not None:
            raise SyncPanoError("there is `on_step` and a `watcher`", hint="give one of them")
        config = _config_of(config)
        watcher = watcher or Watcher(on_step=on_step or (lambda _: None))
        if log is None:
            origins = resolve([values_layer(PYTHON, changed_values(config))]).origins
            log = runlog.begin(asdict(config), origins)
        clock = runlog.Clock(log)
        machine.reset_device_peak()
        try:
            with compiling(config.model, wanted=config.compile):
                return self._generate(config, watcher, log, clock)
        finally:
            clock.stop()
            device = log["environment"].get("device", "cpu")  # absent: it did not come that far
            log["memory"] = machine.peak_memory(torch.device(device))

    def loaded(
        self, config: PanoramaConfig, on_planned: Callable[[Plan], None] = lambda _: None
    ) -> tuple[Plan, LatentDiffusion, PerceptualLoss | None]:
        """A config's plan, model and loss, where it synchronises; kept for the next panorama.

        Args:
            on_planned: called before anything is loaded.

        Raises:
            SyncPanoError: the config cannot work, or something cannot be loaded.
        """
        source = resolve_source(config.model, config.revision, download=True)
        planned = plan(config, source)
        on_planned(planned)
        if refines(config, source):
            require_avif()
        with fitting(config.model, _LIGHTER):
            # The loss is smaller and may be a user's file: what is wrong with it is said first.
            loss = self._loss(config, source) if planned.weights else None
            model = self._model(planned, source)
            if refines(config, source):
                _ = model.refiner.subjects  # what is wrong with the refiner is said before the run
            return planned, model, loss

    def _generate(
        self, config: PanoramaConfig, watcher: Watcher, log: runlog.Log, clock: runlog.Clock
    ) -> Panorama:
        with clock("load"):
            watcher.on_stage(f"loading {config.model}")
            planned, model, loss = self.loaded(config, watcher.on_planned)
        config = describe.resolved(config, model, synchronises=loss is not None)
        describe.fill(log, config, planned, model)
        describe.notice_words(log, config, model)
        with fitting(config.model, _LIGHTER), clock("encode"):
            watcher.on_stage("reading the prompt")
            denoiser = bound(planned, model)
        watcher.on_stage("painting")

        def report(step: StepReport) -> None:
            log["steps"].append(describe.step_entry(step))
            clock.add("sync", step.sync_seconds)
            clock.add("denoise", step.denoise_seconds)
            watcher.on_step(step)
            if watcher.on_foreseen:
                with fitting("a preview", "leave `--save-steps` out"), clock("decode"):
                    foreseen = finite(decode(step.foreseen, planned, model))
                watcher.on_foreseen(step.step, to_image(foreseen))

        noise = initial_noise(config.seed, model.latent_channels, planned.height, planned.width)
        noise = noise.to(model.device)
        cheaper = "try `--gradient-decoder tiny`, `--dtype bfloat16` or `--w 0`"
        with fitting("a single window", cheaper):
            batches = self._batches_of(config, model)
            latent = _sample(noise, planned, denoiser, loss, model, batches, report)
        smaller = f"paint a smaller one{', or use `--no-refine`' * refines(config, model.source)}"
        with fitting("the finished panorama", smaller), clock("decode"):
            watcher.on_stage("refining" if refines(config, model.source) else "decoding")
            image = to_image(finite(draw(latent, planned, model)))
        log["image"] = {
            "path": None,
            "width": image.width,
            "height": image.height,
            "sha256": runlog.pixel_hash(image),
        }
        log["status"], log["error"] = "done", None
        return Panorama(image, log, latent.cpu())

    def _model(self, planned: Plan, source: ModelSource) -> LatentDiffusion:
        config = planned.config
        key = (source.id, source.revision, config.device, config.dtype, config.compile)
        if key not in self._models:
            if planned.weights and gradient_decoder_of(config, source) == "tiny":
                tiny_decoder_folder(source, download=True)  # fails before the weights load
            self._models.clear()  # two models at once seldom fit, and a batch uses one at a time
            self._batches.clear()
            self._models[key] = load_model(source, config.device, config.dtype, config.compile)
        return self._models[key]

    def _batches_of(self, config: PanoramaConfig, model: LatentDiffusion) -> Batches:
        """What did not fit into memory for one picture is not tried again for the next."""
        key = tuple(getattr(config, name) for name in _OF_BATCHES)
        if key not in self._batches:
            sizes = model.default_batches()
            if config.window_batch is not None:
                sizes = (config.window_batch,) * 3
            denoise, descend, decode = map(Batcher, sizes)
            self._batches[key] = Batches(denoise, descend, decode, together=model.is_small)
        return self._batches[key]

    def _loss(self, config: PanoramaConfig, source: ModelSource) -> PerceptualLoss:
        name = loss_of(config, source)
        of_model = (source.id, source.revision, config.device)
        key = (*of_model, name, config.loss_weights, config.loss_size)
        if key not in self._losses:
            self._losses = {k: loss for k, loss in self._losses.items() if k[:3] == of_model}
            self._losses[key] = load_loss(
                name,
                device=resolve_device(config.device),
                weights=files.expanded(config.loss_weights) if config.loss_weights else None,
                size=config.loss_size,
                source=source,
            )
        return self._losses[key]


def generate(config: PanoramaConfig | str, /, **overrides: Value) -> Panorama:
    """Paint one panorama from Python: `generate("A waterfall", width=2048, seed=3)`.

    Args:
        config: a config, or a prompt.
        overrides: fields of `PanoramaConfig`.

    Raises:
        SyncPanoError: a field is unknown or cannot work, or the run failed.
    """
    base = changed_values(_config_of(config))
    resolved = resolve([values_layer(PYTHON, {**base, **overrides})])
    painted = resolved.config()
    log = runlog.begin(asdict(painted), resolved.origins)
    return Studio().generate(painted, log=log)


def _config_of(given: object) -> PanoramaConfig:
    """What was given to be painted, a prompt too, as a config in plain types."""
    if isinstance(given, str):
        return PanoramaConfig(given)
    if isinstance(given, PanoramaConfig):
        return with_plain_types(given)
    raise SyncPanoError(
        f"{given!r:.40} is no prompt and no PanoramaConfig",
        hint='say what to paint: generate("A waterfall")',
    )


def _sample(
    noise: Tensor,
    planned: Plan,
    denoiser: NoisingDenoiser,
    loss: PerceptualLoss | None,
    model: LatentDiffusion,
    batches: Batches,
    report: Callable[[StepReport], None],
) -> Tensor:
    """z_T -> z_0 by the config's method."""
    config = planned.config
    if config.method == "bld":
        return bld(noise, denoiser, planned.grid(0), report=report)
    sync = None
    if loss is not None:
        # A noisy view's gradient leaves no Jacobian out that a gain would have to stand in for.
        gains = model.card.gradient_gains if config.compare == "foreseen" else {}
        sync = Synchronization(
            loss,
            planned.weights,
            config.compare,
            config.gradient,
            config.sync_every,
            gain=gains.get(config.gradient, 1.0),
            predict_once=config.predict_once,
        )
    return sample(noise, denoiser, planned.grid, sync, batches, report)


def initial_noise(seed: int, channels: int, height: int, width: int) -> Tensor:
    """z_T, 1 C H W, float32, drawn on the CPU: a seed means the same picture on every device."""
    generator = torch.Generator("cpu").manual_seed(seed)
    return torch.randn((1, channels, height, width), generator=generator, dtype=torch.float32)
