"""Whatever one writes into flags, variables, files and logs: a result or an error, no traceback."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any
from unittest import mock

import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from syncpano import runlog
from syncpano.cli import run
from syncpano.config import PanoramaConfig
from syncpano.config import settings as all_settings

SHARED = settings(
    max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
NAMES = [name for name in all_settings() if name not in ("prompt", "loop", "compile")]
WORDS = st.sampled_from(
    [
        *(
            "",
            "auto",
            "0",
            "-1",
            "1",
            "7",
            "64",
            "96",
            "4096",
            "1e400",
            "nan",
            "-inf",
            "0x10",
            "1_0",
        ),
        *(
            "true",
            "tiny",
            "pocket",
            "sync",
            "bld",
            "unipc",
            "a" * 5000,
            "9" * 400,
            "--",
            "~",
            "/",
            "..",
            "./x",
        ),
        *("\x00", "\ud800", "\u0663"),  # text ends, half a character, an Arabic three
    ]
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | WORDS
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
KEYS = st.sampled_from([*all_settings(), "sync-weight", "x", ""]) | st.text(max_size=8)


def outcome(*arguments: str) -> tuple[int, str]:
    """Exit code and stderr of a command line; an exception passes through and fails the test."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        return run(arguments), err.getvalue()


def check(code: int, err: str) -> None:
    assert code in (0, 1, 2)
    assert (code == 0) == ("error: " not in err)
    assert "Traceback" not in err
    assert len(err) < 20_000


@SHARED
@given(st.dictionaries(st.sampled_from(NAMES), WORDS, max_size=4), WORDS)
def test_flags(tiny_model: Path, flags: dict[str, str], prompt: str) -> None:
    given_flags = {"model": str(tiny_model), "height": "64"} | flags
    arguments = [f"--{name.replace('_', '-')}={text}" for name, text in given_flags.items()]
    check(*outcome("generate", *arguments, "--dry-run", "--", prompt))


@SHARED
@given(st.dictionaries(st.sampled_from(list(all_settings())), WORDS, max_size=4))
def test_variables(tiny_model: Path, values: dict[str, str]) -> None:
    usable = {
        all_settings()[name].variables[0]: text
        for name, text in values.items()
        if "\x00" not in text and text.isprintable()  # the system allows no others
    }
    with mock.patch.dict(os.environ, usable):
        check(*outcome("generate", "a", "--model", str(tiny_model), "--dry-run"))


@SHARED
@given(st.dictionaries(KEYS, VALUES, max_size=5) | VALUES)
def test_configs(tiny_model: Path, content: Any) -> None:
    Path("mine.yaml").write_text(yaml.safe_dump(content), encoding="utf-8", errors="replace")
    check(*outcome("generate", "a", "--config", "mine.yaml", "--dry-run"))


@SHARED
@given(st.text(max_size=200) | st.binary(max_size=200))
@example("? [a]\n: b")
@example("!!set {a, b}")
@example("- &a [*a]")
@example("%YAML 9.9\n---\na: 1")
def test_files_that_may_be_yaml(content: str | bytes) -> None:
    raw = content if isinstance(content, bytes) else content.encode("utf-8", "replace")
    Path("mine.yaml").write_bytes(raw)
    check(*outcome("generate", "a", "--config", "mine.yaml", "--model", "sd2", "--dry-run"))


@SHARED
@given(st.dictionaries(KEYS, VALUES, max_size=4), st.dictionaries(KEYS, VALUES, max_size=3))
def test_run_logs(config: dict[str, Any], further: dict[str, Any]) -> None:
    whole = runlog.begin(asdict(PanoramaConfig("a")), {})
    log = whole | {"config": whole["config"] | config} | further
    Path("run.json").write_text(json.dumps(log), encoding="utf-8", errors="replace")
    check(*outcome("generate", "--from", "run.json", "--model", "sd2", "--dry-run"))
    check(*outcome("info", "run.json"))


@settings(SHARED, max_examples=20)
@given(
    st.fixed_dictionaries(
        {},
        optional={
            "width": st.sampled_from([64, 72, 96, 128, 136]),
            "height": st.sampled_from([64, 72, 96]),
            "stride": st.sampled_from(["auto", 8, 16, 24, 64]),
            "steps": st.sampled_from([1, 2, 3]),
            "w": st.sampled_from([0, 1, 1e6, 1e38]),
            "sync-freq": st.sampled_from([1, 2]),
            "sync-every": st.sampled_from([1, 2, 3]),
            "method": st.sampled_from(["sync", "multi", "bld", "independent"]),
            "windows": st.sampled_from(["overlapping", "shifted"]),
            "compare": st.sampled_from(["foreseen", "noisy"]),
            "gradient": st.sampled_from(["exact", "cond", "x0"]),
            "scheduler": st.sampled_from(["ddim", "dpmsolver++", "unipc"]),
            "guidance-scale": st.sampled_from([0, 1, 7.5]),
            "loss-size": st.sampled_from(["auto", 32, 48]),
            "window-batch": st.sampled_from(["auto", 1, 2]),
            "dtype": st.sampled_from(["float32", "bfloat16", "float16"]),
        },
    ),
    st.booleans(),
)
def test_runs(tiny_flags: list[str], options: dict[str, object], loop: bool) -> None:
    """Every option works with every other or is refused."""
    shutil.rmtree("out", ignore_errors=True)
    flags = [f"--{name}={value}" for name, value in options.items()] + ["--loop"] * loop
    check(*outcome("generate", "A waterfall", *tiny_flags, *flags))
