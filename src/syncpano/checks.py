"""Refuse what cannot work before a weight is read. No torch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType

from syncpano import files
from syncpano.config import PanoramaConfig, settings
from syncpano.errors import SyncPanoError
from syncpano.layers import with_plain_types
from syncpano.models.source import ModelSource
from syncpano.resolving import loss_of, quarter_of_window, stride_of
from syncpano.schedule import sync_steps
from syncpano.windows import closes_ring

MAX_PIXELS = 2**28  # 512 x 524,288: ten times the longest panorama anybody has shown
UNBOUNDED = 2**31  # counts of steps and windows beyond it are slips of the finger
MIN_LOSS_SIZE = 32  # AlexNet's three poolings leave nothing of a smaller image
Written = Mapping[str, str]  # name -> how and where it stands, of settings that no flag gave
AS_FLAGS: Written = MappingProxyType({})


def validate(config: PanoramaConfig, source: ModelSource, written: Written = AS_FLAGS) -> None:
    """Check every value against its range and against the model's geometry.

    Args:
        written: how messages name settings that no flag gave, as `layers.Resolved` has it.

    Raises:
        SyncPanoError: the first value that cannot work, with one that can.
    """
    check_values(config, written)
    _in_range(config, written, "steps", 1, source.trained_steps)
    for name, length in (("width", config.width), ("height", config.height)):
        _check_side(name, length, source)
    if source.clips and config.scheduler != "ddim":
        raise SyncPanoError(
            f"{config.scheduler} cannot clip samples as {source.id} asks for",
            hint="use `--scheduler ddim`",
        )
    _check_stride(config, source)
    _check_method(config, source, written)
    if config.loss_weights is not None:
        files.require_weights_file(files.expanded(config.loss_weights), "--loss-weights")
    if config.wants_sync and loss_of(config, source) == "pocket":
        _check_pocket_loss(config, source)


def check_values(config: PanoramaConfig, written: Written = AS_FLAGS) -> None:
    """What `validate` can refuse whatever the model is: of one on the Hub nothing is known yet.

    Args:
        written: as for `validate`.

    Raises:
        SyncPanoError: the first value that cannot work, with one that can.
    """
    with_plain_types(config)  # raises for those that cannot be
    if not config.prompt.strip():
        raise SyncPanoError("the prompt is empty", hint='say what to paint: "A waterfall"')
    _check_text(config.prompt)
    _check_text(config.negative_prompt)
    _check_ranges(config, written)
    if config.width * config.height > MAX_PIXELS:
        raise SyncPanoError(
            f"{config.width} x {config.height} is more than {MAX_PIXELS} pixels",
            hint="paint a smaller panorama",
        )


def _check_text(prompt: str) -> None:
    try:
        prompt.encode()
    except UnicodeEncodeError as error:  # bytes of another encoding, as the shell passed them on
        raise SyncPanoError(
            f"the prompt is not valid text at character {error.start}", hint="write it in UTF-8"
        ) from error


def as_written(config: PanoramaConfig, name: str, written: Written) -> str:
    """A setting as messages name it: by its flag, unless a file or a variable gave it."""
    return written.get(name, f"`{settings()[name].flags[-1]} {getattr(config, name)}`")


def _check_ranges(config: PanoramaConfig, written: Written) -> None:
    for name, least, most in (
        ("steps", 1, UNBOUNDED),
        ("seed", 0, 2**63 - 1),
        ("sync_weight", 0, math.inf),
        ("sync_decay", 0, 1),
        ("guidance_scale", 0, math.inf),
        ("guided_share", 0, 1),
        ("temperature", 0.01, 1),
        ("sync_every", 1, UNBOUNDED),
        ("window_batch", 1, UNBOUNDED),
        ("initial_steps", 1, UNBOUNDED),
    ):
        _in_range(config, written, name, least, most)
    _check_span(config, written)
    _in_range(config, written, "loss_size", MIN_LOSS_SIZE, 4096)
    _in_range(config, written, "sync_freq", 1, config.steps)
    if not sync_steps(config.steps, config.sync_freq, config.initial_steps):
        (first, *_) = sync_steps(config.steps, config.sync_freq)
        raise SyncPanoError(
            f"{as_written(config, 'sync_freq', written)} descends for the first time at step "
            f"{first + 1}, after {as_written(config, 'initial_steps', written)}",
            hint=f"give at least `--initial-steps {first + 1}`, or leave `--sync-freq` out",
        )


def _check_span(config: PanoramaConfig, written: Written) -> None:
    span, initial = config.initial_span, config.initial_steps
    if span is None:
        return
    shown = as_written(config, "initial_span", written)
    if initial is None:
        raise SyncPanoError(
            f"{shown} needs to know which steps are initial", hint="give `--initial-steps` too"
        )
    if config.scheduler != "dpmsolver++":
        raise SyncPanoError(
            f"{config.scheduler} takes even steps only, {shown} asks for others",
            hint="use `--scheduler dpmsolver++`, or `--initial-span auto`",
        )
    # Wider than on an even schedule, the other steps would have to be finer than the solver's own.
    widest = max(min(initial / config.steps, 1), 0.01)
    _in_range(config, written, "initial_span", 0.01, widest)


def _in_range(
    config: PanoramaConfig, written: Written, name: str, least: float, most: float
) -> None:
    number = getattr(config, name)
    if number is None:
        return
    shown = as_written(config, name, written)
    if isinstance(number, float) and not math.isfinite(number):
        raise SyncPanoError(f"{shown} is not a finite number", hint="give a number")
    if not least <= number <= most:
        too_low = number < least and most >= UNBOUNDED
        wanted = f"at least {least}" if too_low else f"between {least} and {most}"
        raise SyncPanoError(f"{shown} is out of range", hint=f"use a value {wanted}")


def _check_side(name: str, length: int, source: ModelSource) -> None:
    window, factor = source.window * source.vae_factor, source.vae_factor
    if length < window:
        raise SyncPanoError(
            f"{name} {length} is smaller than a window of {window} pixels",
            hint=f"use `--{name} {window}` or more",
        )
    if length % factor:
        below = length // factor * factor
        raise SyncPanoError(
            f"{name} {length} is not a multiple of {factor}, the VAE factor of {source.id}",
            hint=f"use `--{name} {below}` or `--{name} {below + factor}`",
        )


def _check_stride(config: PanoramaConfig, source: ModelSource) -> None:
    window, factor = source.window * source.vae_factor, source.vae_factor
    stride = stride_of(config, source)
    if not factor <= stride <= window:
        raise SyncPanoError(
            f"stride {stride} is not between {factor} and the window of {window} pixels",
            hint=f"a quarter of the window is `--stride {quarter_of_window(source)}`",
        )
    if stride % factor:
        raise SyncPanoError(
            f"stride {stride} is not a multiple of {factor}, the VAE factor of {source.id}",
            hint=f"use `--stride {max(stride // factor, 1) * factor}`",
        )
    ring = config.method != "bld" and config.windows == "overlapping"  # the others need no fit
    if config.loop and ring and not closes_ring(config.width, window, stride):
        below = config.width // stride * stride
        widths = [below + stride] if below < window else [below, below + stride]
        raise SyncPanoError(
            f"windows every {stride} pixels cannot close a loop of {config.width} pixels evenly",
            hint="use " + " or ".join(f"`--width {width}`" for width in widths),
        )


def _check_pocket_loss(config: PanoramaConfig, source: ModelSource) -> None:
    if source.folder is None:
        there = source.family == "pocket"
    else:
        there = files.is_file(source.folder / "perceptual" / "config.json")
    if not there:
        raise SyncPanoError(
            f"{source.id} has no perceptual/ folder for the pocket loss",
            hint="use `--loss lpips-vgg`",
        )
    if config.loss_weights is not None:
        raise SyncPanoError(
            "the pocket loss brings its own weights", hint="leave `--loss-weights` out"
        )


def _check_method(config: PanoramaConfig, source: ModelSource, written: Written) -> None:
    window = source.window * source.vae_factor
    method = as_written(config, "method", written)
    if config.method == "independent":
        for name, length in (("width", config.width), ("height", config.height)):
            if length % window:
                below = length // window * window
                raise SyncPanoError(
                    f"{name} {length} is not a whole number of windows of {window} pixels, "
                    f"which {method} puts side by side",
                    hint=f"use `--{name} {below}` or `--{name} {below + window}`",
                )
    if config.method in ("independent", "bld") and config.windows == "shifted":
        raise SyncPanoError(
            f"{as_written(config, 'windows', written)} does not go with {method}",
            hint="shifted windows work with sync and multi",
        )
