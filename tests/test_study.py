"""The user study kit: a form that gives nothing away, and scores with known answers."""

from __future__ import annotations

import base64
import io
import json
import os
import random
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from syncpano.study.montages import montage_beside
from syncpano.study.pairs import Pair, find_pairs
from syncpano.study.score import wilson
from tests.chromium import needs_chromium, run_in_page
from tests.conftest import Outcome
from tests.pictures import montage, save, scene

Cli = Callable[..., Outcome]
ASPECTS = ("coherence", "quality", "prompt_fit")


@pytest.fixture
def runs(tmp_path: Path) -> tuple[Path, Path]:
    for seed in range(6):
        save(scene(seed), tmp_path / "a" / f"view <{seed}>.png")
        save(montage(seed, seed + 1, seed + 2), tmp_path / "b" / f"view <{seed}>.png")
    return tmp_path / "a", tmp_path / "b"


def built(cli: Cli, runs: tuple[Path, Path], *more: object) -> tuple[str, dict[str, Any]]:
    outcome = cli("study", "build", *runs, "--questions", 4, "--vigilance", 2, *more)
    assert outcome.code == 0, outcome.err
    form, key = (Path(line) for line in outcome.out.split("\n")[:2])
    return form.read_text(), json.loads(key.read_text())


def answers(
    key: dict[str, Any], name: str, *, wanted: str = "a", asleep: bool = False
) -> dict[str, Any]:
    """A participant who always wants one run, and attends or not."""

    def chosen(question: dict[str, Any]) -> str:
        sides = {question["first"]: "first", question["second"]: "second"}
        if question["vigilance"]:
            (panorama,) = set(sides) - {"montage"}
            return sides["montage" if asleep else panorama]
        return sides[wanted]

    return {
        "schema": "syncpano.study-answers/1",
        "study": key["study"],
        "participant": name,
        "answers": [
            {"question": q["number"], **dict.fromkeys(ASPECTS, chosen(q))} for q in key["questions"]
        ],
    }


def write(folder: Path, *given: dict[str, Any]) -> list[Path]:
    folder.mkdir(exist_ok=True)
    paths = [folder / f"answers-{index}.json" for index in range(len(given))]
    for path, content in zip(paths, given, strict=True):
        path.write_text(json.dumps(content))
    return paths


def test_the_form_shows_shuffled_pairs_and_vigilance_questions(
    cli: Cli, runs: tuple[Path, Path]
) -> None:
    form, key = built(cli, runs)
    assert len(re.findall("<section", form)) == len(key["questions"]) == 6
    assert sum(question["vigilance"] for question in key["questions"]) == 2
    sides = {(q["first"], q["second"]) for q in key["questions"] if not q["vigilance"]}
    assert sides <= {("a", "b"), ("b", "a")}
    pairs = [q["pictures"] for q in key["questions"] if not q["vigilance"]]
    assert all({Path(p).parent.name for p in pair} == {"a", "b"} for pair in pairs)


def test_the_form_needs_nothing_else_and_gives_nothing_away(
    cli: Cli, runs: tuple[Path, Path]
) -> None:
    form, _ = built(cli, runs)
    assert not re.search(r'(src|href)="(?!data:)', form)
    assert "montage" not in form
    assert str(runs[0]) not in form
    assert "view &lt;" in form  # names are escaped
    assert "{{" not in form


def test_the_same_seed_builds_the_same_study(cli: Cli, runs: tuple[Path, Path]) -> None:
    first = built(cli, runs, "-o", "one")
    assert first == built(cli, runs, "-o", "two")
    assert first != built(cli, runs, "-o", "three", "--seed", "1")


def test_montages_are_of_other_panoramas(cli: Cli, runs: tuple[Path, Path]) -> None:
    _, key = built(cli, runs, "--vigilance", 9)
    for question in key["questions"]:
        if question["vigilance"]:
            (montage_,) = (name for name in question["pictures"] if name.startswith("windows of "))
            (shown,) = set(question["pictures"]) - {montage_}
            sources = montage_.removeprefix("windows of ").split(", ")
            names = {Path(source).name for source in sources}
            assert len(names) == len(sources) == 3  # one for each of its windows
            assert Path(shown).name not in names


def test_windows_of_a_montage_are_of_other_prompts_as_long_as_there_are_any(tmp_path: Path) -> None:
    prompts = ["a lake", "a lake", "a lake", "a castle", "a beach"]
    pairs = [
        Pair(prompt, *(save(scene(n), tmp_path / run / f"{n}.png") for run in "ab"))
        for n, prompt in enumerate(prompts)
    ]
    panorama = Image.fromarray(scene(0))
    for seed in range(8):
        _, origin = montage_beside(panorama, pairs[0], pairs, [], random.Random(seed))
        names = [Path(name).stem for name in origin.removeprefix("windows of ").split(", ")]
        assert set(names[:2]) == {"3", "4"}
        assert names[2] in ("1", "2")


