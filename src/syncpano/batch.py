"""Many prompts and seeds in one process: names, what is there already, failures. No torch."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING

from syncpano import files, kept, png, runlog, saving
from syncpano.config import PanoramaConfig
from syncpano.errors import BAD_INPUT, RUN_FAILED, SyncPanoError
from syncpano.interrupts import Interrupted, held_back
from syncpano.models.source import ModelSource
from syncpano.saving import encode, log_path

if TYPE_CHECKING:
    from PIL.Image import Image

    from syncpano.pipeline import Studio, Watcher


@dataclass(frozen=True)
class Job:
    """One picture to paint and where it goes.

    Attributes:
        other: where it goes if the list is another: with a piece of its hash, or without.
    """

    config: PanoramaConfig
    path: Path
    other: Path | None = None

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
        on_kept: with `resume`, somebody else has painted it meanwhile.
        on_failed: a picture could not be painted; the rest goes on.
    """

    watcher: Callable[[Job], Watcher]
    on_saved: Callable[[Job, runlog.Log], None]
    on_kept: Callable[[Job], None]
    on_failed: Callable[[Job, SyncPanoError], None]


def name_jobs(configs: Sequence[PanoramaConfig], folder: Path) -> list[Job]:
    """`<slug>-<seed>.png` for every picture; of prompts whose slugs meet all but the first get a
    piece of their hash."""
    names = files.slugs(config.prompt for config in configs)

    def place(config: PanoramaConfig) -> Job:
        chosen, plain = names[config.prompt], files.slug(config.prompt)
        other = files.hashed_slug(config.prompt) if chosen == plain else plain
        path, elsewhere = (folder / f"{name}-{config.seed}.png" for name in (chosen, other))
        return Job(config, path, elsewhere)

    return [place(config) for config in configs]


def pending(jobs: Sequence[Job], options: Options, source: ModelSource | None = None) -> list[Job]:
    """The jobs that remain to be done.

    Args:
        source: the model, if pictures that are kept must have been made by its files.

    Raises:
        SyncPanoError: a picture, or a JSON file in its log's place, exists and may neither be
            replaced nor kept; with `resume` also where other settings or files made it, or it is
            cut off, or shows another prompt and the job's `other` name does not show its own.
    """
    remaining = []
    for asked in jobs:
        job = asked
        if options.resume:
            job = replace(asked, path=kept.place(asked.config, asked.path, asked.other))
        there = files.exists(job.path)
        if there and options.resume:
            kept.check(job.config, job.path, source)
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
        files.exists(log_path(job.path))  # raises where the name is too long for one
        if options.save_steps is None:
            continue
        files.exists(_preview(options.save_steps, job, 0))
        if not (options.overwrite or options.resume):
            for existing in options.save_steps.glob(f"{escape(job.path.stem)}-step-*.png"):
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
        if _is_kept(job, options):
            events.on_kept(job)
            continue
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
            if _is_kept(job, options):
                events.on_kept(job)
            else:
                events.on_saved(job, panorama.save(job.path, overwrite=options.overwrite))
    return failures


def _is_kept(job: Job, options: Options) -> bool:
    """Whether another process has painted a job's picture since this one began."""
    return options.resume and not pending([job], options)


def _write_unfinished(job: Job, log: runlog.Log, status: runlog.Status, error: str) -> None:
    """Keep the log of a run without a picture, but not in the place of an older picture's.

    Nor in that of another picture, or of a file that is no log: `--overwrite` has those replaced.
    """
    place = log_path(job.path)
    if files.exists(job.path) or not runlog.may_replace(place, job.path.name):
        return
    log["status"], log["error"], log["image"] = status, error, None
    runlog.write(place, log)


def _with_previews(watcher: Watcher, job: Job, options: Options) -> Watcher:
    folder = options.save_steps
    if folder is None:
        return watcher
    replaces = options.overwrite or options.resume

    def write(step: int, image: Image) -> None:
        path = _preview(folder, job, step)
        if step == 0 and replaces:  # those of a longer run would stay beside the new ones
            _remove_previews(folder, job)
        marked = png.insert_text(encode(image), {png.PREVIEW: f"step {step}"})
        files.write_atomic(path, marked, overwrite=replaces)

    return replace(watcher, on_foreseen=write)


def _preview(folder: Path, job: Job, step: int) -> Path:
    return folder / f"{job.path.stem}-step-{step:03d}.png"


def _remove_previews(folder: Path, job: Job) -> None:
    """Remove what an earlier run has written for a picture, and nothing else.

    Raises:
        SyncPanoError: one cannot be removed.
    """
    start = f"{job.path.stem}-step-"
    for path in list(folder.glob(f"{escape(start)}*.png")):
        if not re.fullmatch("[0-9]{3,}", path.stem.removeprefix(start)) or files.is_folder(path):
            continue
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise SyncPanoError(
                f"{path} cannot be removed: {error.strerror or error}",
                hint="choose another folder for `--save-steps`",
                exit_code=RUN_FAILED,
            ) from error
