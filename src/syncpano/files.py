"""Files that appear whole or not at all, and names that are safe on every file system."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
import unicodedata
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from syncpano.errors import BAD_INPUT, RUN_FAILED, SyncPanoError

SLUG_LENGTH = 60  # with a seed and `.json` far below the 255 bytes that file systems allow


def write_atomic(path: Path, content: bytes, *, overwrite: bool = False) -> None:
    """Write `content` beside `path` and rename it into place.

    Raises:
        SyncPanoError: the file exists and `overwrite` is False, or it cannot be written.
    """
    write_together({path: content}, overwrite=overwrite)


def write_together(contents: Mapping[Path, bytes], *, overwrite: bool = False) -> None:
    """Write files that belong together: none is renamed into place before all are written.

    Args:
        contents: what goes where, in the order in which the files appear.

    Raises:
        SyncPanoError: a file exists and `overwrite` is False, or one cannot be written.
    """
    for path in contents:
        if not overwrite and exists(path):
            raise exists_error(path)
        if is_folder(path):
            raise SyncPanoError(f"{path} is a folder", hint="choose another place")
    parts: dict[Path, Path] = {}
    try:
        for path, content in contents.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=path.parent, prefix=".syncpano-", suffix=".part")
            parts[path] = Path(name)
            with os.fdopen(handle, "wb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
            parts[path].chmod(usual_mode())  # mkstemp's are for their owner alone
        for path, part in parts.items():
            part.replace(path)
    except OSError as error:
        raise SyncPanoError(
            f"{path} cannot be written: {error.strerror or error}",
            hint="free some space or choose another place",
            exit_code=RUN_FAILED,
        ) from error
    finally:
        for part in parts.values():
            part.unlink(missing_ok=True)


def check_writable(folder: Path, hint: str = "choose another place") -> None:
    """Create `folder` and a file in it for a moment: better now than after the run."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise SyncPanoError(
            f"{folder} cannot be written: {error.strerror or error}",
            hint=hint,
            exit_code=BAD_INPUT,
        ) from error


def exists(path: Path) -> bool:
    """Whether there is a file, or a link, wherever it leads.

    Raises:
        SyncPanoError: no file can have that name, or a folder has it.
    """
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        shown = str(path) if len(str(path)) <= 60 else f"{str(path)[:57]}..."
        raise SyncPanoError(
            f"{shown} cannot be written: {error.strerror or error}",
            hint="choose another name",
        ) from error
    if path.is_dir():
        raise SyncPanoError(f"{path} is a folder", hint="choose another name")
    return True


def expanded(path: str, hint: str = "write the whole path") -> Path:
    """A path as it was given, `~` for the home folder.

    Raises:
        SyncPanoError: it is in the home folder of nobody, or of a user who has none.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError as error:  # `~name` of nobody, or a bare number of a user in a container
        raise SyncPanoError(f"{path[:80]}: there is no such home folder", hint=hint) from error


def is_file(path: Path) -> bool:
    """Whether there is a file; False also for a name that none can have, or none may look up."""
    try:
        return path.is_file()
    except (OSError, ValueError):  # too long, or with a null byte
        return False


def is_folder(path: Path) -> bool:
    """Whether there is a folder; False also for a name that none can have."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def require_weights_file(path: Path, flag: str) -> None:
    """Refuse a file of weights that is not there.

    Args:
        flag: by which it was given.
    """
    if not is_file(path):
        raise SyncPanoError(
            f"{str(path)[:80]} is no file", hint=f"`{flag}` takes a .safetensors or .pth file"
        )


def exists_error(path: Path, *further: str) -> SyncPanoError:
    """The refusal to overwrite `path`; `further` is what else can be done."""
    hint = ", ".join(["`--overwrite` replaces it", *further])
    return SyncPanoError(f"{path} exists already", hint=hint)


def slug(text: str) -> str:
    """1 to `SLUG_LENGTH` characters of a-z, 0-9 and `-`: the words of `text`, or its hash.

    A text without a single latin letter or digit, and one that must be cut, gets six digits of
    its hash, so that two of them rarely meet.
    """
    latin = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    words = re.sub(r"[^a-z0-9]+", "-", latin.lower()).strip("-")
    if words and len(words) <= SLUG_LENGTH:
        return words
    kept = words[: SLUG_LENGTH - 7].rstrip("-") or "panorama"
    return f"{kept}-{digest(text)}"


def slugs(texts: Iterable[str]) -> dict[str, str]:
    """Text -> its slug, with a piece of its hash where an earlier text has the same."""
    first: dict[str, str] = {}
    return {
        text: name if first.setdefault(name, text) == text else hashed_slug(text)
        for text, name in ((text, slug(text)) for text in texts)
    }


def hashed_slug(text: str) -> str:
    """The slug with a piece of the text's hash: another for every text."""
    return f"{slug(text)}-{digest(text)}"


def digest(text: str) -> str:
    """Six hexadecimal digits that tell texts apart."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:6]


def digest_of(path: Path) -> str:
    """SHA-256 of a file, read once a process as long as it does not change."""
    facts = path.stat()
    return _digest_of(path, facts.st_size, facts.st_mtime_ns)


@cache
def _digest_of(path: Path, size: int, changed: int) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def usual_mode() -> int:
    """The permissions that a file gets which is simply opened."""
    # There is no way to read the mask but to set it; commands are single-threaded when they save.
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def readable(text: str) -> str:
    """A text with names of files in it that can be written, whatever their bytes are."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def short_name(value: str) -> str:
    """The last part of a path to something that is there; anything else, a Hub id too, as it is."""
    path = Path(value)
    return path.name if path.is_absolute() or is_file(path) or is_folder(path) else value
