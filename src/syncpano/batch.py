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
from syncpano.fingerprints import differing
from syncpano.interrupts import Interrupted, held_back
from syncpano.layers import was_auto
from syncpano.lists import MAX_PICTURES
from syncpano.models.source import ModelSource
from syncpano.plan import plan
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
    if len(configs) > MAX_PICTURES:
        raise SyncPanoError(f"{len(configs)} pictures are too many for one run")
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
        job = _found(asked) if options.resume else asked
        there = files.exists(job.path)
        if there and options.resume:
            _check_kept(job, source)
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
    """Keep the log of a run without a picture, unless an older picture's log is there."""
    if files.exists(job.path):
        return
    log["status"], log["error"], log["image"] = status, error, None
    runlog.write(log_path(job.path), log)


def _with_previews(watcher: Watcher, job: Job, options: Options) -> Watcher:
    folder = options.save_steps
    if folder is None:
        return watcher

    def write(step: int, image: Image) -> None:
        path = _preview(folder, job, step)
        marked = png.insert_text(encode(image), {png.PREVIEW: f"step {step}"})
        files.write_atomic(path, marked, overwrite=options.overwrite or options.resume)

    return replace(watcher, on_foreseen=write)


def _preview(folder: Path, job: Job, step: int) -> Path:
    return folder / f"{job.path.stem}-step-{step:03d}.png"


def _found(job: Job) -> Job:
    """The job where its picture is: prompts of one slug have other names in another order."""
    other = job.other
    if other is None or not files.is_file(other) or _shows(job.path, job) or not _shows(other, job):
        return job
    return replace(job, path=other)


def _shows(path: Path, job: Job) -> bool:
    try:
        return bool(runlog.read(path)["prompt"] == job.config.prompt)
    except SyncPanoError:  # no picture, or none of ours
        return False


def _check_kept(job: Job, source: ModelSource | None) -> None:
    """Refuse to take the picture at a job's place for the job's."""
    if not png.is_png(job.path):
        raise _not_kept(job, "is no PNG")
    if not png.is_whole(job.path):
        raise SyncPanoError(
            f"{job.path} is a damaged PNG: it ends too early",
            hint="remove it, and `--resume` paints it again",
        )
    log, reason = runlog.read(job.path), None
    if log["prompt"] != job.config.prompt:
        reason = f"shows another prompt: {log['prompt'][:60]!r}"
    elif not _same_settings(job.config, log):
        reason = "was made with other settings"
    elif source is not None and source.folder is not None:
        changed = differing(log, plan(job.config, source), source)
        reason = f"{changed[0]} have changed since" if changed else None
    if reason is not None:
        raise _not_kept(job, reason)


def _not_kept(job: Job, reason: str) -> SyncPanoError:
    return SyncPanoError(
        f"{job.path} exists already and {reason}",
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


def _escaped(stem: str) -> str:
    return re.sub(r"([*?\[])", r"[\1]", stem)
