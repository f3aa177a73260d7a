"""What `--resume` finds: pictures that are there already, and whether they are those asked for."""

from __future__ import annotations

from pathlib import Path

from syncpano import files, png, runlog
from syncpano.config import PanoramaConfig, Setting, settings
from syncpano.errors import SyncPanoError
from syncpano.fingerprints import differing
from syncpano.layers import was_auto
from syncpano.models.source import ModelSource
from syncpano.plan import plan
from syncpano.saving import log_path


def place(config: PanoramaConfig, path: Path, other: Path | None) -> Path:
    """Where a config's picture is, or goes: prompts of one slug have other names in another list.

    Args:
        other: its name in such a list.
    """
    if other is None:
        return path
    there = _prompt_of(path)
    if there == config.prompt:
        return path
    if _prompt_of(other) == config.prompt:
        return other
    # The prompt whose picture has this one's name stood first in the list that it was painted for.
    is_taken = there is not None and files.slug(there) == files.slug(config.prompt)
    return other if is_taken and not files.exists(other) else path


def check(config: PanoramaConfig, path: Path, source: ModelSource | None) -> None:
    """Refuse to take what is at `path` for a config's picture.

    Args:
        source: the model, if its files must have made the picture.

    Raises:
        SyncPanoError: it is no whole PNG, has no run log, shows another prompt, or was made with
            other settings or other files.
    """
    is_png = png.is_png(path)
    if not is_png and not _is_beginning(path):
        raise _refused(path, "is no PNG")
    if not is_png or not png.is_whole(path):
        raise SyncPanoError(
            f"{path} is a damaged PNG: it ends too early",
            hint="remove it, and `--resume` paints it again",
        )
    try:
        log, reason = runlog.read(path), None
    except SyncPanoError as error:
        raise _refused(path, error.message.removeprefix(f"{path} ")) from error
    if log["prompt"] != config.prompt:
        reason = f"shows another prompt: {log['prompt'][:60]!r}"
    elif not _same_settings(config, log):
        reason = "was made with other settings"
    elif source is not None and source.folder is not None:
        changed = differing(log, plan(config, source), source)
        reason = f"{changed[0]} have changed since" if changed else None
    if reason is not None:
        raise _refused(path, reason)


def restore_log(path: Path) -> Path | None:
    """Write the JSON beside a picture that is kept, from the log in it; where, if it was missing.

    Raises:
        SyncPanoError: it cannot be written.
    """
    beside = log_path(path)
    if files.exists(beside) and not (files.is_file(beside) and beside.stat().st_size == 0):
        return None
    log = runlog.read(path)
    log["image"]["path"] = path.name
    runlog.write(beside, log)
    return beside


def _is_beginning(path: Path) -> bool:
    """Whether a file ends within a PNG's first bytes, or is empty: a full disk leaves such."""
    is_short = path.stat().st_size < len(png.SIGNATURE)
    return is_short and png.SIGNATURE.startswith(path.read_bytes())


def _prompt_of(path: Path) -> str | None:
    try:
        return str(runlog.read(path)["prompt"])
    except SyncPanoError:  # no picture, or none of ours
        return None


def _refused(path: Path, reason: str) -> SyncPanoError:
    return SyncPanoError(
        f"{path} exists already and {reason}",
        hint="`--overwrite` replaces it, `--output-dir` paints elsewhere",
    )


def _same_settings(config: PanoramaConfig, log: runlog.Log) -> bool:
    """Whether a picture was made by a config, on whatever machine.

    A setting that is younger than the picture was as it is by default, and what a run found for
    `auto` is what it would find again.
    """

    def is_same(item: Setting) -> bool:
        wanted = getattr(config, item.name)
        made = log["config"].get(item.name, item.default)
        return made == wanted or (was_auto(log, item.name) and wanted == item.default)

    return all(is_same(item) for item in settings().values() if item.decides_pixels)
