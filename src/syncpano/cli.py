"""The command `syncpano`: subcommands, and the one place where errors become exit codes."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence

import typer

from syncpano import __version__
from syncpano.commands import config, models, study
from syncpano.commands.bench import bench
from syncpano.commands.evaluate import evaluate
from syncpano.commands.generate import generate
from syncpano.commands.info import info
from syncpano.commands.options import show_help
from syncpano.commands.reproduce import reproduce
from syncpano.console import Voice, print_result
from syncpano.errors import BAD_INPUT, SyncPanoError
from syncpano.interrupts import Interrupted, raising_interrupted

app = typer.Typer(
    name="syncpano",
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
app.command()(generate)
app.command()(info)
app.command()(evaluate)
app.command()(bench)
app.command()(reproduce)
app.add_typer(models.app, name="models")
app.add_typer(config.app, name="config")
app.add_typer(study.app, name="study")


def _print_version(wanted: bool) -> None:
    if wanted:
        print_result(__version__)
        raise typer.Exit


@app.callback()
def syncpano(
    context: typer.Context,
    version: bool = typer.Option(
        False, "--version", callback=_print_version, is_eager=True, help="Print the version."
    ),
) -> None:
    """Coherent text-to-image panoramas of any width, by SyncDiffusion."""
    if context.invoked_subcommand is None:
        show_help(context)


def main() -> None:
    """Run the command line and exit."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command line; its exit code.

    0 done, 1 failed, 2 bad input, 129, 130 and 143 interrupted.
    """
    debug = "--debug" in arguments
    if not debug:
        warnings.simplefilter("ignore")  # the libraries' talk to their developers
    voice = Voice()
    try:
        with raising_interrupted():
            result = app(args=list(arguments), prog_name="syncpano", standalone_mode=False)
            return result if isinstance(result, int) else 0
    except SyncPanoError as error:
        if debug:
            raise
        voice.error(error)
        return error.exit_code
    except typer.TyperException as error:
        voice.error(SyncPanoError(_first_lower(error.format_message()), hint=_help_hint(error)))
        return BAD_INPUT
    except Interrupted as signal:
        voice.say(f"interrupted by {signal}")
        return signal.exit_code


def _first_lower(message: str) -> str:
    return message[:1].lower() + message[1:].rstrip(".")


def _help_hint(error: typer.TyperException) -> str:
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "syncpano"
    quotes = "unexpected extra argument" in error.format_message() and command.endswith("generate")
    return f"see `{command} --help`" + ', or put the prompt into quotes: "A waterfall"' * quotes
