"""`syncpano study`: ask people which of two runs they prefer."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from syncpano.commands.options import show_help
from syncpano.console import Voice, print_result
from syncpano.errors import RUN_FAILED

if TYPE_CHECKING:
    from syncpano.study.score import Score

app = typer.Typer(invoke_without_command=True, help="Ask people which of two runs they prefer.")


@app.callback()
def study(context: typer.Context) -> None:
    """Ask people which of two runs they prefer."""
    if context.invoked_subcommand is None:
        show_help(context)


@app.command()
def build(
    run_a: Path = typer.Argument(help="Folder of panoramas.", metavar="RUN_A"),
    run_b: Path = typer.Argument(help="Folder with the same prompts and seeds.", metavar="RUN_B"),
    questions: int = typer.Option(25, "--questions", min=1, help="Pairs to compare."),
    vigilance: int = typer.Option(5, "--vigilance", min=0, help="Further pairs to test attention."),
    seed: int = typer.Option(0, "--seed", help="Seed of choice and order."),
    montages: Path | None = typer.Option(
        None,
        "--montages",
        metavar="DIR",
        help="Pictures of `--method independent` for the vigilance pairs; without it montages are "
        "put together from both runs.",
    ),
    output: Path = typer.Option(Path("study"), "--output", "-o", metavar="DIR", help="Where to."),
    overwrite: bool = typer.Option(False, "--overwrite", help="Replace a study that exists."),
) -> None:
    """Write form.html for the participants and key.json for the scoring.

    The form holds all pictures and works offline; answers are downloaded as a JSON file. The key
    says which picture is whose: keep it from the participants.
    """
    from syncpano.metrics.pictures import find_pictures
    from syncpano.study import form
    from syncpano.study.pairs import find_pairs

    wrong = find_pictures([montages]) if montages else []
    paths = form.build(
        find_pairs(run_a, run_b),
        output,
        questions=questions,
        vigilance=vigilance,
        seed=seed,
        montages=wrong,
        overwrite=overwrite,
    )
    for path in paths:
        print_result(str(path))


@app.command()
def score(
    answers: list[Path] = typer.Argument(help="Files of participants.", metavar="ANSWERS"),
    key: Path | None = typer.Option(
        None,
        "--key",
        metavar="FILE",
        help="key.json of the study.",
        show_default="beside the answers, above them, or in study/",
    ),
    as_json: bool = typer.Option(False, "--json", help="Print all of it as JSON."),
) -> None:
    """How often run A was preferred, by the participants who passed every vigilance question."""
    from syncpano.study.score import find_key, read_key
    from syncpano.study.score import score as count

    voice = Voice()
    result = count(answers, read_key(key or find_key(answers)))
    for path, reason in result.skipped.items():
        voice.warn(f"{path} was skipped: {reason}")
    for participant, failed in result.dropped.items():
        numbers = ", ".join(map(str, failed))
        voice.say(f"{participant[:8]} was dropped: failed vigilance question {numbers}")
    print_result(json.dumps(asdict(result), indent=2) if as_json else _text(result))
    if result.skipped:
        raise typer.Exit(RUN_FAILED)


def _text(result: Score) -> str:
    lines = [f"{len(result.participants)} participants, {len(result.dropped)} dropped"]
    for aspect, found in result.preferences.items():
        if found.share is None or found.low is None or found.high is None:
            lines.append(f"{aspect:10}  no answers")
            continue
        lines.append(
            f"{aspect:10}  A preferred in {100 * found.share:.1f} % of {found.n} answers, "
            f"95 % interval {100 * found.low:.1f} to {100 * found.high:.1f}"
        )
    return "\n".join(lines)
