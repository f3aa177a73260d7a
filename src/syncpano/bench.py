"""Time presets against each other: every case in its own process, in turns. No torch.

A round runs every case once, so that what else the machine does meets all of them alike; ratios
are taken within a round. The peak memory of a process is its case's alone.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

from syncpano.config import PanoramaConfig
from syncpano.errors import OUT_OF_MEMORY, RUN_FAILED, SyncPanoError
from syncpano.files import short_name
from syncpano.models.source import ModelSource
from syncpano.plan import count_calls, plan

SCHEMA = "syncpano.bench/1"
_NO_MEMORY = ("memoryerror", *OUT_OF_MEMORY)  # in the last line of what ran out of it


@dataclass(frozen=True)
class Case:
    """What is timed: a preset at a width."""

    preset: str
    config: PanoramaConfig


@dataclass
class Timed:
    """A case and its runs.

    Attributes:
        runs: what `syncpano.bench_case` printed, one entry a round.
    """

    case: Case
    calls: Mapping[str, int]
    windows: int
    runs: list[dict[str, Any]] = field(default_factory=list)

    def median(self, key: str) -> float | None:
        """Median over the rounds; None where the machine does not tell."""
        values = [run[key] for run in self.runs]
        return None if None in values else float(median(values))


def lay_out(cases: Sequence[Case], source: ModelSource) -> list[Timed]:
    """Check every case and count its windows and model calls.

    Raises:
        SyncPanoError: a case cannot work.
    """
    timed = []
    for case in cases:
        planned = plan(case.config, source)
        timed.append(Timed(case, asdict(count_calls(planned)), len(planned.grid(0).windows)))
    return timed


def time_in_turns(
    timed: Sequence[Timed], rounds: int, on_run: Callable[[Timed], None] = lambda _: None
) -> None:
    """Fill `runs`: every case once a round.

    Raises:
        SyncPanoError: a case failed.
    """
    for _ in range(rounds):
        for item in timed:
            item.runs.append(run_case(item.case.config))
            on_run(item)


def run_case(config: PanoramaConfig) -> dict[str, Any]:
    """One measured run in a fresh process.

    Raises:
        SyncPanoError: the run failed; the message is the process's own.
    """
    done = subprocess.run(
        # -P: what lies in the current folder is no module, whatever it is called.
        [sys.executable, "-P", "-m", "syncpano.bench_case"],
        input=json.dumps(asdict(config)),
        capture_output=True,
        text=True,
        check=False,
    )
    result = _last_object(done.stdout)
    if result is None:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        hint = "`syncpano generate` with the same settings shows the whole error"
        if done.returncode < 0 or any(sign in last.lower() for sign in _NO_MEMORY):
            hint = "free some memory, or use a smaller `--width` or `--window-batch`"
        raise SyncPanoError(
            f"a benchmark process ended with code {done.returncode}: {last}",
            hint=hint,
            exit_code=RUN_FAILED,
        )
    if "error" in result:
        raise SyncPanoError(result["error"], hint=result["hint"], exit_code=result["exit_code"])
    return result


def _last_object(printed: str) -> dict[str, Any] | None:
    """The JSON object in the last line; None where there is none."""
    try:
        found = json.loads(printed.splitlines()[-1])
    except (IndexError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def summarise(timed: Sequence[Timed], command: str) -> dict[str, Any]:
    """Everything that was measured; bench.schema.json describes it."""
    return {
        "schema": SCHEMA,
        "command": command,
        "environment": timed[0].runs[0]["environment"],
        "model": timed[0].runs[0]["model"],
        "rounds": len(timed[0].runs),
        "cases": [_case(item, timed[0]) for item in timed],
    }


def _case(item: Timed, first: Timed) -> dict[str, Any]:
    seconds = [run["seconds"] for run in item.runs]
    ratios = [b["seconds"] / a["seconds"] for a, b in zip(first.runs, item.runs, strict=True)]
    flops, reached = item.runs[0]["flops"], item.median("seconds")
    peak = item.median("matmul_flops_per_second")
    assert reached is not None
    assert peak is not None
    return {
        "preset": item.case.preset,
        "width": item.case.config.width,
        "height": item.case.config.height,
        "config": asdict(item.case.config),
        "windows": item.windows,
        "calls": dict(item.calls),
        "flops": flops,
        "seconds": {
            "median": reached,
            "least": min(seconds),
            "most": max(seconds),
            "all": seconds,
        },
        "cpu_seconds": item.median("cpu_seconds"),
        "load_seconds": item.median("load_seconds"),
        "ratio_to_first": {"median": median(ratios), "least": min(ratios), "most": max(ratios)},
        "matmul_flops_per_second": peak,
        "share_of_peak": flops / reached / peak,
        "peak_bytes": {
            "process": item.median("process_bytes"),
            "device": item.median("device_bytes"),
        },
    }


def to_markdown(report: Mapping[str, Any], title: str = "Speed") -> str:
    """A page with the table, the machine and the command that repeats it."""
    environment, cases = report["environment"], report["cases"]
    versions = environment["versions"]
    header = (
        "preset|size|windows|predictions, gradients|TFLOP|seconds (least to most)|"
        "times the first|processor seconds|of the matmul peak|peak memory GiB"
    )
    rows = [header.split("|"), ["---"] * 10, *(_row(case) for case in cases)]
    table = "\n".join("| " + " | ".join(row) + " |" for row in rows)
    made = ", ".join(f"{name} {versions[name]}" for name in ("syncpano", "torch", "diffusers"))
    return (
        f"# {title}\n\nMade by `{report['command']}`: medians of {report['rounds']} rounds, every "
        "case once a round in its own process, after a warm-up; loading and saving are not "
        "counted. The ratio to the first case is the median of the rounds' ratios.\n\n"
        f"{table}\n\n"
        f"Model {short_name(report['model']['id'])} (weights {report['model']['hash'][:12]}), "
        f"{environment['dtype']} on {environment['device']} ({environment['device_name']}, "
        f"{environment['threads']} threads), {environment['platform']}; Python "
        f"{versions['python']}, {made}. The matmul peak is measured in every process with square "
        "matrices in the model's number format.\n"
    )


def _row(case: Mapping[str, Any]) -> list[str]:
    seconds, ratio, calls = case["seconds"], case["ratio_to_first"], case["calls"]
    memory = case["peak_bytes"]["device"] or case["peak_bytes"]["process"]
    return [
        case["preset"],
        f"{case['width']} x {case['height']}",
        str(case["windows"]),
        f"{calls['predictions']}, {calls['gradients']}",
        f"{case['flops'] / 1e12:.3g}",
        f"{seconds['median']:.2f} ({seconds['least']:.2f} to {seconds['most']:.2f})",
        f"{ratio['median']:.3f}",
        f"{case['cpu_seconds']:.2f}",
        f"{case['share_of_peak']:.0%}",
        f"{memory / 2**30:.2f}",
    ]