def test_the_key_names_the_panoramas_that_are_in_a_montage_window_by_window(tmp_path: Path) -> None:
    greys = {}
    for n in range(6):
        for run in "ab":
            path = save(np.full((64, 192, 3), 40 * n, np.uint8), tmp_path / run / f"{n}.png")
            greys[str(path)] = 40 * n
    pairs = [Pair(str(n), *(tmp_path / run / f"{n}.png" for run in "ab")) for n in range(6)]
    wrong, origin = montage_beside(Image.fromarray(scene(0)), pairs[0], pairs, [], random.Random(0))
    named = [greys[name] for name in origin.removeprefix("windows of ").split(", ")]
    assert [wrong.getpixel((32 + 64 * window, 32)) for window in range(3)] == [
        (grey, grey, grey) for grey in named
    ]


def test_a_picture_that_is_no_montage_is_refused_as_one(
    cli: Cli, runs: tuple[Path, Path], tiny_flags: list[str]
) -> None:
    assert cli("generate", "A waterfall", *tiny_flags, "--output", "whole/a.png").code == 0
    outcome = cli("study", "build", *runs, "--questions", 4, "--montages", "whole")
    assert outcome.code == 2
    assert "a.png is no montage" in outcome.err


def test_montages_can_be_given(cli: Cli, runs: tuple[Path, Path], tmp_path: Path) -> None:
    save(montage(7, 8, 9), tmp_path / "wrong" / "x.png")
    _, key = built(cli, runs, "--montages", tmp_path / "wrong")
    shown = [name for q in key["questions"] if q["vigilance"] for name in q["pictures"]]
    assert any(name.endswith("x.png") for name in shown)


def test_montages_of_another_shape_are_not_stretched(
    cli: Cli, runs: tuple[Path, Path], tmp_path: Path
) -> None:
    save(scene(7, 1), tmp_path / "wrong" / "square.png")
    outcome = cli("study", "build", *runs, "--questions", 4, "--montages", tmp_path / "wrong")
    assert outcome.code == 2
    assert "the shape of a panorama" in outcome.err


def test_one_window_is_no_montage(cli: Cli, runs: tuple[Path, Path], tiny_flags: list[str]) -> None:
    flags = [*tiny_flags, "--method", "independent", "--width", "64", "--height", "64"]
    assert cli("generate", "A waterfall", *flags, "--output", "one/a.png").code == 0
    outcome = cli("study", "build", *runs, "--questions", 4, "--montages", "one")
    assert outcome.code == 2
    assert "it is one window" in outcome.err


def test_of_two_downloads_of_a_participant_the_later_counts(
    cli: Cli, runs: tuple[Path, Path]
) -> None:
    _, key = built(cli, runs)
    early = {**answers(key, "one", wanted="a"), "finished_at": "2026-01-01T10:00:00.000Z"}
    late = {**answers(key, "one", wanted="b"), "finished_at": "2026-01-01T10:05:00.000Z"}
    for order in ((early, late), (late, early)):
        outcome = cli("study", "score", *write(Path("study"), *order), "--json")
        assert json.loads(outcome.out)["preferences"]["coherence"]["share"] == 0
        assert "later answers" in outcome.err


def test_a_file_that_is_given_twice_is_counted_once(cli: Cli, runs: tuple[Path, Path]) -> None:
    _, key = built(cli, runs)
    outcome = cli("study", "score", *write(Path("study"), answers(key, "one")) * 2)
    assert (outcome.code, outcome.err) == (0, "")
    assert "of 4 answers" in outcome.out


def test_a_unanimous_study_has_wilsons_interval(cli: Cli, runs: tuple[Path, Path]) -> None:
    _, key = built(cli, runs)
    files = write(Path("study"), answers(key, "one"), answers(key, "two"))
    outcome = cli("study", "score", *files, "--json")
    assert outcome.code == 0, outcome.err
    result = json.loads(outcome.out)
    assert result["participants"] == ["one", "two"]
    for aspect in ASPECTS:
        preference = result["preferences"][aspect]
        assert (preference["preferred"], preference["n"], preference["share"]) == (8, 8, 1.0)
        assert preference["low"] == pytest.approx(0.67563, abs=1e-4)  # published tables
        assert preference["high"] == pytest.approx(1)


