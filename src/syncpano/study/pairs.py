"""Panoramas of two runs that a study compares. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from syncpano import files, runlog
from syncpano.errors import SyncPanoError
from syncpano.metrics.pictures import pictures_below


@dataclass(frozen=True)
class Pair:
    """Two panoramas of one prompt and seed."""

    prompt: str
    a: Path
    b: Path


def find_pairs(run_a: Path, run_b: Path) -> list[Pair]:
    """Panoramas that both folders have: of one prompt and seed, else of one file name.

    Raises:
        SyncPanoError: a folder is missing, both are the same, or nothing pairs.
    """
    if run_a.resolve() == run_b.resolve():
        raise SyncPanoError(f"{run_a} is both runs", hint="give two folders to compare")
    found_a, found_b = _pictures_of(run_a), _pictures_of(run_b)
    names = [name for name in found_a if name in found_b]
    if not names:
        raise SyncPanoError(
            f"{run_a} and {run_b} have no panorama of the same prompt and seed",
            hint="paint both runs with the same `--prompts` and `--seeds`",
        )
    return [Pair(found_a[name][1], found_a[name][0], found_b[name][0]) for name in sorted(names)]


def _pictures_of(folder: Path) -> Mapping[str, tuple[Path, str]]:
    """Name that pairs -> file and prompt."""
    if not files.is_folder(folder):
        raise SyncPanoError(f"{folder} is no folder", hint="give a folder of panoramas")
    found: dict[str, tuple[Path, str]] = {}
    for path in pictures_below(folder):
        log = runlog.of_picture(path)
        name = f"{log['prompt']}\n{log['config']['seed']}" if log else path.name
        if name in found:
            what = "prompt and seed" if log else "file name, and no run log"
            raise SyncPanoError(
                f"{found[name][0]} and {path} have the same {what}",
                hint="give a folder with the panoramas of one run",
            )
        found[name] = (path, log["prompt"] if log else files.readable(path.stem))
    return found
