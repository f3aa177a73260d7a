"""Files of a model folder in the diffusers layout, read without torch."""

from __future__ import annotations

import hashlib
import json
import math
import re
from pathlib import Path
from typing import Any

from syncpano import files
from syncpano.errors import SyncPanoError

# What a text-to-image model of the Stable Diffusion shape consists of.
PARTS = {
    "unet": "config.json",
    "vae": "config.json",
    "text_encoder": "config.json",
    "tokenizer": "tokenizer_config.json",
    "scheduler": "scheduler_config.json",
}
JUDGE = "features"  # of the pocket model: a network for the metrics, which paints nothing
WEIGHT_STEMS = ("diffusion_pytorch_model", "model")
_HEADER_LIMIT = 100 * 2**20  # safetensors' own limit
_SHA256 = re.compile(r"[0-9a-f]{64}")


def read_json(path: Path) -> dict[str, object]:
    """A JSON object from a file.

    Raises:
        SyncPanoError: the file cannot be read or holds no JSON object.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise SyncPanoError(
            f"{path} cannot be read: {error}", hint="the model folder may be damaged"
        ) from error
    if not isinstance(content, dict):
        raise SyncPanoError(f"{path} holds no JSON object", hint="the model folder may be damaged")
    return content


def weight_files(part: Path) -> tuple[str | None, list[Path]]:
    """The weights of one part: the variant to ask for (None is full precision) and its files.

    Full precision is preferred. Shards are listed by their index. No files: an empty list.

    Raises:
        SyncPanoError: an index cannot be read, or names no files.
    """
    for variant in (None, "fp16"):
        suffix = f".{variant}" if variant else ""
        for stem in WEIGHT_STEMS:
            single = part / f"{stem}{suffix}.safetensors"
            if files.is_file(single):
                return variant, [single]
            index = part / f"{stem}.safetensors.index{suffix}.json"
            if files.is_file(index):
                weight_map = read_json(index).get("weight_map")
                names = list(weight_map.values()) if isinstance(weight_map, dict) else []
                if not all(isinstance(name, str) for name in names):
                    raise SyncPanoError(
                        f"{index} names something as a file that is no name",
                        hint="the model folder may be damaged",
                    )
                return variant, sorted(part / name for name in set(names))
    return None, []


def require_weights(part: Path, model: str) -> None:
    """Check that a part has whole safetensors files. Their tensors are not read.

    Raises:
        SyncPanoError: weights are missing, truncated, or there is only a pickle.
    """
    _, weights = weight_files(part)
    if not weights:
        pickles = sorted(path.name for path in part.glob("*.bin"))
        if pickles:
            raise SyncPanoError(
                f"{model}/{part.name} has its weights only as a pickle ({pickles[0]})",
                hint="convert the model to safetensors: pickles can run code and are not loaded",
            )
        raise SyncPanoError(
            f"{model}/{part.name} has no weights", hint="a .safetensors file is expected there"
        )
    for file in weights:
        _require_whole(file, model)


def damaged_hint(model: str) -> str:
    """What to do about a damaged folder; `model` is what a user would type."""
    mend = "install syncpano" if model == "pocket" else "download the model"
    return f"{mend} again; the folder may be damaged"


def count_numbers(file: Path) -> int:
    """Numbers in a whole safetensors file, whatever their format."""
    return sum(math.prod(entry["shape"]) for entry in _tensors(file)[0])


def content_hash(folder: Path) -> str:
    """SHA-256 over the names and SHA-256 digests of the weight files that sample and draw.

    Not in it: a pocket model's loss and tiny decoder, of which only its gradient knows.
    """
    digest = hashlib.sha256()
    for part in ("unet", "vae", "text_encoder", "refiner"):
        for file in weight_files(folder / part)[1]:
            digest.update(f"{part}/{file.name} {_file_hash(file)}\n".encode())
    return digest.hexdigest()


def _file_hash(file: Path) -> str:
    # The Hub's cache names large files by their SHA-256: 5 GB need not be read again.
    name = file.resolve().name
    if file.is_symlink() and _SHA256.fullmatch(name):
        return name
    return files.digest_of(file)


def _require_whole(file: Path, model: str) -> None:
    """Compare a safetensors file's size with what its header promises."""
    problem = ""
    try:
        size = file.stat().st_size
        tensors, begin = _tensors(file)
        expected = begin + max((entry["data_offsets"][1] for entry in tensors), default=0)
        if size != expected:
            problem = f"it has {size} bytes where its header promises {expected}"
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        problem = f"its header cannot be read ({_said(error)})"
    if problem:
        raise SyncPanoError(
            f"{file.parent.name}/{file.name} of {model} is damaged: {problem}",
            hint=damaged_hint(model),
        )


def _said(error: Exception) -> str:
    """What an error says; a KeyError says the key alone."""
    return f"{error} is missing" if isinstance(error, KeyError) else str(error)


def _tensors(file: Path) -> tuple[list[dict[str, Any]], int]:
    """What a safetensors file's header says of every tensor, and where the first one begins."""
    with file.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if length > min(file.stat().st_size, _HEADER_LIMIT):
            raise ValueError("it is cut off")
        header = json.loads(stream.read(length))
    tensors = [entry for name, entry in header.items() if name != "__metadata__"]
    if not all(isinstance(side, int) for entry in tensors for side in entry["shape"]):
        raise ValueError("a shape is no list of numbers")
    return tensors, 8 + length