def test_whoever_fails_a_vigilance_question_is_dropped_whole(
    cli: Cli, runs: tuple[Path, Path]
) -> None:
    _, key = built(cli, runs)
    silent = answers(key, "silent")
    silent["answers"] = [
        a for a, q in zip(silent["answers"], key["questions"], strict=True) if not q["vigilance"]
    ]
    files = write(
        Path("study"),
        answers(key, "awake", wanted="b"),
        answers(key, "asleep", asleep=True),
        silent,
    )
    outcome = cli("study", "score", *files, "--json")
    result = json.loads(outcome.out)
    assert result["participants"] == ["awake"]
    assert set(result["dropped"]) == {"asleep", "silent"}
    assert result["preferences"]["coherence"]["share"] == 0
    assert "asleep was dropped" in outcome.err


def test_files_that_are_no_answers_are_named_and_skipped(cli: Cli, runs: tuple[Path, Path]) -> None:
    _, key = built(cli, runs)
    good = answers(key, "one")
    files = write(
        Path("study"),
        good,
        good | {"study": "other"},
        good,
        {"x": 1},
        good | {"answers": 3},
        good | {"answers": [{"question": [1]}]},
    )
    (Path("study") / "broken.json").write_text("{")
    outcome = cli("study", "score", *files, "study/broken.json", "study/absent.json", "--json")
    assert outcome.code == 1
    result = json.loads(outcome.out)
    assert result["participants"] == ["one"]
    assert len(result["skipped"]) == 7
    assert "Traceback" not in outcome.err


def test_the_result_in_words(cli: Cli, runs: tuple[Path, Path]) -> None:
    _, key = built(cli, runs)
    outcome = cli("study", "score", *write(Path("study"), answers(key, "one")))
    assert "coherence   A preferred in 100.0 % of 4 answers" in outcome.out


def test_two_pictures_of_one_prompt_and_seed_are_not_one_run(
    cli: Cli, runs: tuple[Path, Path]
) -> None:
    save(scene(9), runs[0] / "again" / "view <0>.png")
    outcome = cli("study", "build", *runs, "--questions", 4)
    assert outcome.code == 2
    assert "the same file name" in outcome.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("build", "a", "b", "--questions", "7"), "--questions 6"),
        (("build", "a", "nowhere"), "nowhere"),
        (("build", "a", "./a"), "two folders"),
        (("build", "a", "empty"), "no panorama of the same prompt"),
        (("score", "other.json"), "--key"),
        (("score", "a.json"), "a.json is no file"),
        (("score", "a.json", "--key", "other.json"), "no key"),
        (("score", "a.json", "--key", "half.json"), "no key"),
        (("score", "a.json", "--key", "empty.json"), "no key"),
        (("score", "a.json", "--key", "list.json"), "no key"),
        (("score", "other.json", "--key", "whole.json"), "none of the files can be used"),
        (("score", *["other.json"] * 2, "--key", "whole.json"), "none of the files can be used"),
    ],
)
def test_bad_requests_say_what_to_do(
    cli: Cli, runs: tuple[Path, Path], arguments: tuple[str, ...], message: str
) -> None:
    Path("empty").mkdir()
    Path("other.json").write_text("{}")
    key = {"schema": "syncpano.study-key/1", "study": "x", "questions": []}
    whole = {"number": 1, "first": "a", "second": "b", "vigilance": False}
    Path("empty.json").write_text(json.dumps(key))
    Path("half.json").write_text(json.dumps(key | {"questions": [{"number": 1}]}))
    Path("list.json").write_text(json.dumps(key | {"questions": [whole | {"number": [1]}]}))
    Path("whole.json").write_text(json.dumps(key | {"questions": [whole]}))
    outcome = cli("study", *arguments)
    assert outcome.code == 2
    assert outcome.err.startswith("error:")
    assert message in outcome.err


def test_grey_of_16_bits_is_shown_as_grey(cli: Cli, tmp_path: Path) -> None:
    folders = [tmp_path / "deep-a", tmp_path / "deep-b"]
    for folder in folders:
        folder.mkdir()
        half_white = np.full((64, 256), 0x8000, dtype=np.uint16)
        Image.fromarray(half_white).save(folder / "grey.png")
    outcome = cli("study", "build", *folders, "--questions", 1, "--vigilance", 0)
    assert outcome.code == 0, outcome.err
    form = Path(outcome.out.split("\n")[0]).read_text()
    (shown, _) = re.findall(r'src="data:image/\w+;base64,([^"]+)"', form)
    with Image.open(io.BytesIO(base64.b64decode(shown))) as image:
        assert abs(np.asarray(image.convert("L"), dtype=float).mean() - 128) < 3


def test_what_cannot_be_read_is_named(cli: Cli, runs: tuple[Path, Path]) -> None:
    (runs[0] / "broken.png").write_bytes(b"")
    shutil.copy(runs[0] / "broken.png", runs[1])
    outcome = cli("study", "build", *runs, "--questions", 7)
    assert outcome.code == 1
    assert "broken.png cannot be read" in outcome.err


