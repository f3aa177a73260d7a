"""Many prompts and seeds in one process: names, what is there already, failures. No torch."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from syncpano import files, png, runlog, saving
from syncpano.config import PanoramaConfig, Setting, settings
from syncpano.errors import BAD_INPUT, SyncPanoError
from syncpano.interrupts import Interrupted, held_back
from syncpano.layers import was_auto
from syncpano.saving import encode, log_path

if TYPE_CHECKING:
    from PIL.Image import Image

    from syncpano.pipeline import Studio, Watcher

MAX_PICTURES = 100_000
_SEEDS = re.compile(r"(\d{1,19})(?:-(\d{1,19}))?")


@dataclass(frozen=True)
class Job:
    """One picture to paint and where it goes."""

    config: PanoramaConfig
    path: Path

    def at(self, revision: str) -> Job:
        """The same with another revision of the model."""
        return replace(self, config=replace(self.config, revision=revision))


@dataclass(frozen=True)
class Options:
    """How a batch treats files.

    Attributes:
        overwrite: replace pictures and previews that exist.
        resume: keep pictures that exist; previews of the others are replaced. Not with `overwrite`.
        save_steps: folder for the foreseen panorama of every step; None for none.
    """

    overwrite: bool = False
    resume: bool = False
    save_steps: Path | None = None

    def __post_init__(self) -> None:
        if self.overwrite and self.resume:
            raise SyncPanoError("there is `--overwrite` and `--resume`", hint="give one of them")


@dataclass(frozen=True)
class Events:
    """Who is told about the pictures of a batch.

    Attributes:
        watcher: makes the watcher of one job.
        on_saved: a picture is there, with its run log.
        on_failed: a picture could not be painted; the rest goes on.
    """

    watcher: Callable[[Job], Watcher]
    on_saved: Callable[[Job, runlog.Log], None]
    on_failed: Callable[[Job, SyncPanoError], None]


def parse_seeds(text: str) -> list[int]:
    """`1,2,5-10` -> [1, 2, 5, 6, 7, 8, 9, 10]."""
    seeds: list[int] = []
    for part in text.split(","):
        match = _SEEDS.fullmatch(part.strip())
        first = int(match[1]) if match else 0
        last = int(match[2] or first) if match else -1
        if last < first:
            raise SyncPanoError(
                f"seeds {text[:40]!r} are not numbers and ranges", hint="write `--seeds 1,2,5-10`"
            )
        if last - first >= MAX_PICTURES:
            raise SyncPanoError(
                f"seeds {part.strip()[:40]!r} are more than {MAX_PICTURES}",
                hint="paint them in several runs",
            )
        seeds.extend(range(first, last + 1))
    return list(dict.fromkeys(seeds))


def read_prompt_file(path: Path) -> list[str]:
    """The prompts in a text file.

    Raises:
        SyncPanoError: it cannot be read, or holds none.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SyncPanoError(
            f"{path} cannot be read: {reason}", hint="`--prompts` takes a UTF-8 text file"
        ) from error
    return parse_prompts(text, str(path))


def parse_prompts(text: str, where: str) -> list[str]:
    """One prompt a line; blank lines and lines that start with # are skipped."""
    lines = [line.strip() for line in text.removeprefix("\ufeff").splitlines()]
    prompts = list(dict.fromkeys(line for line in lines if line and not line.startswith("#")))
    if not prompts:
        raise SyncPanoError(f"{where} holds no prompt", hint="write one prompt a line")
    return prompts


def name_jobs(configs: Sequence[PanoramaConfig], folder: Path) -> list[Job]:
    """`<slug>-<seed>.png` for every picture; prompts whose slugs meet get a piece of their hash."""
    if len(configs) > MAX_PICTURES:
        raise SyncPanoError(f"{len(configs)} pictures are too many for one run")
    names = files.slugs(config.prompt for config in configs)
    return [Job(config, folder / f"{names[config.prompt]}-{config.seed}.png") for config in configs]


