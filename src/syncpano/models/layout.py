"""What the JSON configurations of a diffusers folder say, and whether we can use the model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from syncpano import files
from syncpano.errors import SyncPanoError
from syncpano.models.folder import PARTS, read_json, require_weights

Family = Literal["sd", "pocket"]
# Classes of diffusers whose `clip_sample` is True by default.
_CLIPPING = {
    "DDIMScheduler",
    "DDIMInverseScheduler",
    "DDIMParallelScheduler",
    "DDPMScheduler",
    "DDPMParallelScheduler",
}
WORDS = ("tokenizer.json", "vocab.json")  # a tokenizer's; one of them is enough
# What all solvers understand: key -> values; a null is the default.
_KNOWN = {
    "prediction_type": ("epsilon", "v_prediction", "sample"),
    "beta_schedule": ("linear", "scaled_linear", "squaredcos_cap_v2"),
    "timestep_spacing": ("leading", "trailing", "linspace"),
}
# What a UNet may ask for beside the prompt: key -> values that need no input that we do not have.
_CONDITIONING: dict[str, tuple[object, ...]] = {
    "addition_embed_type": (None, "text"),  # pools the prompt's own states
    "encoder_hid_dim_type": (None, "text_proj"),  # projects them
    "class_embed_type": (None,),
    "num_class_embeds": (None,),
    "time_cond_proj_dim": (None,),  # LCM: without the guidance scale it paints, and wrongly
}
_SUPPORTED = "Stable Diffusion 1.x and 2.x and fine-tunes of them work"


@dataclass(frozen=True)
class Layout:
    """The shape of a text-to-image model; the attributes are those of `ModelSource`."""

    family: Family
    window: int
    vae_factor: int
    latent_channels: int
    trained_steps: int
    clips: bool
    has_refiner: bool


def read_layout(folder: Path, model: str) -> Layout:
    """Read and check a folder in the diffusers layout; weights are only looked at from outside.

    Raises:
        SyncPanoError: as `read_description`; damaged or missing weights.
    """
    layout = read_description(folder, model)
    for part in ("unet", "vae", "text_encoder", *(["refiner"] if layout.has_refiner else [])):
        require_weights(folder / part, model)
    return layout


def read_description(folder: Path, model: str) -> Layout:
    """Read and check the JSON files of such a folder, whose weights may not be there yet.

    Raises:
        SyncPanoError: no model there, an architecture that is not supported.
    """
    _check_parts(folder, model)
    unet, vae, text = (
        read_json(folder / part / "config.json") for part in ("unet", "vae", "text_encoder")
    )
    latent_channels = _integer(vae, "latent_channels", f"{model}/vae", default=4)
    _check_unet(unet, text, latent_channels, model)
    scheduler = read_json(folder / "scheduler" / PARTS["scheduler"])
    _check_schedule(scheduler, model)
    family: Family = "pocket" if vae.get("_class_name") == "PocketAutoencoder" else "sd"
    return Layout(
        family=family,
        window=_integer(unet, "sample_size", f"{model}/unet"),
        vae_factor=_vae_factor(vae, model),
        latent_channels=latent_channels,
        trained_steps=_integer(scheduler, "num_train_timesteps", f"{model}/scheduler", 1000),
        clips=clips(scheduler),
        has_refiner=family == "pocket" and files.is_folder(folder / "refiner"),
    )


def _check_parts(folder: Path, model: str) -> None:
    """The parts of a Stable Diffusion text-to-image model, and nothing that we cannot use."""
    if not files.is_folder(folder):
        raise SyncPanoError(
            f"{model[:80]}: no such folder", hint="`--model` takes a diffusers folder"
        )
    if not files.is_file(folder / "model_index.json"):
        raise SyncPanoError(
            f"{model} holds no model: there is no model_index.json",
            hint="`--model` takes a folder in the diffusers layout, an alias or a Hub id",
        )
    index = read_json(folder / "model_index.json")
    for part in ("text_encoder_2", "transformer", "prior"):
        if index.get(part) not in (None, [None, None]):
            raise SyncPanoError(
                f"{model} is a {index.get('_class_name', 'model')} with a {part}, "
                "which is not supported yet",
                hint=_SUPPORTED,
            )
    missing = [
        f"{part}/{file}" for part, file in PARTS.items() if not files.is_file(folder / part / file)
    ]
    # Without its words a tokenizer loads all the same, and reads every prompt as nothing.
    if not any(files.is_file(folder / "tokenizer" / file) for file in WORDS):
        missing.append(f"tokenizer/{WORDS[0]}")
    if missing:
        raise SyncPanoError(
            f"{model} is incomplete: {missing[0]} is missing",
            hint="a diffusers folder has unet, vae, text_encoder, tokenizer and scheduler",
        )


def _check_unet(
    unet: dict[str, object], text: dict[str, object], latent_channels: int, model: str
) -> None:
    if unet.get("in_channels", 4) != latent_channels:
        raise SyncPanoError(
            f"{model} is not a text-to-image model: its UNet takes {unet.get('in_channels')} "
            f"channels and its latents have {latent_channels}",
            hint="inpainting, depth and upscaling checkpoints do not work",
        )
    name = unet.get("_class_name", "UNet2DConditionModel")
    asked = [key for key, known in _CONDITIONING.items() if unet.get(key) not in known]
    if name != "UNet2DConditionModel" or asked:
        kind = f" ({', '.join(asked)})" if asked else ""
        raise SyncPanoError(
            f"{model} has a {name} with conditioning that is not supported{kind}", hint=_SUPPORTED
        )
    width = text.get("hidden_size") if unet.get("encoder_hid_dim") is None else None
    for key, wanted in (("out_channels", latent_channels), ("cross_attention_dim", width)):
        found = unet.get(key)
        if isinstance(found, int) and isinstance(wanted, int) and found != wanted:
            raise SyncPanoError(
                f"{model} does not fit together: its UNet has {key} {found}, "
                f"and its other parts have {wanted} channels",
                hint="its parts seem to be of different models: take them from one",
            )


def _check_schedule(scheduler: dict[str, object], model: str) -> None:
    for key, known in _KNOWN.items():
        if scheduler.get(key) not in (None, *known):
            raise SyncPanoError(
                f"{model} has {key} {scheduler[key]!r} in its schedule, which is not supported",
                hint=f"supported: {', '.join(known)}",
            )
    trained = _integer(scheduler, "num_train_timesteps", f"{model}/scheduler", 1000)
    betas = scheduler.get("trained_betas")
    if betas is not None and not (isinstance(betas, list) and len(betas) == trained):
        raise SyncPanoError(
            f"{model} has trained_betas of another length than its {trained} timesteps",
            hint="the two belong together in its scheduler_config.json",
        )
    kind = str(scheduler.get("_class_name", ""))
    # Flow matching and EDM add noise by other rules than the abar_t that phi is made of.
    if "Flow" in kind or "EDM" in kind or scheduler.get("use_flow_sigmas"):
        raise SyncPanoError(
            f"{model} has a {kind or 'flow'} schedule, which is not supported", hint=_SUPPORTED
        )
    if scheduler.get("thresholding"):
        raise SyncPanoError(
            f"{model} thresholds its samples, which latent models cannot do",
            hint="set `thresholding` to false in its scheduler_config.json",
        )
    predicts_noise = scheduler.get("prediction_type") in (None, "epsilon")
    if predicts_noise and scheduler.get("rescale_betas_zero_snr"):
        raise SyncPanoError(
            f"{model} has a schedule that ends in pure noise, of which noise cannot be predicted",
            hint="`rescale_betas_zero_snr` needs `prediction_type` v_prediction",
        )


def clips(scheduler: Mapping[str, object]) -> bool:
    """Whether a schedule clips foreseen latents: some classes do unless they are told not to."""
    return bool(scheduler.get("clip_sample", scheduler.get("_class_name") in _CLIPPING))


def _vae_factor(vae: dict[str, object], model: str) -> int:
    if vae.get("_class_name") == "PocketAutoencoder":
        return _integer(vae, "factor", f"{model}/vae", default=32)
    levels = vae.get("block_out_channels")
    if vae.get("_class_name") != "AutoencoderKL" or not isinstance(levels, list) or not levels:
        raise SyncPanoError(
            f"{model} has a {vae.get('_class_name')} as its autoencoder, which is not supported",
            hint="AutoencoderKL works, and the pocket model's own",
        )
    return 1 << (len(levels) - 1)


def _integer(config: dict[str, object], key: str, where: str, default: int | None = None) -> int:
    number = config.get(key, default)
    if not isinstance(number, int) or isinstance(number, bool) or number < 1:
        raise SyncPanoError(
            f"{where} says {key} = {number!r} in its configuration",
            hint="it must be a positive integer",
        )
    return number
