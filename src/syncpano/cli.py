"""The command `syncpano`: subcommands, and the one place where errors become exit codes."""

from __future__ import annotations

import shlex
import sys
import traceback
import warnings
from collections.abc import Sequence
from typing import Any

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
from syncpano.interrupts import SIGNALLED, Interrupted, end_by, raising_interrupted

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
    code = run(sys.argv[1:])
    if code > SIGNALLED:
        end_by(code - SIGNALLED)
    sys.exit(code)


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
            traceback.print_exc()
        else:
            voice.error(error)
        return error.exit_code
    except typer.TyperException as error:
        hint = _help_hint(error, arguments)
        voice.error(SyncPanoError(_first_lower(error.format_message()), hint=hint))
        return BAD_INPUT
    except Interrupted as signal:
        voice.say(f"interrupted by {signal}")
        return signal.exit_code


def _first_lower(message: str) -> str:
    return message[:1].lower() + message[1:].rstrip(".")


def _help_hint(error: typer.TyperException, arguments: Sequence[str]) -> str:
    context = getattr(error, "ctx", None)
    path, command = _command(arguments)
    help_command = f"`{context.command_path if context else path} --help`"
    message, option = error.format_message(), getattr(error, "option_name", None)
    if "unexpected extra argument" in message and path.endswith("generate"):
        return f'see {help_command}, or put the prompt into quotes: "A waterfall"'
    if "does not take a value" in message:
        names = next((found for found in map(_names, command.params) if option in found), [option])
        return f"use {' or '.join(f'`{name}`' for name in names)}, see {help_command}"
    if option is not None and path.endswith("generate"):
        # What begins as an option, is none and has spaces: a prompt.
        prompts = [text for text in arguments if text.startswith(option) and " " in text]
        if prompts and message.startswith("No such option"):
            quoted = shlex.quote(prompts[0])
            return f"a prompt that begins with a dash goes last, after `--`: `-- {quoted}`"
    return f"see {help_command}"


def _names(parameter: Any) -> list[str]:
    """An option's names, those that switch it off too."""
    return [*parameter.opts, *parameter.secondary_opts]


def _command(arguments: Sequence[str]) -> tuple[str, Any]:
    """The command that a command line names, and its name; not all errors know them."""
    path, command = "syncpano", typer.main.get_command(app)
    for word in arguments:
        inner = getattr(command, "commands", {})
        if word not in inner:
            break
        path, command = f"{path} {word}", inner[word]
    return path, command
