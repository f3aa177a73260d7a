"""The run log: what made a picture, beside it as JSON and inside it as text.

`docs/runlog.md` explains the fields, `runlog.schema.json` is their JSON Schema.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from syncpano import files, png
from syncpano.errors import SyncPanoError

if TYPE_CHECKING:
    from PIL.Image import Image

_KIND = "syncpano.run/"
SCHEMA = f"{_KIND}1"
KEYWORD = "syncpano"
MAX_BYTES = 64 * 2**20
TIMINGS = ("load", "encode", "sync", "denoise", "decode", "save")  # disjoint parts of `total`

Status = Literal["done", "failed", "interrupted"]
Log = dict[str, Any]


def begin(config: Mapping[str, Any], source: Mapping[str, str]) -> Log:
    """A log of a run that has not come to anything yet.

    Args:
        config: every field of the resolved `PanoramaConfig`.
        source: field -> where its value came from.
    """
    return {
        "schema": SCHEMA,
        "status": "failed",
        "error": None,
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "prompt": config["prompt"],
        "config": dict(config),
        "source": dict(source),
        "model": None,
        "fingerprints": None,
        "windows": None,
        "sync": {"steps": [], "weights": []},
        "steps": [],
        "timings": dict.fromkeys((*TIMINGS, "total"), 0.0),
        "image": None,
        "notices": [],
        "memory": {"process_bytes": 0, "device_bytes": None},
        "environment": {},
    }


class Clock:
    """Adds up seconds under `timings` of a log: `with clock("load"): ...`."""

    def __init__(self, log: Log) -> None:
        self._timings: dict[str, float] = log["timings"]
        self._started = time.perf_counter()

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        """Count the block's time under a name of `TIMINGS`."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.add(name, time.perf_counter() - started)

    def add(self, name: str, seconds: float) -> None:
        """Count seconds that were measured elsewhere."""
        assert name in TIMINGS
        self._timings[name] = round(self._timings[name] + seconds, 6)

    def stop(self) -> None:
        """Add the whole time since the clock was made to `total`."""
        now = time.perf_counter()
        self._timings["total"] = round(self._timings["total"] + now - self._started, 6)
        self._started = now


@cache
def _json_schema() -> dict[str, Any]:
    """The JSON Schema of run logs."""
    path = Path(__file__).with_name("runlog.schema.json")
    schema: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return schema


def to_json(log: Log) -> bytes:
    """The log as the file beside the picture holds it."""
    return (json.dumps(log, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode(
        "utf-8", "backslashreplace"
    )


def embed(encoded: bytes, log: Log) -> bytes:
    """A PNG with the log as iTXt `syncpano`, and `parameters` in the form that viewers read."""
    text = json.dumps(log, ensure_ascii=False, allow_nan=False)
    return png.insert_text(encoded, {"parameters": parameters_text(log), KEYWORD: text})


def read(path: Path) -> Log:
    """The run log in a JSON file or inside a PNG.

    Raises:
        SyncPanoError: the file is missing, no run log, or of another schema.
    """
    log = _parse(_text(path), path)
    if not isinstance(log, dict) or not isinstance(log.get("schema"), str):
        raise _no_log(path)
    if log["schema"] != SCHEMA:
        raise SyncPanoError(
            f"{path} has schema {log['schema'][:40]!r}, not {SCHEMA!r}",
            hint="read it with the version of syncpano that wrote it",
        )
    try:
        validate(log)
    except ValueError as error:
        raise SyncPanoError(
            f"{path} is a damaged run log: {error}",
            hint="the same log may be whole in the picture, or beside it",
        ) from error
    return log


def of_picture(path: Path) -> Log | None:
    """The run log inside a picture or beside it; None for pictures that are not ours.

    Raises:
        SyncPanoError: the picture or its log is damaged.
    """
    if png.is_png(path) and KEYWORD in png.read_text(path):
        return read(path)
    sidecar = path.with_suffix(".json")
    if not files.is_file(sidecar):
        return None
    try:
        if json.loads(sidecar.read_bytes()).get("schema") != SCHEMA:
            return None
    except (OSError, ValueError, AttributeError, RecursionError):
        return None
    return read(sidecar)


def may_replace(path: Path, picture: str) -> bool:
    """Whether the log of a picture that is not there may be written to `path`.

    Where there is no file, the log of a run without a picture, or that of a picture of this name,
    which its owner has removed.
    """
    if not files.exists(path):
        return True
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    if not (isinstance(content, dict) and str(content.get("schema")).startswith(_KIND)):
        return False
    image = content.get("image")
    return image is None or (isinstance(image, dict) and image.get("path") == picture)


def validate(log: Log) -> None:
    """Check a log against the schema.

    Raises:
        ValueError: it does not follow it; the message names the place.
    """
    import jsonschema  # it takes a tenth of a second, which `--help` does not have

    errors = jsonschema.Draft202012Validator(_json_schema()).iter_errors(log)
    worst = jsonschema.exceptions.best_match(errors)
    if worst is not None:
        place = worst.json_path.removeprefix("$.")
        raise ValueError(f"{place[:80]}: {worst.message[:120]}")


def write(path: Path, log: Log) -> None:
    """Write the log as JSON, whole or not at all, in the place of one that is there."""
    files.write_atomic(path, to_json(log), overwrite=True)


def pixel_hash(image: Image) -> str:
    """SHA-256 of the RGB bytes, row by row: the same picture, whatever the file around it."""
    return hashlib.sha256(image.convert("RGB").tobytes()).hexdigest()


def parameters_text(log: Log) -> str:
    """Prompt, negative prompt and settings in the form that common picture viewers show."""
    config, model = log["config"], log["model"]
    facts = {
        "Steps": config["steps"],
        "Sampler": config["scheduler"],
        "CFG scale": config["guidance_scale"],
        "Seed": config["seed"],
        "Size": f"{config['width']}x{config['height']}",
        "Model": model["id"] if model else config["model"],
        "Model hash": (model["hash"] or "unknown")[:10] if model else "unknown",
        "Method": config["method"],
        "Sync weight": config["sync_weight"],
        "Sync decay": config["sync_decay"],
        "Stride": config["stride"],
        "Loop": config["loop"],
    }
    lines = [log["prompt"]]
    if config["negative_prompt"]:
        lines.append(f"Negative prompt: {config['negative_prompt']}")
    lines.append(", ".join(f"{name}: {value}" for name, value in facts.items()))
    return "\n".join(lines)


def _text(path: Path) -> str:
    """The log in a file that is opened once: what a shell makes of `<(...)` is gone when read."""
    try:
        with path.open("rb") as stream:
            start = stream.read(len(png.SIGNATURE))
            if start == png.SIGNATURE:
                texts = png.texts_behind_signature(stream, path)
                if KEYWORD not in texts:
                    raise _no_log(path)
                return texts[KEYWORD]
            content = start + stream.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise SyncPanoError(f"{path} is larger than any run log")
        return content.decode("utf-8")
    except OSError as error:
        raise SyncPanoError(
            f"{path} cannot be read: {error.strerror or error}",
            hint="give a run log (.json) or a picture (.png) made by syncpano",
        ) from error
    except UnicodeDecodeError as error:
        raise _no_log(path) from error


def _parse(text: str, path: Path) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _no_log(path) from error


def _no_log(path: Path) -> SyncPanoError:
    return SyncPanoError(
        f"{path} holds no run log of syncpano",
        hint="give the .json or .png that `syncpano generate` wrote",
    )