def test_a_folder_named_like_a_picture_is_a_folder(cli: Cli, runs: tuple[Path, Path]) -> None:
    (runs[0] / "folder.png").mkdir()
    shutil.move(runs[0] / "view <0>.png", runs[0] / "folder.png")
    assert len(find_pairs(*runs)) == 6
    built(cli, runs)


def test_a_file_name_that_is_no_text_is_shown_as_well_as_it_can_be(
    cli: Cli, runs: tuple[Path, Path]
) -> None:
    for run in runs:
        save(scene(6), run / "a.png").rename(run / os.fsdecode(b"caf\xe9.png"))
    form, _ = built(cli, runs, "--questions", 7, "--vigilance", 0)
    assert "caf\N{REPLACEMENT CHARACTER}" in form


def test_a_study_is_not_overwritten_by_chance(cli: Cli, runs: tuple[Path, Path]) -> None:
    built(cli, runs)
    for what_is_in_the_way in ("study", "file"):
        Path("file").touch()
        outcome = cli("study", "build", *runs, "--questions", 4, "-o", what_is_in_the_way)
        assert outcome.code == 2
        assert ("exists already" in outcome.err) == (what_is_in_the_way == "study")
    built(cli, runs, "--overwrite", "--seed", "3")


def test_a_link_that_leads_nowhere_is_a_key_too_and_no_form_is_written_beside_it(
    cli: Cli, runs: tuple[Path, Path]
) -> None:
    Path("study").mkdir()
    Path("study/key.json").symlink_to("nowhere")
    outcome = cli("study", "build", *runs, "--questions", 4)
    assert outcome.code == 2
    assert "key.json exists already" in outcome.err
    assert not Path("study/form.html").exists()


def test_a_form_is_never_left_beside_the_key_of_another(
    cli: Cli, runs: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = built(cli, runs)
    synced = iter([None, OSError(28, "No space left on device")])

    def fills_up(_: int) -> None:
        if error := next(synced):
            raise error

    monkeypatch.setattr(os, "fsync", fills_up)
    again = cli("study", "build", *runs, "--questions", 4, "--overwrite", "--seed", 3)
    assert again.code == 1
    assert "key.json cannot be written" in again.err
    found = Path("study/form.html").read_text(), json.loads(Path("study/key.json").read_text())
    assert found == before


def test_previews_of_steps_are_not_asked_about(
    cli: Cli, runs: tuple[Path, Path], tiny_flags: list[str], tmp_path: Path
) -> None:
    made = ("generate", "A lake", *tiny_flags, "--save-steps", runs[0] / "steps")
    assert cli(*made, "--output", runs[0] / "lake.png").code == 0
    assert list((runs[0] / "steps").iterdir())
    shutil.copytree(runs[0], runs[1], dirs_exist_ok=True)
    prompts = [pair.prompt for pair in find_pairs(*runs)]
    assert sorted(prompts) == ["A lake", *(f"view <{seed}>" for seed in range(6))]


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [(0, 10, 0.0, 0.2775), (5, 10, 0.2366, 0.7634), (81, 263, 0.2553, 0.3662)],
)
def test_wilsons_interval_has_its_published_values(
    successes: int, n: int, low: float, high: float
) -> None:
    assert wilson(successes, n) == pytest.approx((low, high), abs=1e-4)


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilsons_interval_holds_the_share_and_mirrors(case: tuple[int, int]) -> None:
    successes, n = case
    low, high = wilson(successes, n)
    assert 0 <= low <= successes / n + 1e-12
    assert successes / n - 1e-12 <= high <= 1
    assert wilson(n - successes, n) == pytest.approx((1 - high, 1 - low))


@pytest.mark.slow
@needs_chromium
def test_the_form_collects_answers_in_a_browser(
    cli: Cli, runs: tuple[Path, Path], tmp_path: Path
) -> None:
    _, key = built(cli, runs)
    script = """(() => {
      const before = document.getElementById("download").disabled;
      for (const input of document.querySelectorAll('input[value="second"]')) { input.click(); }
      const after = document.getElementById("download").disabled;
      return [before, after, collect(), [...document.images].every((i) => i.naturalWidth > 0)];
    })()"""
    before, after, collected, loaded = run_in_page(Path("study/form.html").absolute(), script)
    assert (before, after, loaded) == (True, False, True)
    assert collected["study"] == key["study"]
    assert len(collected["answers"]) == 6
    assert all(answer[aspect] == "second" for answer in collected["answers"] for aspect in ASPECTS)
    (saved,) = write(Path("study"), collected)
    assert cli("study", "score", saved).code == 0
