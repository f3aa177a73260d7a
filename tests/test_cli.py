"""The command line: help, errors, exit codes, and what reaches stdout and stderr."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from syncpano import __version__
from tests.conftest import Outcome

Cli = Callable[..., Outcome]
TOO_LONG = "a" * 300  # for a file's name


def test_version(cli: Cli) -> None:
    assert cli("--version") == (0, f"{__version__}\n", "")


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"], ["generate", "--help"], ["config"]])
def test_help_is_a_result_and_no_error(cli: Cli, arguments: list[str]) -> None:
    done = cli(*arguments)
    assert done.code == 0
    assert "Usage: syncpano" in done.out
    assert done.err == ""


@pytest.mark.parametrize(
    ("arguments", "said", "hint"),
    [
        (["genrate"], "no such command 'genrate'", "generate"),
        (["generate", "--wdth", "1"], "no such option: --wdth", "syncpano generate --help"),
        (["generate", "a", "b"], "unexpected extra argument", "put the prompt into quotes"),
        (["generate", "-A castle"], "no such option: -A", "`-- '-A castle'`"),
        (["generate", "--A castle"], "no such option: --A castle", "`-- '--A castle'`"),
        (["generate", "-A"], "no such option: -A", "see `syncpano generate --help`"),
        (["generate", "a", "--loop=no"], "'--loop' does not take", "use `--loop` or `--no-loop`"),
        (["generate", "a", "--no-loop=1"], "'--no-loop' does not", "syncpano generate --help"),
        (["generate", "a", "--overwrite=1"], "does not take a value", "use `--overwrite`, see"),
        (["models", "list", "--json=1"], "does not take a value", "syncpano models list --help"),
        (["bench", "--widths"], "requires an argument", "syncpano bench --help"),
        (["--loop=no"], "no such option: --loop", "see `syncpano --help`"),
        (["generate"], "there is no prompt", "A waterfall"),
        (["generate", ""], "the prompt is empty", "say what to paint"),
        (["generate", "a", "--width", "wide"], "--width: 'wide' is not a whole number", "3072"),
        (["generate", "a", "--width", "40"], "width 40 is smaller than a window", "--width 64"),
        (["generate", "a", "--w", "nan"], "`--w nan` is not a finite number", "number"),
        (["generate", "a", "--w", "-1"], "`--w -1.0` is out of range", "at least 0"),
        (["generate", "a", "--loss", "l2"], "'l2' is not one of auto", "lpips-vgg"),
        (["generate", "a", "--seed", "1", "--seeds", "2"], "`--seed` and `--seeds`", "one of"),
        (["generate", "a", "--seeds", "5-1"], "seeds '5-1'", "1,2,5-10"),
        (["generate", "a", "--seeds", "x"], "seeds 'x'", "1,2,5-10"),
        (["generate", "a", "--seeds", "0-100000"], "'0-100000' are more than 100000", "several"),
        (["generate", "a", "--seeds", "0-99999,100000"], "100001 pictures are too", "several runs"),
        (["generate", "a", "--prompts", "p.txt"], "a PROMPT and a `--prompts`", "one of"),
        (["generate", "--prompts", "p.txt"], "p.txt cannot be read", "UTF-8"),
        (["generate", "a", "--config", "papr"], "'papr' is no named config", "`paper`"),
        (["generate", "a", "--config", "x.yaml"], "x.yaml cannot be read", "paper"),
        (
            ["generate", "a", "--config", "fast,loop"],
            "'fast,loop' are several configs",
            "give each its own: `--config fast --config loop`",
        ),
        (
            ["generate", "a", "--config", "fast loop, x.yaml"],
            "'fast loop, x.yaml' are several",
            "`--config fast --config loop --config x.yaml`",
        ),
        (["generate", "a", "--from", "x.json"], "x.json cannot be read", "run log"),
        (["generate", "a", "-o", "a.jpg"], "a.jpg is not a .png", "a.png"),
        (["generate", "a", "-o", ""], "`--output` names no file", "panorama.png"),
        (["generate", "a", "-o", f"{TOO_LONG}.png"], "File name too long", "another name"),
        (["generate", "a", "--overwrite", "--resume"], "`--overwrite` and `--resume`", "one of"),
        (["generate", "a", "--config", ""], "'' is no named config", "paper"),
        (["generate", "a", "-o", "a.png", "--output-dir", "d"], "`--output-dir`", "one of"),
        (["generate", "a", "-o", "a.png", "--seeds", "1,2"], "2 pictures", "--output-dir"),
        (["generate", "a", "--model", "sd3"], "unknown model 'sd3'", "sd"),
        (["generate", "a", "--model", "./nothing"], "nothing", "diffusers"),
        (
            ["generate", "a", "--model", "~no-such-user/x"],
            "there is no such home folder",
            "whole path",
        ),
        (["generate", "a", "--model", f"/{TOO_LONG}"], "no such folder", "diffusers"),
        (["generate", "a", "--config", TOO_LONG], "is no named config", "paper"),
        (["generate", "a", "--loss-weights", TOO_LONG], "is no file", "safetensors"),
        (["generate", "a", "--loss-weights", "x"], "x is no file", "safetensors"),
        (["info", "missing.png"], "missing.png cannot be read", "run log"),
        (["config", "show", "papr"], "'papr' is no named config", "`paper`"),
    ],
    ids=lambda part: " ".join(part) if isinstance(part, list) else "",
)
def test_bad_input_is_an_error_with_a_hint_and_exit_code_2(
    cli: Cli,
    tiny_model: Path,
    arguments: list[str],
    said: str,
    hint: str,
) -> None:
    if arguments[:1] == ["generate"] and len(arguments) > 1 and "--model" not in arguments:
        arguments = [*arguments, "--model", str(tiny_model), "--height", "64"]
    done = cli(*arguments)
    assert (done.code, done.out) == (2, "")
    message, _, advice = done.err.partition("\n\nhint: ")
    assert message.startswith("error: ")
    assert said in message
    assert hint in advice or hint in message
    assert "Traceback" not in done.err
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"- a\n", "not a mapping"),
        (b"width: wide\n", "width in mine.yaml: 'wide' is not a whole number"),
        (b"sync_wieght: 3\n", "'sync_wieght' in mine.yaml is no setting"),
        (b"a: " + b"[" * 10_000_000, "larger than"),
        (b"a: " + b"[" * 1000, "nests deeper"),
        (b"\xff\xfe", "not valid YAML"),
        (b"width: 3072\nseed: [1\n", "in line 3"),
        (b"width: 3072\nwidth: 1024\n", "mine.yaml has 'width' twice"),
        (b"w: 3\nsync_weight: 4\n", "mine.yaml has sync_weight twice, as w and as sync_weight"),
        (b"sync-weight: 3\nw: 3\n", "mine.yaml has sync_weight twice, as sync-weight and as w"),
        (b"negative_prompt:\n", 'an empty one as `negative_prompt: ""`'),
    ],
    ids=[
        *("list", "type", "key", "size", "nesting", "bytes", "brackets", "twice"),
        *("two names", "name and flag", "empty"),
    ],
)
def test_a_bad_config_file_is_an_error(cli: Cli, tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "mine.yaml").write_bytes(content)
    done = cli("generate", "a", "--config", "mine.yaml")
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert len(done.err) < 500


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_full_standard_output_is_an_error_in_one_line() -> None:
    command = [sys.executable, "-m", "syncpano", "config", "show"]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "error: standard output cannot be written: No space left on device\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
@pytest.mark.parametrize("reader", ["full", "gone"])
def test_what_nobody_hears_does_not_end_a_command(
    reader: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYNCPANO_WDTH", "1")  # worth a warning
    command = [sys.executable, "-m", "syncpano", "config", "show"]
    end, pipe = os.pipe()
    os.close(end)
    stderr = os.open("/dev/full", os.O_WRONLY) if reader == "full" else pipe
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=stderr, text=True, check=False)
    assert done.returncode == 0
    assert "\nwidth: " in done.stdout


def test_a_folder_without_a_model_is_an_error(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = cli("generate", "a", "--model", "empty")
    assert done.code == 2
    assert "model_index.json" in done.err


@pytest.mark.parametrize("kept", [0, 4, 1000])
def test_truncated_weights_are_an_error_before_anything_is_loaded(
    cli: Cli, tiny_model: Path, tiny_flags: list[str], tmp_path: Path, kept: int
) -> None:
    shutil.copytree(tiny_model, tmp_path / "model")
    (weights,) = (tmp_path / "model" / "unet").glob("*.safetensors")
    weights.write_bytes(weights.read_bytes()[:kept])
    done = cli("generate", "a", *tiny_flags, "--model", "model")
    assert (done.code, done.out) == (2, "")
    assert "damaged" in done.err
    assert "hint:" in done.err


def test_the_hub_out_of_reach_is_an_error_with_a_way_to_work_offline(cli: Cli) -> None:
    started = time.monotonic()
    done = cli("generate", "a", "--model", "sd2")
    assert done.code == 1
    assert "not cached" in done.err
    assert "--model pocket" in done.err
    assert time.monotonic() - started < 10
    assert not Path("out/a-0.png").exists()


@pytest.mark.parametrize("place", ["file/out", "/proc/nowhere"])
def test_an_unwritable_output_is_an_error_before_the_run(
    cli: Cli, tiny_flags: list[str], place: str
) -> None:
    Path("file").touch()
    done = cli("generate", "a", *tiny_flags, "--output-dir", place)
    assert (done.code, done.out) == (2, "")
    assert "cannot be written" in done.err


def test_an_existing_picture_is_not_replaced_unless_asked(cli: Cli, tiny_flags: list[str]) -> None:
    Path("a.png").write_bytes(b"mine")
    done = cli("generate", "a", *tiny_flags, "-o", "a.png")
    assert done.code == 2
    assert "a.png exists already" in done.err
    assert "--overwrite" in done.err
    assert Path("a.png").read_bytes() == b"mine"
    assert cli("generate", "a", *tiny_flags, "-o", "a.png", "--overwrite").code == 0
    assert Path("a.png").read_bytes() != b"mine"


def test_a_variable_that_is_no_setting_warns(
    cli: Cli, tiny_flags: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYNCPANO_WDTH", "1")
    for command in (["generate", "a", *tiny_flags, "--dry-run"], ["config", "show"]):
        done = cli(*command)
        assert done.err == "warning: SYNCPANO_WDTH is no setting; did you mean SYNCPANO_WIDTH?\n"


def test_dry_run_shows_what_won_and_writes_nothing(
    cli: Cli, tiny_flags: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYNCPANO_SEED", "4")
    done = cli("generate", "A waterfall", *tiny_flags, "--config", "first3", "--dry-run")
    lines = {line.split()[0]: line.split()[1:] for line in done.out.splitlines() if line}
    assert lines["width"] == ["96", "flag"]
    assert lines["seed"] == ["4", "environment"]
    assert lines["initial-steps"] == ["3", "config", "first3"]
    assert lines["guidance-scale"] == ["7.5", "default"]
    assert lines["windows"][0] == "3"
    assert "GiB" in done.out
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize(
    "further",
    [
        "",
        "--sync-every 2",
        "--compare noisy",
        "--compare noisy --sync-every 2",
        "--predict-once",
        "--predict-once --sync-every 2",
        "--windows shifted",
        "--width 64",
    ],
)
def test_dry_run_counts_the_calls_that_the_run_makes(
    cli: Cli, tiny_flags: list[str], monkeypatch: pytest.MonkeyPatch, further: str
) -> None:
    from syncpano.models.bound_diffusion import BoundDiffusion

    tiny_flags = [*tiny_flags, "--width", "128", "--stride", "16", *further.split()]
    planned = json.loads(cli("generate", "a", *tiny_flags, "--dry-run", "--json").out)["calls"]
    counted = {"predict": 0, "decode": 0}
    for name in counted:
        real = getattr(BoundDiffusion, name)

        def count(self, views, *rest, name=name, real=real):  # type: ignore[no-untyped-def]
            counted[name] += len(views)
            return real(self, views, *rest)

        monkeypatch.setattr(BoundDiffusion, name, count)
    assert cli("generate", "a", *tiny_flags).code == 0
    assert (counted["predict"], counted["decode"]) == (planned["predictions"], planned["decodes"])


def test_config_show_is_yaml_that_gives_the_same_settings(cli: Cli) -> None:
    Path("mine.yaml").write_text(cli("config", "show", "first3").out)
    again = json.loads(cli("config", "show", "mine.yaml", "--json").out)
    assert again["config"] == json.loads(cli("config", "show", "first3", "--json").out)["config"]
    assert again["config"]["initial_steps"] == 3


def test_config_list_names_every_config(cli: Cli) -> None:
    lines = cli("config", "list").out.splitlines()
    assert {"paper", "first3", "loop", "tiny"} <= {line.split()[0] for line in lines}
    assert all(line.endswith(".") for line in lines)  # a whole sentence each


def test_models_lists_the_aliases_and_what_is_cached(cli: Cli) -> None:
    listed = {entry["alias"]: entry for entry in json.loads(cli("models", "--json").out)}
    assert list(listed) == ["pocket", "sd2", "sd1.5"]
    assert listed["sd2"]["folder"] is None
    assert "not downloaded" in cli("models").out
    for arguments in (("list", "--json"), ("--json", "list")):
        assert cli("models", *arguments) == cli("models", "--json")


def test_pulling_an_unknown_model_is_an_error(cli: Cli) -> None:
    assert cli("models", "pull", "pockt").code == 2


def test_what_is_pulled_is_not_printed_as_json(cli: Cli) -> None:
    done = cli("models", "--json", "pull", "sd2")
    assert done.code == 2
    assert "leave `--json` out" in done.err


def test_pulling_hints_at_what_can_be_pulled(cli: Cli) -> None:
    done = cli("models", "pull", "a/b/c")
    assert done.code == 2
    assert "hint: use sd2, sd1.5 or a Hub id `owner/name`\n" in done.err


def test_a_config_file_may_have_a_name_of_several(cli: Cli) -> None:
    Path("fast loop").write_text("steps: 7\n")
    done = cli("generate", "a", "--config", "fast loop", "--dry-run", "--json")
    assert json.loads(done.out)["config"]["steps"] == 7


@pytest.mark.parametrize(
    ("content", "variables", "said"),
    [
        ("seed: -4", {}, "error: `seed: -4` in mine.yaml is out of range\n"),
        ("", {"SYNCPANO_SEED": "-4"}, "error: `SYNCPANO_SEED=-4` is out of range\n"),
        ("steps: 1001", {}, "error: `steps: 1001` in mine.yaml is out of range\n"),
    ],
)
def test_no_flag_is_blamed_that_was_not_given(
    cli: Cli,
    tiny_model: Path,
    monkeypatch: pytest.MonkeyPatch,
    content: str,
    variables: dict[str, str],
    said: str,
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    Path("mine.yaml").write_text(content)
    command = ("generate", "a", "--model", tiny_model, "--config", "mine.yaml", "--dry-run")
    done = cli(*command)
    assert done.code == 2
    assert said in done.err


def test_info_tells_what_made_a_picture(cli: Cli, tiny_flags: list[str]) -> None:
    cli("generate", "A waterfall", *tiny_flags)
    for name in ("out/a-waterfall-0.png", "out/a-waterfall-0.json"):
        done = cli("info", name)
        assert done.code == 0
        assert "A waterfall" in done.out
        assert "width 96" in done.out
    assert json.loads(cli("info", "out/a-waterfall-0.png", "--json").out)["status"] == "done"


@pytest.mark.parametrize("kind", ["json", "png"])
def test_info_reads_what_a_shell_makes_of_a_command(
    cli: Cli, tiny_flags: list[str], kind: str
) -> None:
    """`<(cat a.json)`, which can be read once only."""
    cli("generate", "A waterfall", *tiny_flags, "-o", "a.png")
    reader, writer = os.pipe()
    with open(writer, "wb") as stream:  # noqa: PTH123
        stream.write(Path(f"a.{kind}").read_bytes())
    done = cli("info", f"/dev/fd/{reader}", "--json")
    os.close(reader)
    assert (done.code, done.err) == (0, "")
    assert json.loads(done.out)["prompt"] == "A waterfall"


@pytest.fixture
def in_ascii(monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """What a command line prints where the locale knows no other letters."""
    from syncpano.cli import run

    def call(*arguments: object) -> str:
        content = io.BytesIO()
        stream = io.TextIOWrapper(content, "ascii")
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", stream)
            assert run([str(argument) for argument in arguments]) == 0
        return content.getvalue().decode("ascii")

    return call


def test_json_is_json_whatever_letters_the_terminal_knows(
    in_ascii: Callable[..., str], tiny_flags: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    prompt = "Ein Schlo\u00df \U0001f30b \u6edd"
    monkeypatch.setenv("SYNCPANO_PROMPT", prompt)
    command = ("generate", *tiny_flags, "-o", "\u00df.png")
    assert json.loads(in_ascii(*command, "--dry-run", "--json"))["config"]["prompt"] == prompt
    assert json.loads(in_ascii(*command, "--json"))["prompt"] == prompt
    assert json.loads(in_ascii("info", "\u00df.png", "--json"))["prompt"] == prompt
    assert json.loads(in_ascii("config", "show", "--json"))["config"]["prompt"] == prompt
    of_colours = in_ascii("evaluate", "\u00df.png", "--metrics", "colour", "--json")
    assert json.loads(of_colours)["images"][0]["path"] == "\u00df.png"
    assert yaml.safe_load(in_ascii("config", "show"))["prompt"] == prompt
    for beside in ("\u00df.json", "\u00df.png"):  # files are UTF-8
        assert prompt.encode() in Path(beside).read_bytes()


def test_debug_shows_the_traceback_that_others_do_not_see(cli: Cli) -> None:
    done = cli("generate", "", "--debug")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("Traceback (most recent call last):\n")
    assert "the prompt is empty\nhint: say what to paint" in done.err
    assert "Traceback" not in cli("generate", "").err


@pytest.mark.parametrize(
    ("arguments", "code", "unwanted"),
    [
        (["--help"], 0, {"torch", "diffusers", "transformers", "numpy"}),
        (["generate", "--help"], 0, {"torch", "diffusers", "transformers", "numpy"}),
        (["generate", "A waterfall", "--model", "sd2", "--dry-run"], 0, {"torch", "numpy"}),
        (["generate", "A waterfall", "--width", "100"], 2, {"torch", "numpy"}),
        (["evaluate", "missing.png"], 2, {"torch", "transformers", "PIL"}),
        (["reproduce", "table-s9"], 2, {"torch", "numpy"}),
    ],
    ids=str,
)
def test_help_and_refusals_load_no_heavy_library(
    arguments: list[str], code: int, unwanted: set[str]
) -> None:
    script = (
        "import sys; from syncpano.cli import run; code = run(sys.argv[1:]); "
        "print(*sys.modules, file=sys.stderr); sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == code, done.stderr
    assert not unwanted & set(done.stderr.split())


def test_the_module_is_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "syncpano", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"{__version__}\n"


def completed(words: str) -> list[str]:
    """What bash is offered for the last word."""
    environment = {
        "_SYNCPANO_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split()) - 1),
    }
    done = subprocess.run(
        [sys.executable, "-m", "syncpano"],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip().splitlines()


def test_completion_offers_the_choices_of_a_setting() -> None:
    assert completed("syncpano generate --scheduler dp") == ["dpmsolver++"]


def test_completion_offers_named_configs_and_files_of_settings() -> None:
    for name in ("final.yml", "fine.txt"):
        Path(name).touch()
    assert completed("syncpano generate --config fi") == ["first3", "final.yml"]
    # Of nothing bash makes the names of files, quoted, and in folders too.
    assert completed("syncpano generate --config my/fi") == []
    for name in ("first of all.yaml", "files/mine.yaml"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).touch()
        assert completed("syncpano generate --config fi") == []
        Path(name).unlink()
