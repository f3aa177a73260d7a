"""What is said on stderr, and that nothing else is."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest

from syncpano.console import Voice, print_result
from syncpano.errors import SyncPanoError

Kind = Callable[[Voice], AbstractContextManager[Any]]
NAME = "[red]a:cat:.png"  # rich would make a colour and an emoji of it


def test_names_are_printed_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    voice = Voice()
    voice.warn(NAME)
    voice.error(SyncPanoError(NAME, hint=NAME))
    assert capsys.readouterr().err == f"warning: {NAME}\nerror: {NAME}\n\nhint: {NAME}\n"


def steps(voice: Voice) -> AbstractContextManager[Any]:
    return voice.bar()


def pictures(voice: Voice) -> AbstractContextManager[Any]:
    return voice.counting(NAME, 2)


@pytest.mark.parametrize("kind", [steps, pictures])
def test_beside_a_bar_results_go_to_stdout_and_warnings_to_stderr(
    kind: Kind, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # which makes it a terminal to rich
    voice = Voice()
    with kind(voice) as shown:
        if kind is steps:
            shown.begin(NAME)
        print_result("result.png")
        voice.warn(NAME)
    out, err = capsys.readouterr()
    assert out == "result.png\n"
    assert f"warning: {NAME}\n" in err
    assert f"\x1b[2K{NAME} " in err  # the bar


@pytest.mark.parametrize("kind", [steps, pictures])
def test_a_quiet_bar_shows_nothing(
    kind: Kind, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    with kind(Voice(quiet=True)):
        pass
    assert capsys.readouterr().err == ""
