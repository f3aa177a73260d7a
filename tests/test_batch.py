"""Many pictures in one process: names, resuming, failures, interrupts."""

from __future__ import annotations

import contextlib
import io
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from syncpano import batch, files, lists, png, runlog, saving
from syncpano.__main__ import main
from syncpano.config import PanoramaConfig
from syncpano.errors import SyncPanoError
from syncpano.interrupts import Interrupted, held_back, raising_interrupted
from tests.conftest import Outcome

Cli = Callable[..., Outcome]
SECONDS = 10.0


@pytest.mark.parametrize(
    ("text", "seeds"),
    [("3", [3]), ("1,2,5-7", [1, 2, 5, 6, 7]), (" 1 , 1,0-2", [1, 0, 2]), ("4-4", [4])],
)
def test_seeds_are_numbers_and_ranges(text: str, seeds: list[int]) -> None:
    assert lists.parse_seeds(text) == seeds


@pytest.mark.parametrize("text", ["", ",", "a", "-1", "1-", "5-1", "1.5", "0-999999999999", "1;2"])
def test_other_seeds_are_refused(text: str) -> None:
    with pytest.raises(SyncPanoError, match="seeds"):
        lists.parse_seeds(text)


def test_prompts_are_lines_without_comments_and_blanks() -> None:
    assert lists.parse_prompts("\ufeffA\n\n # no\n  B \nA\n", "x") == ["A", "B"]


def test_prompts_end_where_editors_end_lines() -> None:
    assert lists.parse_prompts("A\r\nB\rC\nD", "x") == ["A", "B", "C", "D"]
    for inside in ("A\u2028lake", "A\x85lake", "A\x0blake", "A\x0clake", "A\x1clake"):
        Path("prompts.txt").write_text(f"{inside}\nA cave\n", encoding="utf-8")
        assert lists.read_prompt_file(Path("prompts.txt")) == [inside, "A cave"]