def pending(jobs: Sequence[Job], options: Options) -> list[Job]:
    """The jobs that remain to be done.

    Raises:
        SyncPanoError: a picture, or a JSON file in its log's place, exists and may neither be
            replaced nor kept; with `resume` also where it was made by other settings or is cut off.
    """
    remaining = []
    for job in jobs:
        there = files.exists(job.path)
        if there and options.resume:
            if not _same_settings(job):
                raise SyncPanoError(
                    f"{job.path} exists already and was made with other settings",
                    hint="`--overwrite` replaces it, `--output-dir` paints elsewhere",
                )
            if not png.is_whole(job.path):
                raise SyncPanoError(
                    f"{job.path} is a damaged PNG: it ends too early",
                    hint="remove it, and `--resume` paints it again",
                )
            continue
        if there and not options.overwrite:
            keeps = "`--resume` keeps it and paints what is missing"
            raise files.exists_error(job.path, keeps)
        if not options.overwrite:
            saving.check_free(job.path)
        remaining.append(job)
    return remaining


def check_places(jobs: Sequence[Job], options: Options) -> None:
    """Find out before the run whether pictures and previews can be written."""
    folders = {job.path.parent for job in jobs}
    for folder in sorted(folders | ({options.save_steps} if options.save_steps else set())):
        files.check_writable(folder)
    for job in jobs:
        if options.save_steps and not (options.overwrite or options.resume):
            for existing in options.save_steps.glob(f"{_escaped(job.path.stem)}-step-*.png"):
                raise files.exists_error(existing)


def run(
    jobs: Sequence[Job],
    origins: Mapping[str, str],
    studio: Studio,
    options: Options,
    events: Events,
) -> int:
    """Paint and save one picture after the other; the number of failures.

    Raises:
        SyncPanoError: a picture could not be saved, or what all pictures share, the settings or the
            networks, cannot work: painting more would be in vain.
        Interrupted: by a signal; the log of the picture at work says so.
    """
    failures = 0
    for job in jobs:
        log = runlog.begin(asdict(job.config), origins)
        try:
            watcher = _with_previews(events.watcher(job), job, options)
            panorama = studio.generate(job.config, watcher=watcher, log=log)
        except SyncPanoError as error:
            if error.exit_code == BAD_INPUT or log["model"] is None:
                raise
            failures += 1
            _write_unfinished(job, log, "failed", error.message)
            events.on_failed(job, error)
            continue
        except (Interrupted, KeyboardInterrupt) as error:
            _write_unfinished(job, log, "interrupted", str(error))
            raise
        with held_back():  # who is told of the pictures is told of every one
            events.on_saved(job, panorama.save(job.path, overwrite=options.overwrite))
    return failures


def _write_unfinished(job: Job, log: runlog.Log, status: runlog.Status, error: str) -> None:
    """Keep the log of a run without a picture, unless an older picture's log is there."""
    if job.path.exists():
        return
    log["status"], log["error"], log["image"] = status, error, None
    runlog.write(log_path(job.path), log)


def _with_previews(watcher: Watcher, job: Job, options: Options) -> Watcher:
    folder = options.save_steps
    if folder is None:
        return watcher

    def write(step: int, image: Image) -> None:
        path = folder / f"{job.path.stem}-step-{step:03d}.png"
        files.write_atomic(path, encode(image), overwrite=options.overwrite or options.resume)

    return replace(watcher, on_foreseen=write)


def _same_settings(job: Job) -> bool:
    """Whether the picture at the job's place was made by its config, on whatever machine.

    A setting that is younger than the picture was as it is by default, and what a run found for
    `auto` is what it would find again.
    """
    log = runlog.read(job.path)

    def is_same(item: Setting) -> bool:
        wanted = getattr(job.config, item.name)
        made = log["config"].get(item.name, item.default)
        return made == wanted or (was_auto(log, item.name) and wanted == item.default)

    return all(is_same(item) for item in settings().values() if item.decides_pixels)


def _escaped(stem: str) -> str:
    return re.sub(r"([*?\[])", r"[\1]", stem)
