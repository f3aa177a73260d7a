"""Read the parts of a model folder from safetensors into frozen networks."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from PIL import features
from safetensors import SafetensorError
from torch import nn

from syncpano.batching import is_out_of_memory
from syncpano.errors import RUN_FAILED, SyncPanoError, first_line
from syncpano.models.folder import damaged_hint, read_json, weight_files
from syncpano.models.source import ModelSource
from syncpano.models.tiny_decoder import TAESD, tiny_decoder_folder

if TYPE_CHECKING:
    from syncpano.models.pocket_autoencoder import PocketAutoencoder
    from syncpano.models.pocket_refiner import PocketRefiner


def load_part(
    part_class: Any, folder: Path, model: str, device: torch.device, dtype: torch.dtype
) -> nn.Module:
    """One network from its folder: safetensors only, nothing left at random, frozen, eval.

    Args:
        part_class: a diffusers or transformers class with `from_pretrained`.

    Raises:
        SyncPanoError: the files do not fit the architecture or cannot be read.
    """
    variant, _ = weight_files(folder)
    # transformers reads in the format that was stored; diffusers would advise to get accelerate.
    further: dict[str, Any] = {"torch_dtype": dtype, "low_cpu_mem_usage": False}
    if part_class.__module__.startswith("transformers"):
        further = {}
    try:
        with quietly():
            part, info = part_class.from_pretrained(
                folder,
                variant=variant,
                use_safetensors=True,
                local_files_only=True,
                output_loading_info=True,
                **further,
            )
    except (OSError, ValueError, RuntimeError, TypeError, SafetensorError) as error:
        if isinstance(error, RuntimeError) and is_out_of_memory(error):
            raise
        raise SyncPanoError(
            f"{folder.name} of {model} cannot be loaded: {first_line(error)}",
            hint=damaged_hint(model),
            exit_code=RUN_FAILED,
        ) from error
    missing = sorted(info["missing_keys"]) + [str(key) for key in info.get("mismatched_keys", [])]
    if missing:
        raise SyncPanoError(
            f"{folder.name} of {model} lacks {len(missing)} weights, the first is {missing[0]}",
            hint="its config.json and its safetensors file do not belong together",
            exit_code=RUN_FAILED,
        )
    module: nn.Module = part.eval().requires_grad_(False)
    return module.to(device) if further else module.to(device, dtype)


def load_autoencoder(
    folder: Path, model: str, device: torch.device, dtype: torch.dtype
) -> nn.Module:
    """An autoencoder by the class that its config names, in channels-last order."""
    name = read_json(folder / "config.json").get("_class_name")
    part_class: Any
    if name in ("AutoencoderKL", "AutoencoderTiny"):
        import diffusers

        part_class = getattr(diffusers, name)
    elif name == "PocketAutoencoder":
        from syncpano.models.pocket_autoencoder import PocketAutoencoder

        part_class = PocketAutoencoder
    else:
        raise SyncPanoError(
            f"{folder.name} of {model} is a {name}, which is not supported",
            hint="AutoencoderKL, AutoencoderTiny and PocketAutoencoder are",
        )
    part = load_part(part_class, folder, model, device, dtype)
    return part.to(memory_format=torch.channels_last)


def load_tokenizer(tokenizer_class: Any, folder: Path, model: str) -> Any:
    """The tokenizer in a folder.

    Args:
        tokenizer_class: of transformers.
        model: what it belongs to, for errors.

    Raises:
        SyncPanoError: it cannot be read.
    """
    try:
        return tokenizer_class.from_pretrained(folder, local_files_only=True)
    except Exception as error:
        # Of merges that do not fit its words the tokenizers library says so by the bare class.
        expected = type(error) is Exception
        if not expected and not isinstance(error, (OSError, ValueError, TypeError, KeyError)):
            raise
        raise SyncPanoError(
            f"tokenizer of {model} cannot be loaded: {first_line(error)}",
            hint=damaged_hint(model),
            exit_code=RUN_FAILED,
        ) from error


def load_refiner(
    source: ModelSource, device: torch.device
) -> tuple[PocketRefiner, PocketAutoencoder]:
    """What draws the details after sampling, and what it reads latents by; in float32."""
    assert source.folder is not None
    from syncpano.models.pocket_refiner import PocketRefiner

    folder = source.folder
    network: Any = load_part(PocketRefiner, folder / "refiner", source.id, device, torch.float32)
    autoencoder: Any = load_autoencoder(folder / "vae", source.id, device, torch.float32)
    # Beside whole numbers diffusers leaves the others as they were stored.
    return network.float(), autoencoder


def require_avif() -> None:
    """Refuse a Pillow that cannot read what a refiner remembers.

    Raises:
        SyncPanoError: it was built without AVIF.
    """
    if not features.check("avif"):
        raise SyncPanoError(
            "this Pillow cannot read AVIF, in which the refiner's pictures are kept",
            hint="`pip install -U pillow`: its own builds can, from 11.3 on; `--no-refine` draws "
            "without them",
        )


def load_tiny_decoder(source: ModelSource, device: torch.device, dtype: torch.dtype) -> nn.Module:
    """The small decoder of the gradient path: the model's own `vae_tiny/`, or TAESD."""
    folder = tiny_decoder_folder(source, download=True)
    assert folder is not None
    own = source.folder is not None and folder.parent == source.folder
    return load_autoencoder(folder, source.id if own else TAESD, device, dtype)


@contextmanager
def quietly() -> Iterator[None]:
    """Keep the libraries' progress bars and advice off stderr while a part loads."""
    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging as transformers_logging

    libraries = (diffusers_logging, transformers_logging)
    levels = [library.get_verbosity() for library in libraries]
    had_bars = [library.is_progress_bar_enabled() for library in libraries]
    for library in libraries:
        library.set_verbosity_error()
        library.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for library, level, had_bar in zip(libraries, levels, had_bars, strict=True):
            library.set_verbosity(level)
            if had_bar:
                library.enable_progress_bar()