def test_more_pictures_than_a_run_paints_are_counted_before_they_are_made(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("syncpano.commands.request.replace", lambda *_, **__: pytest.fail("made"))
    Path("prompts.txt").write_text("A lake\nA cave\n")
    done = cli("generate", "--prompts", "prompts.txt", "--seeds", "0-50000", "--dry-run")
    assert (done.code, done.out) == (2, "")
    assert "100002 pictures are too many for one run" in done.err
    assert "hint: paint them in several runs" in done.err


@given(st.lists(st.text(min_size=1, max_size=80), min_size=1, max_size=20, unique=True))
def test_different_prompts_never_share_a_file(prompts: list[str]) -> None:
    jobs = batch.name_jobs([PanoramaConfig(prompt=prompt) for prompt in prompts], Path("out"))
    assert len({job.path for job in jobs}) == len(prompts)
    assert all(len(job.path.name) < 100 and job.path.parent == Path("out") for job in jobs)


def test_every_prompt_is_painted_with_every_seed_by_one_model(
    cli: Cli, tiny_flags: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from syncpano import pipeline

    loaded = []
    real = pipeline.load_model
    monkeypatch.setattr(pipeline, "load_model", lambda *args: loaded.append(args) or real(*args))
    Path("prompts.txt").write_text("# two\nA lake\n\nA cave\n")
    done = cli("generate", "--prompts", "prompts.txt", "--seeds", "0-1", *tiny_flags)
    assert done.code == 0
    assert done.out.split() == [
        f"out/a-{name}-{seed}.png" for name in ("lake", "cave") for seed in (0, 1)
    ]
    assert len(loaded) == 1


def piped(content: bytes, encoding: str = "utf-8") -> io.TextIOWrapper:
    """Standard input with `content` in it, under a locale of some encoding."""
    return io.TextIOWrapper(io.BytesIO(content), encoding)


def test_prompts_are_read_from_standard_input(
    cli: Cli, tiny_flags: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", piped(b"A lake\nA cave\n"))
    assert cli("generate", "-", *tiny_flags).out.split() == ["out/a-lake-0.png", "out/a-cave-0.png"]


def test_a_prompt_file_may_be_standard_input(
    cli: Cli, tiny_flags: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", piped(b"A lake\n"))
    done = cli("generate", "--prompts", "-", *tiny_flags)
    assert (done.code, done.out) == (0, "out/a-lake-0.png\n")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_prompts_of_standard_input_are_utf8_whatever_the_locale(
    monkeypatch: pytest.MonkeyPatch, encoding: str
) -> None:
    monkeypatch.setattr(sys, "stdin", piped("\ufeffEin Schlo\u00df\r\n滝\n".encode(), encoding))
    assert lists.read_prompt_file(lists.STDIN) == ["Ein Schlo\u00df", "滝"]


def test_of_several_configs_the_later_wins(cli: Cli) -> None:
    Path("mine.yaml").write_text("steps: 9\nloop: false\nw: 3\n")
    configs = ("--config", "fast", "--config", "loop", "--config", "mine.yaml")
    (line,) = cli("generate", "a", *configs, "--dry-run", "--json").out.splitlines()
    dry = json.loads(line)
    config, source = dry["config"], dry["source"]
    assert (config["steps"], config["loop"], config["sync_weight"]) == (9, False, 3)
    assert config["scheduler"] == "dpmsolver++"
    assert (source["steps"], source["scheduler"]) == ("config mine.yaml", "config fast")


def test_a_line_more_in_a_list_leaves_the_names_of_the_others(
    cli: Cli, tiny_flags: list[str]
) -> None:
    for lines, painted in (("a castle", 1), ("a castle\nA Castle\n", 1), ("a castle\na lake", 1)):
        Path("prompts.txt").write_text(lines)
        done = cli("generate", "--prompts", "prompts.txt", *tiny_flags, "--resume")
        assert done.code == 0, done.err
        assert len(done.out.splitlines()) == painted


def test_a_link_that_leads_nowhere_is_not_replaced(cli: Cli, tiny_flags: list[str]) -> None:
    Path("link.png").symlink_to("nowhere.png")
    done = cli("generate", "A lake", *tiny_flags, "-o", "link.png")
    assert done.code == 2
    assert "link.png exists already" in done.err
    assert Path("link.png").is_symlink()


def test_standard_input_that_is_not_utf8_is_an_error(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", piped(b"a\xff"))
    done = cli("generate", "-", "--model", "sd2")
    assert done.code == 2
    assert "standard input cannot be read" in done.err


@pytest.mark.parametrize("arguments", [["-"], ["--prompts", "-"]], ids=" ".join)
def test_closed_standard_input_is_an_error(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    done = cli("generate", *arguments)
    assert (done.code, done.out) == (2, "")
    assert done.err == "error: standard input is closed\n\nhint: pipe prompts into it, one a line\n"


def test_json_prints_one_log_a_line(cli: Cli, tiny_flags: list[str]) -> None:
    lines = cli("generate", "A lake", "--seeds", "1,2", *tiny_flags, "--json").out.splitlines()
    assert [json.loads(line)["config"]["seed"] for line in lines] == [1, 2]


def test_resume_paints_only_what_is_missing(cli: Cli, tiny_flags: list[str]) -> None:
    cli("generate", "A lake", "--seeds", "1,2", *tiny_flags)
    before = Path("out/a-lake-1.png").stat().st_mtime_ns
    done = cli("generate", "A lake", "--seeds", "1-3", *tiny_flags, "--resume")
    assert (done.code, done.out) == (0, "out/a-lake-3.png\n")
    assert "2 of 3 pictures exist already" in done.err
    assert Path("out/a-lake-1.png").stat().st_mtime_ns == before
    assert cli("generate", "A lake", "--seeds", "1-3", *tiny_flags, "--resume").out == ""


def test_resume_refuses_a_picture_of_other_settings(cli: Cli, tiny_flags: list[str]) -> None:
    cli("generate", "A lake", *tiny_flags)
    done = cli("generate", "A lake", *tiny_flags, "--guidance-scale", 3, "--resume")
    assert done.code == 2
    assert "was made with other settings" in done.err


def test_resume_refuses_a_picture_of_other_weights(
    cli: Cli, tiny_flags: list[str], tiny_model: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(tiny_model, tmp_path / "model")
    command = ("generate", "A lake", *tiny_flags, "--model", folder, "--resume")
    assert cli(*command).code == 0
    assert cli(*command).code == 0
    changed_by_a_bit(folder / "unet" / "diffusion_pytorch_model.safetensors")
    done = cli(*command)
    assert done.code == 2
    assert "exists already and the model's files have changed since" in done.err
    changed_by_a_bit(folder / "unet" / "diffusion_pytorch_model.safetensors")
    assert cli(*command).code == 0


def test_resume_refuses_a_picture_of_another_loss_in_the_same_file(
    cli: Cli, tiny_flags: list[str], squeeze_trunk: Path, tmp_path: Path
) -> None:
    trunk = Path(shutil.copy(squeeze_trunk, tmp_path / "trunk.safetensors"))
    command = ("generate", "A lake", *tiny_flags, "--loss-weights", trunk, "--resume")
    assert cli(*command).code == 0
    changed_by_a_bit(trunk)
    done = cli(*command)
    assert done.code == 2
    assert "the loss's weights have changed since" in done.err
    assert cli(*command, "--w", 0, "--output-dir", "without").code == 0


def changed_by_a_bit(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(bytes(content))


def test_two_runs_with_resume_share_a_list(
    cli: Cli, tiny_flags: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from syncpano.pipeline import Studio

    other = Path("other")
    cli("generate", "A lake", "--seeds", "0-3", *tiny_flags, "--output-dir", other)
    real, painted = Studio.generate, []

    def meanwhile(studio: Studio, config: PanoramaConfig, **more: Any) -> Any:
        """The other process saves this seed's picture and the one after the next."""
        painted.append(config.seed)
        for seed in (config.seed, config.seed + 2):
            for file in other.glob(f"a-lake-{seed}.*"):
                shutil.copy(file, "out")
        return real(studio, config, **more)

    monkeypatch.setattr(Studio, "generate", meanwhile)
    done = cli("generate", "A lake", "--seeds", "0-3", *tiny_flags, "--resume")
    assert (done.code, done.out) == (0, "")
    assert painted == [0, 1]
    assert [f"out/a-lake-{seed}.png exists by now" in done.err for seed in range(4)] == [True] * 4
    for seed in range(4):
        name = f"a-lake-{seed}.png"
        assert Path("out", name).read_bytes() == Path("other", name).read_bytes()


@pytest.mark.parametrize("more", [(), ("--overwrite",), ("--save-steps", "steps")])
def test_a_name_that_leaves_no_room_for_its_log_or_previews_is_refused(
    cli: Cli, tiny_flags: list[str], more: tuple[str, ...]
) -> None:
    longest = 255 - len(".png") - (len("-step-000") - 1 if "--save-steps" in more else 0)
    done = cli("generate", "A lake", *tiny_flags, "-o", f"{'a' * longest}.png", *more)
    assert done.code == 2
    assert "File name too long" in done.err
    assert "hint: choose another name" in done.err
    assert not list(Path().rglob("*.json"))


def test_previews_of_a_longer_run_do_not_stay_beside_those_of_the_run_that_replaces_it(
    cli: Cli, tiny_flags: list[str]
) -> None:
    request = ("generate", "A lake", *tiny_flags, "--save-steps", "steps")
    assert cli(*request, "--steps", 3).code == 0
    others = [Path("steps", f"a-lake-{name}.png") for name in ("0-step-mine", "1-step-002")]
    for other in others:
        other.touch()
    before = {path: path.read_bytes() for path in Path("steps").iterdir()}
    assert cli(*request, "--overwrite", "--loss-weights", "nowhere.safetensors").code == 2
    assert {path: path.read_bytes() for path in Path("steps").iterdir()} == before
    assert cli(*request, "--overwrite").code == 0
    previews = {Path("steps", f"a-lake-0-step-00{step}.png") for step in (0, 1)}
    assert set(Path("steps").iterdir()) == {*previews, *others}


def test_previews_of_a_longer_run_do_not_stay_beside_those_of_a_picture_that_resume_paints(
    cli: Cli, tiny_flags: list[str]
) -> None:
    request = ("generate", "A lake", *tiny_flags, "--save-steps", "steps")
    assert cli(*request, "--seeds", "0,1", "--steps", 3).code == 0
    for made in Path("out").glob("a-lake-0.*"):
        made.unlink()
    assert cli(*request, "--resume").code == 0
    there = sorted(path.name for path in Path("steps").iterdir())
    assert there == [
        *(f"a-lake-0-step-00{step}.png" for step in (0, 1)),
        *(f"a-lake-1-step-00{step}.png" for step in (0, 1, 2)),
    ]


def test_resume_refuses_a_picture_of_another_prompt(cli: Cli, tiny_flags: list[str]) -> None:
    cli("generate", "A lake", *tiny_flags, "-o", "out/a-cave-0.png")
    done = cli("generate", "A cave", *tiny_flags, "--resume")
    assert done.code == 2
    assert "exists already and shows another prompt: 'A lake'" in done.err


@pytest.mark.parametrize(
    "lines",
    ["A castle!\nA lake\n", "A castle!\nA castle\nA lake\n", "A lake\nA castle!\n"],
    ids=["shorter", "reordered", "both"],
)
def test_resume_finds_prompts_of_one_slug_in_any_order(
    cli: Cli, tiny_flags: list[str], lines: str
) -> None:
    command = ("generate", "--prompts", "prompts.txt", *tiny_flags, "--resume")
    Path("prompts.txt").write_text("A castle\nA castle!\nA lake\n")
    assert cli(*command).code == 0
    before = {path: path.read_bytes() for path in Path("out").iterdir()}
    Path("prompts.txt").write_text(lines)
    done = cli(*command)
    assert (done.code, done.out) == (0, ""), done.err
    assert {path: path.read_bytes() for path in Path("out").iterdir()} == before
    assert cli(*command, "--guidance-scale", 3).code == 2


def test_resume_paints_a_prompt_of_the_same_slug_that_is_put_in_front(
    cli: Cli, tiny_flags: list[str]
) -> None:
    command = ("generate", "--prompts", "prompts.txt", *tiny_flags, "--resume")
    Path("prompts.txt").write_text("A castle!\n")
    assert cli(*command).code == 0
    before = Path("out/a-castle-0.png").read_bytes()
    Path("prompts.txt").write_text("A castle?\nA castle!\n")
    (painted,) = cli(*command).out.splitlines()
    assert Path(painted).stem == f"{files.hashed_slug('A castle?')}-0"
    assert Path("out/a-castle-0.png").read_bytes() == before
    again = cli(*command)
    assert (again.code, again.out) == (0, "")


def test_resume_leaves_a_broken_file_under_the_other_name_alone(
    cli: Cli, tiny_flags: list[str]
) -> None:
    (job,) = batch.name_jobs([PanoramaConfig("A lake")], Path("out"))
    assert job.other is not None
    job.other.parent.mkdir()
    job.other.write_bytes(b"mine")
    done = cli("generate", "A lake", *tiny_flags, "--resume")
    assert (done.code, done.out) == (0, "out/a-lake-0.png\n")
    assert job.other.read_bytes() == b"mine"


@pytest.mark.parametrize("kept", [0, 4, 8, 100, -20])
def test_resume_refuses_a_picture_that_was_cut_off(
    cli: Cli, tiny_flags: list[str], kept: int
) -> None:
    cli("generate", "A lake", *tiny_flags)
    picture = Path("out/a-lake-0.png")
    whole = picture.read_bytes()
    picture.write_bytes(whole[:kept])
    done = cli("generate", "A lake", *tiny_flags, "--resume")
    assert done.code == 2
    assert "ends too early" in done.err
    assert "remove it, and `--resume` paints it again" in done.err
    picture.unlink()
    assert cli("generate", "A lake", *tiny_flags, "--resume").code == 0
    with Image.open(picture) as again:
        assert again.size == (96, 64)


@pytest.mark.parametrize("content", [b"mine", b"\xff\xd8\xff\xe0a photo"])
def test_resume_does_not_take_another_file_for_a_damaged_picture(
    cli: Cli, tiny_flags: list[str], content: bytes
) -> None:
    Path("a.png").write_bytes(content)
    done = cli("generate", "A lake", *tiny_flags, "-o", "a.png", "--resume")
    assert done.code == 2
    assert "a.png exists already and is no PNG" in done.err
    assert "remove" not in done.err


def test_resume_does_not_take_a_png_of_another_program_for_its_own(
    cli: Cli, tiny_flags: list[str]
) -> None:
    Image.new("RGB", (96, 64)).save("a.png")
    done = cli("generate", "A lake", *tiny_flags, "-o", "a.png", "--resume")
    assert done.code == 2
    assert "error: a.png exists already and holds no run log of syncpano\n" in done.err
    assert "hint: `--overwrite` replaces it" in done.err


def test_resume_writes_the_log_beside_a_kept_picture_where_it_is_lost(
    cli: Cli, tiny_flags: list[str]
) -> None:
    command = ("generate", "--prompts", "prompts.txt", *tiny_flags, "--resume")
    Path("prompts.txt").write_text("A castle\nA castle!\nA lake\n")
    assert cli(*command).code == 0
    before = {path: path.read_bytes() for path in Path("out").iterdir()}
    lost = list(Path("out").glob("a-castle*.json"))
    for path in lost:
        path.unlink()
    Path("out/a-lake-0.json").write_text("mine")
    Path("prompts.txt").write_text("A castle!\nA lake\nA castle\n")  # their names change places
    assert cli(*command, "--dry-run").code == 0
    assert not any(path.exists() for path in lost)
    done = cli(*command)
    assert (done.code, done.out) == (0, "")
    assert all(f"{path} was missing: written again from the picture" in done.err for path in lost)
    there = {path: path.read_bytes() for path in Path("out").iterdir()}
    assert there == {**before, Path("out/a-lake-0.json"): b"mine"}


def test_a_restored_log_names_the_picture_that_it_lies_beside(
    cli: Cli, tiny_flags: list[str]
) -> None:
    cli("generate", "A lake", *tiny_flags, "-o", "before.png")
    Path("before.png").rename("now.png")
    Path("now.json").touch()  # as a full disk leaves it
    assert cli("generate", "A lake", *tiny_flags, "-o", "now.png", "--resume").code == 0
    log = json.loads(Path("now.json").read_text())
    assert log["image"]["path"] == "now.png"
    assert log["status"] == "done"


@pytest.mark.parametrize("target", ["nowhere.png", "a.png"], ids=["dangling", "circular"])
def test_resume_says_which_picture_cannot_be_read(
    cli: Cli, tiny_flags: list[str], target: str
) -> None:
    Path("a.png").symlink_to(target)
    done = cli("generate", "A lake", *tiny_flags, "-o", "a.png", "--resume")
    assert done.code == 2
    assert "error: a.png cannot be read: " in done.err
    assert "hint: " in done.err


def test_a_png_that_cannot_be_read_is_not_taken_for_a_damaged_one(tmp_path: Path) -> None:
    with pytest.raises(SyncPanoError, match="Is a directory"):
        png.is_whole(tmp_path)


def test_resume_takes_a_setting_that_is_left_out_for_its_default(
    cli: Cli, tiny_flags: list[str]
) -> None:
    for flags in (("--sync-freq", 1), ("--stride", 32)):
        cli("generate", "A lake", *tiny_flags, *flags, "--overwrite")
        done = cli("generate", "A lake", *tiny_flags, "--resume")
        assert done.code == 2
        assert "was made with other settings" in done.err


def test_resume_finds_what_auto_came_to_wherever_it_was_written(
    cli: Cli, tiny_flags: list[str]
) -> None:
    Path("auto.yaml").write_text("stride: auto\nguidance_scale: null\n")
    for written in (("--config", "auto.yaml"), ("--stride", "auto")):
        command = ("generate", "A lake", *tiny_flags, *written)
        cli(*command, "--overwrite")
        done = cli(*command, "--resume")
        assert (done.code, done.out) == (0, "")


def test_resume_knows_the_commit_of_a_branch(
    cli: Cli, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = tmp_path / "hub" / "models--someone--model"
    shutil.copytree(tiny_model, storage / "snapshots" / "abc")
    (storage / "refs").mkdir()
    branch = storage / "refs" / "soft"
    branch.write_text("abc")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    flags = ("--model", "someone/model", "--revision", "soft", "--w", 0, "--steps", 1)
    command = ("generate", "A lake", *flags, "--width", 96, "--height", 64)
    assert cli(*command).code == 0
    assert runlog.read(Path("out/a-lake-0.png"))["config"]["revision"] == "abc"
    assert cli(*command, "--resume").code == 0
    assert "1 of 1 pictures exist already" in cli(*command, "--resume", "--dry-run").err
    shutil.copytree(tiny_model, storage / "snapshots" / "def")
    branch.write_text("def")
    assert "was made with other settings" in cli(*command, "--resume").err


def test_a_branch_is_fetched_before_it_is_compared(
    cli: Cli, tiny_flags: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cli("generate", "A lake", *tiny_flags).code == 0

    def fetched(*_: object, **__: object) -> None:
        raise SyncPanoError("the Hub was asked")

    monkeypatch.setattr("syncpano.models.hub.download", fetched)
    command = ("generate", "A lake", "--model", "sd2", "--w", 0, "--resume")
    assert "made with other settings" in cli(*command).err
    assert "the Hub was asked" in cli(*command, "--revision", "fp16").err


@pytest.mark.parametrize(
    ("model", "flags", "said"),
    [
        ("someone/model", ("--steps", 0), "`--steps 0` is out of range"),
        ("someone/model", ("--output", "there.png"), "there.png exists already"),
        ("someone/model", ("--overwrite", "--resume"), "give one of them"),
        ("sd2", ("--dtype", "float16"), "float16 does not work well on a CPU"),
        ("sd2", ("--device", "mps"), "device 'mps' is not available here"),
        ("someone/model", ("--dtype", "float16"), "float16 does not work well on a CPU"),
        ("someone/model", ("--device", "mps"), "device 'mps' is not available here"),
        ("someone/model", ("--output", "there.png/a.png"), "there.png cannot be written"),
        ("someone/model", ("--save-steps", "there.png"), "there.png cannot be written"),
        ("someone/model", ("--resume", "--device", "mps"), "device 'mps' is not available here"),
        (
            "sd2",
            ("--resume", "--revision", "fp16", "--device", "mps"),
            "device 'mps' is not available here",
        ),
    ],
)
def test_nothing_is_fetched_for_a_run_that_is_refused(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, model: str, flags: tuple[object, ...], said: str
) -> None:
    def fetched(*_: object, **__: object) -> None:
        raise AssertionError("the Hub was asked")

    monkeypatch.setattr("syncpano.models.hub.download", fetched)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: False)
    Path("there.png").touch()
    done = cli("generate", "A lake", "--model", model, "--device", "cpu", *flags)
    assert done.code == 2
    assert said in done.err


@pytest.mark.parametrize("model", ["sd3", "./nothing"])
def test_a_model_that_is_none_is_said_before_anything_is_made_for_it(cli: Cli, model: str) -> None:
    done = cli("generate", "A lake", "--model", model, "--dtype", "float16", "--device", "cpu")
    assert done.code == 2
    assert model.removeprefix("./") in done.err
    assert not list(Path().iterdir())


@pytest.mark.parametrize("flags", [("--width", 500), ("--height", 0), ("--steps", 1001)])
def test_a_setting_that_cannot_work_is_said_before_what_exists(
    cli: Cli, tiny_flags: list[str], flags: tuple[object, ...]
) -> None:
    Path("there.png").touch()
    done = cli("generate", "A lake", *tiny_flags, *flags, "-o", "there.png")
    assert done.code == 2
    assert str(flags[1]) in done.err
    assert "exists" not in done.err


def test_a_dry_run_names_a_negative_prompt_that_is_another_than_the_firsts(cli: Cli) -> None:
    Path("prompts.txt").write_text("a castle\na desert\na village\n")
    first, *others = cli("generate", "--prompts", "prompts.txt", "--dry-run").out.split(
        "\nseed 0: "
    )
    assert "snow, winter, night, fog" in first
    desert, village = (other.strip() for other in others)
    assert desert == "'a desert', out/a-desert-0.png"
    assert village == "'a village', out/a-village-0.png, negative prompt 'night, fog'"


def test_a_dry_run_of_many_pictures_is_short_and_says_what_exists(
    cli: Cli, tiny_flags: list[str]
) -> None:
    Path("out").mkdir()
    Path("out/a-lake-2.png").touch()
    done = cli("generate", "A lake", "--seeds", "0-2", "--dry-run", *tiny_flags)
    assert done.code == 0
    assert done.out.splitlines()[-3].endswith("out/a-lake-0.png")
    assert done.out.splitlines()[-2:] == [
        "seed 1: 'A lake', out/a-lake-1.png",
        "seed 2: 'A lake', out/a-lake-2.png",
    ]
    assert "out/a-lake-2.png exists already: `--overwrite` replaces it" in done.err


def test_a_dry_run_foretells_what_resume_does(cli: Cli, tiny_flags: list[str]) -> None:
    command = ("generate", "A lake", *tiny_flags, "--resume")
    cli(*command, "--seeds", "0,2")
    done = cli(*command, "--seeds", "0-3", "--dry-run", "--json")
    assert (done.code, done.err) == (0, "2 of 4 pictures exist already\n")
    planned = [json.loads(line)["output"] for line in done.out.splitlines()]
    assert planned == cli(*command, "--seeds", "0-3").out.splitlines()
    done = cli(*command, "--seeds", "0-3", "--dry-run")
    assert done == (0, "", "4 of 4 pictures exist already\n")
    others = ("--seeds", "0-3", "--guidance-scale", 3)
    done = cli(*command, *others, "--dry-run")
    assert done.code == 2
    assert done == cli(*command, *others)


def test_a_dry_run_compares_no_branch_that_only_a_download_tells(
    cli: Cli, tiny_flags: list[str]
) -> None:
    cli("generate", "A lake", *tiny_flags)
    command = ("generate", "A lake", "--model", "sd2", "--revision", "fp16", "--resume")
    done = cli(*command, "--dry-run")
    assert done.code == 0
    assert "not compared before sd2 at fp16 is downloaded" in done.err


def test_one_existing_picture_stops_a_batch_before_it_starts(
    cli: Cli, tiny_flags: list[str]
) -> None:
    Path("out").mkdir()
    Path("out/a-lake-2.png").touch()
    done = cli("generate", "A lake", "--seeds", "1,2", *tiny_flags)
    assert done.code == 2
    assert not Path("out/a-lake-1.png").exists()


def test_a_failed_picture_is_reported_and_the_rest_goes_on(
    cli: Cli, tiny_flags: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from syncpano import pipeline

    real = pipeline.initial_noise

    def poisoned(seed: int, *shape: int):  # type: ignore[no-untyped-def]
        return real(seed, *shape) * (float("nan") if seed == 2 else 1.0)

    monkeypatch.setattr(pipeline, "initial_noise", poisoned)
    done = cli("generate", "A lake", "--seeds", "1-3", *tiny_flags)
    assert done.code == 1
    assert done.out.split() == ["out/a-lake-1.png", "out/a-lake-3.png"]
    assert "no longer finite after step 0" in done.err
    assert "out/a-lake-2.png was not painted" in done.err
    assert runlog.read(Path("out/a-lake-2.json"))["status"] == "failed"


def test_what_no_picture_can_do_without_stops_the_batch_at_once(
    cli: Cli, tiny_flags: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from syncpano import pipeline

    asked = []

    def unreachable(*_: object, **__: object) -> None:
        asked.append(1)
        raise SyncPanoError("VGG-16 cannot be fetched", exit_code=1)

    monkeypatch.setattr(pipeline, "load_loss", unreachable)
    done = cli("generate", "A lake", "--seeds", "1-3", *tiny_flags)
    assert done.code == 1
    assert done.err.count("VGG-16 cannot be fetched") == len(asked) == 1


def test_a_signal_while_the_picture_is_encoded_loses_neither_it_nor_its_path(
    cli: Cli, tiny_flags: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    encode = saving.encode

    def interrupted(image: Image.Image) -> bytes:
        signal.raise_signal(signal.SIGINT)
        return encode(image)

    monkeypatch.setattr(saving, "encode", interrupted)
    done = cli("generate", "A lake", "--seeds", "0,1", *tiny_flags)
    assert (done.code, done.out) == (130, "out/a-lake-0.png\n")
    assert runlog.read(Path("out/a-lake-0.png"))["status"] == "done"


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_an_interrupted_run_leaves_a_log_that_says_so_and_no_picture(
    cli: Cli,
    tiny_flags: list[str],
    number: signal.Signals,
    code: int,
    request: pytest.FixtureRequest,
) -> None:
    request.addfinalizer(partial(signal.signal, number, signal.signal(number, signal.SIG_DFL)))
    ended = threading.Event()  # a run that ends before its first preview is not to be killed

    def stop_after_the_first_step() -> None:
        while not ended.wait(0.01):
            if list(Path("steps").glob("*.png")):
                os.kill(os.getpid(), number)
                return

    thread = threading.Thread(target=stop_after_the_first_step, daemon=True)
    thread.start()
    done = cli("generate", "A lake", *tiny_flags, "--steps", 900, "--save-steps", "steps")
    ended.set()
    thread.join(SECONDS)
    assert not thread.is_alive()
    assert (done.code, done.out) == (code, "")
    assert number.name in done.err
    log = runlog.read(Path("out/a-lake-0.json"))
    assert (log["status"], log["error"]) == ("interrupted", number.name)
    assert 0 < len(log["steps"]) < 900
    assert [path.name for path in Path("out").iterdir()] == ["a-lake-0.json"]


def test_an_interrupted_replacement_keeps_the_old_picture_and_its_log(
    cli: Cli, tiny_flags: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from syncpano import pipeline

    cli("generate", "A lake", *tiny_flags)
    before = {path: path.read_bytes() for path in Path("out").iterdir()}

    def stop(*_: object) -> None:
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(pipeline, "initial_noise", stop)
    assert cli("generate", "A lake", *tiny_flags, "--overwrite").code == 130
    assert {path: path.read_bytes() for path in Path("out").iterdir()} == before


def test_an_interrupted_replacement_keeps_a_json_file_that_is_no_log(
    cli: Cli, tiny_flags: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from syncpano import pipeline

    def stop(*_: object) -> None:
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(pipeline, "initial_noise", stop)
    Path("package.json").write_text('{"name": "mine"}')
    command = ("generate", "A lake", *tiny_flags, "--overwrite", "-o")
    assert cli(*command, "package.png").code == 130
    assert Path("package.json").read_text() == '{"name": "mine"}'
    for _ in range(2):  # the log of an earlier interruption is no such file
        assert cli(*command, "lake.png").code == 130
    assert runlog.read(Path("lake.json"))["status"] == "interrupted"


def test_a_signal_while_saving_waits_until_the_files_are_whole() -> None:
    done = []

    def save() -> None:
        with raising_interrupted(), held_back():
            signal.raise_signal(signal.SIGINT)
            done.append("saved")

    with pytest.raises(Interrupted):
        save()
    assert done == ["saved"]


@pytest.fixture
def ignored(request: pytest.FixtureRequest) -> Iterator[signal.Signals]:
    """A signal that the process was started to ignore."""
    before = signal.signal(request.param, signal.SIG_IGN)
    yield request.param
    signal.signal(request.param, before)


@pytest.mark.parametrize(
    "ignored", [signal.SIGHUP, signal.SIGINT], ids=["nohup", "background"], indirect=True
)
def test_a_run_that_was_started_to_ignore_a_signal_goes_on(ignored: signal.Signals) -> None:
    with raising_interrupted(), held_back():
        signal.raise_signal(ignored)


@pytest.mark.parametrize("ignored", [signal.SIGINT], ids=["background"], indirect=True)
def test_a_command_that_was_started_to_ignore_ctrl_c_does_so_while_it_is_loading_too(
    ignored: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    monkeypatch.setattr("syncpano.cli.main", lambda: seen.append(signal.getsignal(ignored)))
    main()
    assert seen == [signal.SIG_IGN]


def test_ctrl_c_while_the_command_is_still_loading_prints_no_traceback() -> None:
    code = """
import importlib.abc, signal, sys
class CtrlC(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "syncpano.cli":
            signal.raise_signal(signal.SIGINT)
sys.meta_path.insert(0, CtrlC())
from syncpano.__main__ import main
main()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, b"", b"")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_process_dies_of_the_signal_so_that_a_shells_loop_stops_too(
    number: signal.Signals,
) -> None:
    code = f"""
import signal
from syncpano import cli
from syncpano.console import Voice
def interrupted(**_):
    print("out/a-lake-0.png")
    signal.raise_signal({int(number)})
cli.app = interrupted
cli.main()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (-number, "out/a-lake-0.png\n")
    assert f"interrupted by {number.name}" in done.stderr


@pytest.mark.parametrize(
    ("environment", "spins"), [({}, "10000"), ({"OMP_WAIT_POLICY": "active"}, None)]
)
def test_threads_that_wait_leave_the_cores_to_others_unless_the_user_says_otherwise(
    environment: dict[str, str], spins: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    monkeypatch.setattr(os, "environ", environment)
    monkeypatch.setattr("syncpano.cli.main", lambda: seen.append(os.getenv("GOMP_SPINCOUNT")))
    before = signal.getsignal(signal.SIGINT)
    try:
        main()
    finally:
        signal.signal(signal.SIGINT, before)
    assert seen == [spins]


def test_a_signal_in_a_destructor_is_heeded_a_moment_later() -> None:
    class Closing:
        def __del__(self) -> None:
            signal.raise_signal(signal.SIGINT)

    def work() -> None:
        with raising_interrupted():
            Closing()
            time.sleep(10)

    started = time.monotonic()
    with pytest.raises(Interrupted):
        work()
    assert time.monotonic() - started < 5


def test_a_json_file_that_is_no_log_is_kept(cli: Cli, tiny_flags: list[str]) -> None:
    Path("package.json").write_text('{"name": "mine"}')
    done = cli("generate", "A lake", *tiny_flags, "-o", "package.png")
    assert done.code == 2
    assert "package.json exists already" in done.err
    assert Path("package.json").read_text() == '{"name": "mine"}'
    assert cli("generate", "A lake", *tiny_flags, "-o", "package.png", "--overwrite").code == 0


def test_the_log_of_another_picture_is_kept(cli: Cli, tiny_flags: list[str]) -> None:
    painted = ["generate", "A lake", *tiny_flags, "-o"]
    assert cli(*painted, "x.png").code == 0
    log = Path("x.json").read_bytes()
    done = cli(*painted, "x.PNG", "--seed", 2)
    assert done.code == 2
    assert "x.json exists already" in done.err
    assert Path("x.json").read_bytes() == log
    Path("x.png").unlink()  # who removes a picture wants another in its place
    assert cli(*painted, "x.png", "--seed", 2).code == 0
    assert Path("x.json").read_bytes() != log


def test_a_folder_in_a_pictures_place_is_refused_before_painting(
    cli: Cli, tiny_flags: list[str]
) -> None:
    Path("lake.png").mkdir()
    done = cli("generate", "A lake", *tiny_flags, "-o", "lake.png", "--overwrite")
    assert done.code == 2
    assert "lake.png is a folder" in done.err


def test_a_picture_can_be_saved_from_another_thread() -> None:
    def save() -> str:
        with held_back():
            return "saved"

    with ThreadPoolExecutor() as pool:
        assert pool.submit(save).result() == "saved"


def test_bad_settings_that_only_the_model_can_tell_stop_the_batch_without_a_log(
    cli: Cli, tiny_flags: list[str]
) -> None:
    done = cli("generate", "A lake", "--seeds", "1,2", *tiny_flags, "--dtype", "float16")
    assert (done.code, done.out) == (2, "")
    assert done.err.count("error:") == 1
    assert not list(Path("out").iterdir())


def test_a_full_disk_stops_the_batch_and_leaves_no_half_written_file(
    cli: Cli, tiny_flags: list[str]
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        done = cli("generate", "A lake", "--seeds", "1,2", *tiny_flags)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (done.code, done.out) == (1, "")
    assert "cannot be written" in done.err
    assert not [path for path in Path("out").iterdir() if path.suffix != ".json"]
    assert not Path("out/a-lake-2.json").exists()


@pytest.mark.slow
def test_on_a_terminal_a_bar_shows_on_stderr_and_results_still_go_to_stdout(
    tiny_flags: list[str],
) -> None:
    import pty

    leader, follower = pty.openpty()
    command = [sys.executable, "-m", "syncpano", "generate", "A lake", *tiny_flags, "--steps", "9"]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "150"}
    painting = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=follower, env=environment)
    os.close(follower)
    shown = b""
    with contextlib.suppress(OSError):  # the terminal is gone when the command has ended
        while part := os.read(leader, 4096):
            shown += part
    assert painting.stdout is not None
    assert painting.stdout.read() == b"out/a-lake-0.png\n"
    assert painting.wait() == 0
    text = shown.decode()
    assert "1/1 a-lake-0" in text
    assert "/9" in text
    assert "distance" in text


def test_pending_compares_only_what_a_config_says(
    cli: Cli, tiny_flags: list[str], tiny_model: Path
) -> None:
    cli("generate", "A lake", *tiny_flags)
    made = runlog.read(Path("out/a-lake-0.png"))["config"]
    job = batch.Job(PanoramaConfig(**made), Path("out/a-lake-0.png"))
    options = batch.Options(resume=True)
    assert batch.pending([job], options) == []
    loose = replace(job.config, stride=None, device="auto", window_batch=1)
    assert batch.pending([replace(job, config=loose)], options) == []
