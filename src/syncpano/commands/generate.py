"""`syncpano generate`: prompts and settings in, panoramas and run logs out."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from syncpano import batch, runlog
from syncpano.advice import left_out, too_strong, without_effect
from syncpano.checks import check_values
from syncpano.commands.dry_run import foreseen, print_dry_run, warn_of_words
from syncpano.commands.options import complete_config, takes_settings
from syncpano.commands.request import (
    Request,
    at_hand,
    check_names,
    labels,
    lay_out,
    name_configs,
    place_jobs,
    read_prompts,
    read_seeds,
    remaining,
    resolve_settings,
    restore_logs,
    warn_of_variables,
)
from syncpano.console import Bar, Voice, print_result, quiet_libraries
from syncpano.errors import RUN_FAILED, SyncPanoError
from syncpano.fingerprints import differing, other_pixels
from syncpano.models.aliases import ALIASES
from syncpano.models.source import (
    ModelSource,
    comes_from_hub,
    resolve_early,
    resolve_source,
)
from syncpano.plan import plan

if TYPE_CHECKING:
    from syncpano.pipeline import Watcher
    from syncpano.sampler import StepReport


@takes_settings
def generate(
    prompt: str | None = typer.Argument(
        None, show_default=False, help="What to paint; `-` reads prompts from standard input."
    ),
    prompts: Path | None = typer.Option(
        None,
        "--prompts",
        metavar="FILE",
        help="One prompt a line, `-` for standard input; # lines are skipped.",
    ),
    seeds: str | None = typer.Option(
        None, "--seeds", metavar="LIST", help="Several seeds, such as 1,2,5-10."
    ),
    configs: list[str] = typer.Option(
        [],
        "--config",
        metavar="NAME|FILE",
        help="Settings from a named config or a YAML file; of several the later wins.",
        autocompletion=complete_config,
        show_default=False,
    ),
    from_log: Path | None = typer.Option(
        None, "--from", metavar="RUN", help="Settings of an earlier run: its .json or .png."
    ),
    output: Path | None = typer.Option(
        None, "--output", "-o", metavar="FILE", help="Where the one picture goes (.png)."
    ),
    output_dir: Path | None = typer.Option(
        None,
        "--output-dir",
        metavar="DIR",
        help="Where pictures go, as <slug>-<seed>.png (default: out).",
        show_default=False,
    ),
    overwrite: bool = typer.Option(False, "--overwrite", help="Replace pictures that exist."),
    resume: bool = typer.Option(
        False, "--resume", help="Keep pictures that exist and paint what is missing."
    ),
    save_steps: Path | None = typer.Option(
        None, "--save-steps", metavar="DIR", help="Write the foreseen panorama of every step there."
    ),
    as_json: bool = typer.Option(False, "--json", help="Print run logs instead of paths."),
    dry_run: bool = typer.Option(
        False, "--dry-run", help="Print settings with their origins, windows, calls and memory."
    ),
    quiet: bool = typer.Option(False, "--quiet", "-q", help="Nothing on stderr but errors."),
    verbose: bool = typer.Option(False, "--verbose", "-v", help="Say where the time goes."),
    debug: bool = typer.Option(False, "--debug", help="Log everything; errors with traceback."),
    **flags: Any,
) -> None:
    """Paint panoramas: one for each prompt and seed.

    Settings come from flags, then SYNCPANO_* variables, then --config, then --from.
    """
    voice = Voice(quiet=quiet, verbosity=2 if debug else int(verbose))
    texts, numbers = read_prompts(prompt, prompts), read_seeds(seeds, flags)
    if texts:
        flags["prompt"] = texts[0]
    if numbers:
        flags["seed"] = str(numbers[0])
    check_names(configs)
    resolved = resolve_settings(flags, configs, from_log)
    options = batch.Options(overwrite=overwrite, resume=resume, save_steps=save_steps)
    pictures = name_configs(resolved, texts, numbers)
    request = Request(resolved, place_jobs(pictures, output, output_dir), options)
    warn_of_variables(voice)
    source = _check(request, voice, dry_run=dry_run)
    if resolved.values["revision"] is not None and source.revision is not None:
        # From here on a branch or tag is its commit, as in the run logs that `--resume` reads.
        request = replace(request, jobs=[job.at(source.revision) for job in request.jobs])
    if dry_run:
        jobs = foreseen(request, source, voice)
        warn_of_words(jobs, source, voice)
        print_dry_run(jobs, resolved, as_json=as_json)
        return
    with voice.logging():
        _paint(request, source, voice, resolved.earlier, as_json=as_json)


def _check(request: Request, voice: Voice, *, dry_run: bool) -> ModelSource:
    """Refuse what can be refused before a weight is read, and warn of what has no effect."""
    first, resume = request.jobs[0].config, request.options.resume
    for job in request.jobs:
        check_values(job.config, request.resolved.written)
    source = at_hand(first)
    plans = lay_out(request, source) if source is not None else []
    try:
        if not resume:  # nothing is fetched for what exists
            batch.pending(request.jobs, request.options)
    except SyncPanoError as error:
        if not dry_run:
            raise
        voice.warn(f"{error.message}: {error.hint}")
    # `--resume` compares commits, and only what is fetched tells a branch's.
    wants_commit = resume and first.revision is not None
    if source is None or (wants_commit and source.revision is None):
        if not dry_run and comes_from_hub(first.model):
            _check_before_download(request)
        resolve = resolve_source if wants_commit else resolve_early
        bar = not voice.quiet
        source = resolve(first.model, first.revision, download=not dry_run, progress=bar)
        plans = lay_out(request, source)
    explicit = request.resolved.explicit()
    advice = without_effect(plans[0], source, explicit) + too_strong(first, explicit)
    for sentence in advice + left_out(plans[0]):
        voice.warn(sentence)
    return source


def _check_before_download(request: Request) -> None:
    """Refuse before gigabytes come what can be refused without them."""
    from syncpano.models.precision import check_precision

    first = request.jobs[0].config
    check_precision(first.device, first.dtype)
    if not request.options.resume:  # which may find that it writes nothing
        batch.check_places(request.jobs, request.options)


def _paint(
    request: Request,
    source: ModelSource,
    voice: Voice,
    earlier: runlog.Log | None,
    *,
    as_json: bool,
) -> None:
    jobs = remaining(request, source, voice)
    restore_logs(request, jobs, voice)
    batch.check_places(jobs, request.options)
    if not jobs:
        return
    if voice.verbosity < 2:
        quiet_libraries()
    from syncpano.models.precision import check_precision

    first = jobs[0].config
    check_precision(first.device, first.dtype)
    # Once, before the batch: a model that cannot be fetched fails no picture, it fails the command.
    source = resolve_source(first.model, first.revision, download=True, progress=not voice.quiet)
    if earlier is not None and _is_model_of(earlier, source):
        for names in differing(earlier, plan(first, source), source):
            voice.warn(f"{names} are not those of the run it starts from")
    from syncpano.pipeline import Studio

    with voice.bar() as bar:
        failures = batch.run(
            jobs,
            request.resolved.origins,
            Studio(),
            request.options,
            _events(jobs, voice, bar, earlier, as_json=as_json),
        )
    if first.model == "pocket" and failures < len(jobs):
        voice.say(pocket_notice())
    if failures:
        raise typer.Exit(RUN_FAILED)


def _is_model_of(earlier: runlog.Log, source: ModelSource) -> bool:
    """Whether a run was painted with this model; another one is no surprise."""
    return earlier["model"] is not None and earlier["model"]["id"] == source.id


def pocket_notice() -> str:
    """What the embedded model is, and what paints photographs."""
    gigabytes = ALIASES["sd2"].download_bytes / 1e9
    return (
        "painted by pocket, the small model inside syncpano; `--model sd2` paints photographs "
        f"({gigabytes:.1f} GB download, GPU advised)"
    )


def _events(
    jobs: list[batch.Job], voice: Voice, bar: Bar, earlier: runlog.Log | None, *, as_json: bool
) -> batch.Events:
    about = labels(jobs)

    def watch(job: batch.Job) -> Watcher:
        from syncpano.pipeline import Watcher

        index = next(i for i, other in enumerate(jobs, 1) if other is job)
        bar.begin(f"{index}/{len(jobs)} {job.path.stem[:40]}")
        voice.about = about[job.config.prompt]
        return Watcher(
            on_stage=bar.stage,
            on_planned=lambda planned: bar.expect(planned.num_reports),
            on_step=lambda report: bar.step(_mean(report)),
        )

    def saved(job: batch.Job, log: runlog.Log) -> None:
        with bar.hidden():
            if reason := earlier and other_pixels(earlier, log):
                voice.warn(f"the pixels are not those of the run it starts from: {reason}")
            voice.detail(_timing_line(log))
            print_result(json.dumps(log) if as_json else str(job.path))

    def kept(job: batch.Job) -> None:
        voice.say(f"{job.path} exists by now")

    def failed(job: batch.Job, error: SyncPanoError) -> None:
        voice.error(error)
        if len(jobs) > 1:
            voice.say(f"{job.path} was not painted; going on")

    return batch.Events(watch, saved, kept, failed)


def _mean(report: StepReport) -> float | None:
    return sum(report.distances) / len(report.distances) if report.distances else None


def _timing_line(log: runlog.Log) -> str:
    parts = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in log["timings"].items())
    return f"{log['image']['path']}: {parts}"
