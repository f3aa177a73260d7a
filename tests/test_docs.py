"""The documentation tells the truth: every command in it is one, every flag is in it."""

from __future__ import annotations

import argparse
import re
import runpy
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from typer.main import get_command

from syncpano import runlog
from syncpano.cli import app
from syncpano.config import settings
from tests.conftest import REPOSITORY, Outcome

README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
REFERENCE = (REPOSITORY / "docs" / "cli.md").read_text(encoding="utf-8")


def readme_commands() -> list[str]:
    """Lines of the README's shell blocks that call syncpano."""
    blocks = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    return [line.split("  #")[0].strip() for line in lines if line.startswith("syncpano ")]


def test_the_readme_has_commands() -> None:
    assert len(readme_commands()) >= 5


@pytest.mark.parametrize("command", [c for c in readme_commands() if c.startswith("syncpano gen")])
def test_a_generate_command_of_the_readme_is_valid(
    cli: Callable[..., Outcome], command: str
) -> None:
    Path("prompts.txt").write_text("A waterfall\n")
    arguments = shlex.split(command)[1:]
    if "--from" in arguments:
        log = runlog.begin({"prompt": "A waterfall", **DEFAULTS}, {})
        Path(arguments[arguments.index("--from") + 1]).parent.mkdir(exist_ok=True)
        runlog.write(Path(arguments[arguments.index("--from") + 1]), log)
    done = cli(*arguments, "--dry-run")
    assert done.code == 0, done.err


DEFAULTS = {name: item.default for name, item in settings().items() if name != "prompt"}


def documented_commands() -> list[str]:
    """The README's, and those that stand in a line of any page."""
    pages = [REPOSITORY / "README.md", *(REPOSITORY / "docs").rglob("*.md")]
    pages += (REPOSITORY / "benchmarks").glob("*.md")
    inline = (re.findall(r"`(syncpano [^`]+)`", page.read_text(encoding="utf-8")) for page in pages)
    return sorted(
        {*readme_commands(), *(" ".join(line.split()) for found in inline for line in found)}
    )


def documented_scripts() -> list[str]:
    """Commands of scripts, in a line of any page or in lines of their own."""
    pages = [REPOSITORY / "README.md", *(REPOSITORY / "docs").rglob("*.md")]
    pages += (REPOSITORY / "benchmarks").glob("*.md")
    found = []
    for page in pages:
        text = page.read_text(encoding="utf-8").replace("\\\n", " ")
        shown = re.findall(r"`([^`]+)`", text) + re.findall(r"^ {4}([^#\n]+)", text, re.MULTILINE)
        found += [" ".join(command.split()) for command in shown]
    scripts = (command for command in found if re.search(r"\b\w+\.py\s+[-\w]", command))
    return sorted({command for command in scripts if "train.py" not in command})


class _Parsed(BaseException):
    """A script has read its arguments."""


@pytest.mark.parametrize("command", documented_scripts())
def test_a_documented_script_has_the_arguments_that_it_is_given(
    command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = shlex.split(command)
    start = next(n for n, word in enumerate(words) if word.endswith(".py"))
    folders = REPOSITORY / "scripts", REPOSITORY / "scripts" / "pocket"
    paths = (folder / Path(words[start]).name for folder in folders)
    script = next(path for path in paths if path.is_file())
    read = argparse.ArgumentParser.parse_args

    def parsed(parser: argparse.ArgumentParser) -> None:
        read(parser)
        raise _Parsed

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parsed)
    monkeypatch.setattr(sys, "argv", words[start:])
    monkeypatch.syspath_prepend(script.parent)
    with pytest.raises(_Parsed):
        runpy.run_path(str(script), run_name="__main__")


def test_documented_scripts_are_found() -> None:
    assert len(documented_scripts()) > 15


def test_documented_commands_are_found() -> None:
    assert len(documented_commands()) > 30


@pytest.mark.parametrize("command", documented_commands())
def test_a_documented_command_has_the_options_that_it_names(command: str) -> None:
    parser, words = get_command(app), shlex.split(command.replace("--seed N", "--seed 1"))[1:]
    while hasattr(parser, "get_command") and words and not words[0].startswith("-"):
        found = parser.get_command(parser.context_class(parser), words[0])
        assert found is not None, words[0]
        parser, words = found, words[1:]
    try:
        parser.make_context("syncpano", words)
    except Exception as error:  # typer has a click of its own, whose classes are private
        if type(error).__name__ not in ("MissingParameter", "Exit", "Abort"):
            raise


def test_every_flag_and_command_is_in_the_reference() -> None:
    def flags(command: object) -> set[str]:
        own = {flag for param in command.params for flag in param.opts}  # type: ignore[attr-defined]
        inner = getattr(command, "commands", {}).values()
        return own.union(*(flags(part) for part in inner))

    missing = {
        flag
        for flag in flags(get_command(app))
        if flag.startswith("--")
        and "completion" not in flag
        and not re.search(rf"(?<![\w-]){flag}(?![\w-])", REFERENCE)
    }
    assert not missing, "run `make docs`"


def test_every_field_of_the_run_log_is_documented() -> None:
    page = (REPOSITORY / "docs" / "runlog.md").read_text(encoding="utf-8")
    assert all(f"| `{field}` |" in page for field in runlog.begin(DEFAULTS | {"prompt": ""}, {}))


def test_every_config_says_what_it_is_for() -> None:
    for path in (REPOSITORY / "configs").glob("*.yaml"):
        assert path.read_text(encoding="utf-8").startswith("# ")
        assert isinstance(yaml.safe_load(path.read_text(encoding="utf-8")), dict)


def test_the_python_example_of_the_readme_runs(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    for picture in re.findall(r"--output (\S+)", "\n".join(readme_commands())):
        Path(picture).touch()  # who reads from top to bottom has painted it
    there = set(Path().rglob("*.png"))
    small = {"model": str(tiny_model), "height": 64, "sync_weight": 0.0, "steps": 1}
    import syncpano

    real = syncpano.generate
    monkeypatch.setattr(
        syncpano,
        "generate",
        lambda *args, **changes: real(*args, **{**changes, **small, "width": 128}),
        raising=False,
    )
    exec(compile(example, "README.md", "exec"), {})
    assert set(Path().rglob("*.png")) - there
