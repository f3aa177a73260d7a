"""`syncpano generate` from command line to PNG and run log, on a real model of tiny size."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from syncpano import PanoramaConfig, generate, png, runlog
from syncpano.config import settings
from syncpano.losses.trunk_files import cached_path
from syncpano.models.stable_diffusion import LatentDiffusion
from syncpano.saving import save
from tests.conftest import Outcome
from tests.tiny import tiny_checkpoint

Cli = Callable[..., Outcome]


def pixels(path: Path | str) -> np.ndarray:
    return np.asarray(Image.open(path))


def test_a_prompt_becomes_a_picture_and_its_path_is_all_of_stdout(
    cli: Cli, tiny_flags: list[str]
) -> None:
    done = cli("generate", "A waterfall", *tiny_flags)
    assert (done.code, done.out, done.err) == (0, "out/a-waterfall-0.png\n", "")
    assert pixels("out/a-waterfall-0.png").shape == (64, 96, 3)


def test_only_the_picture_and_its_log_are_written(cli: Cli, tiny_flags: list[str]) -> None:
    cli("generate", "A waterfall", *tiny_flags)
    assert sorted(path.name for path in Path().rglob("*") if path.is_file()) == [
        "a-waterfall-0.json",
        "a-waterfall-0.png",
    ]


def test_the_log_follows_its_schema_and_is_the_same_beside_and_inside_the_picture(
    cli: Cli, tiny_flags: list[str]
) -> None:
    cli("generate", "A waterfall", *tiny_flags)
    beside = runlog.read(Path("out/a-waterfall-0.json"))
    inside = runlog.read(Path("out/a-waterfall-0.png"))
    assert beside == inside
    runlog.validate(beside)


def test_the_log_tells_what_was_done(cli: Cli, tiny_flags: list[str], tiny_model: Path) -> None:
    (log,) = map(json.loads, cli("generate", "A waterfall", *tiny_flags, "--json").out.splitlines())
    assert log["status"] == "done"
    assert log["prompt"] == log["config"]["prompt"] == "A waterfall"
    assert (log["config"]["stride"], log["config"]["device"]) == (16, "cpu")
    assert (log["source"]["prompt"], log["source"]["width"]) == ("flag", "flag")
    assert log["source"]["seed"] == "default"
    assert log["model"]["id"] == str(tiny_model)
    assert log["windows"] == {"count": 3, "anchor": 1, "stride": 16}
    assert log["sync"] == {"steps": [0, 1], "weights": [20.0, 19.0]}
    assert [len(step["distances"]) for step in log["steps"]] == [2, 2]
    assert log["image"]["path"] == "a-waterfall-0.png"
    written = pixels("out/a-waterfall-0.png").tobytes()
    assert log["image"]["sha256"] == hashlib.sha256(written).hexdigest()
    assert log["memory"]["process_bytes"] > 2**20


def test_timings_are_disjoint_parts_of_the_total(cli: Cli, tiny_flags: list[str]) -> None:
    timings = json.loads(cli("generate", "A waterfall", *tiny_flags, "--json").out)["timings"]
    total = timings.pop("total")
    assert all(seconds > 0 for seconds in timings.values())
    assert sum(timings.values()) <= total + 1e-4  # rounded to microseconds


def test_viewers_find_prompt_and_settings_in_the_picture(cli: Cli, tiny_flags: list[str]) -> None:
    cli("generate", "A waterfall", *tiny_flags, "--negative-prompt", "fog")
    text = png.read_text(Path("out/a-waterfall-0.png"))["parameters"]
    assert text.splitlines()[:2] == ["A waterfall", "Negative prompt: fog"]
    assert "Steps: 2, Sampler: ddim, CFG scale: 7.5, Seed: 0, Size: 96x64" in text


@pytest.mark.parametrize("kind", ["json", "png"])
def test_from_a_run_gives_the_same_pixels(cli: Cli, tiny_flags: list[str], kind: str) -> None:
    cli("generate", "A waterfall", *tiny_flags, "--seed", 7, "--loop", "-o", "first.png")
    again = cli("generate", "--from", f"first.{kind}", "-o", "again.png")
    assert again.code == 0, again.err
    assert np.array_equal(pixels("first.png"), pixels("again.png"))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
@pytest.mark.parametrize("kind", ["json", "png"])
def test_a_run_can_come_through_a_pipe(cli: Cli, tiny_flags: list[str], kind: str) -> None:
    """As a shell's `<(...)` does: what is read is gone."""
    cli("generate", "A waterfall", *tiny_flags, "--seed", 7, "-o", "first.png")
    os.mkfifo("pipe")
    content = Path(f"first.{kind}").read_bytes()
    with ThreadPoolExecutor() as pool:
        pool.submit(Path("pipe").write_bytes, content)
        again = cli("generate", "--from", "pipe", "-o", "again.png")
    assert again.code == 0, again.err
    assert np.array_equal(pixels("first.png"), pixels("again.png"))


def test_flags_win_over_the_run_they_start_from(cli: Cli, tiny_flags: list[str]) -> None:
    cli("generate", "A waterfall", *tiny_flags, "-o", "first.png")
    log = json.loads(cli("generate", "--from", "first.png", "--seed", 1, "--json").out)
    assert (log["config"]["seed"], log["source"]["seed"]) == (1, "flag")
    assert log["source"]["width"] == "from first.png"


@pytest.mark.parametrize("config", [(), ("--config", "paper")])  # which writes `auto` out
def test_a_run_with_another_model_starts_without_what_was_found_for_the_first(
    cli: Cli, tiny_flags: list[str], config: tuple[str, ...]
) -> None:
    cli("generate", "A waterfall", *config, *tiny_flags, "-o", "first.png")
    flags = ("--from", "first.png", "--model", "sd2", "--width", 1024, "--height", 512)
    planned = json.loads(cli("generate", *flags, "--dry-run", "--json").out)
    assert planned["windows"]["stride"] == 128
    assert {planned["source"][name] for name in ("stride", "guidance_scale")} == {"default"}
    assert planned["source"]["steps"] == "from first.png"


def test_another_device_starts_without_the_number_format_found_for_the_first(
    cli: Cli, tiny_flags: list[str]
) -> None:
    start = tiny_flags.index("--dtype")
    cli("generate", "A waterfall", *tiny_flags[:start], *tiny_flags[start + 2 :], "-o", "first.png")
    assert runlog.read(Path("first.png"))["config"]["dtype"] == "float32"
    flags = ("--from", "first.png", "--dry-run", "--json")
    origins = [
        json.loads(cli("generate", *flags, *further).out)["source"]["dtype"]
        for further in ((), ("--device", "cuda"))
    ]
    assert origins == ["from first.png (auto)", "default"]


def test_a_dry_run_says_what_the_model_decides(cli: Cli) -> None:
    text = cli("generate", "A castle", "--stride", "auto", "--dry-run").out
    rows = {line.split()[0]: line for line in text.splitlines() if line}
    assert "snow, winter, night, fog" in rows["negative-prompt"]
    assert rows["guidance-scale"].split()[1:] == ["1.25", "default"]
    assert rows["stride"].split()[1:] == ["128", "flag", "(auto)"]
    assert rows["loss"].split()[1:] == ["pocket", "default"]
    alone = cli("generate", "A castle", "--w", 0, "--stride", 512, "--dry-run").out
    assert ["loss", "auto", "default"] in [line.split() for line in alone.splitlines()]
    there = cli("generate", "A castle", "--model", "sd2", "--dry-run", "--json").out
    assert json.loads(there)["config"]["negative_prompt"] == ""


@pytest.mark.parametrize("revision", [None, "fp16"])
def test_a_dry_run_of_a_model_that_is_not_there_says_which_revision_was_asked_for(
    cli: Cli, revision: str | None
) -> None:
    asked = () if revision is None else ("--revision", revision)
    done = cli("generate", "A castle", "--model", "sd2", *asked, "--dry-run", "--json")
    assert json.loads(done.out)["config"]["revision"] == revision


def test_a_dry_run_says_what_would_be_downloaded(
    cli: Cli, squeeze_trunk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    flags = ("generate", "A waterfall", "--model", "sd2", "--gradient-decoder", "tiny", "--dry-run")

    def missing(*further: object) -> list[str]:
        lines = cli(*flags, *further).out.splitlines()
        return [line.split(maxsplit=1)[1] for line in lines if "not downloaded" in line]

    everything = ["sd2", "madebyollin/taesd", "VGG-16 of the loss (528 MB)"]
    assert missing() == [f"{name} is not downloaded yet" for name in everything]
    assert len(missing("--loss-weights", squeeze_trunk)) == 2
    assert len(missing("--w", 0)) == 1  # nothing descends
    cached_path("vgg").parent.mkdir(parents=True)
    cached_path("vgg").touch()
    assert len(missing()) == 2


@pytest.mark.parametrize(
    ("less", "more"),
    [
        (("--gradient", "x0"), ("--gradient", "cond")),
        (("--gradient", "cond"), ()),
        (("--compare", "noisy"), ("--gradient", "cond")),
        (("--w", 0), ("--gradient", "cond")),
        (("--gradient-decoder", "tiny"), ()),
        (("--method", "bld"), ("--method", "multi")),
    ],
)
def test_a_dry_run_foresees_what_takes_less_memory(
    cli: Cli, less: tuple[object, ...], more: tuple[object, ...]
) -> None:
    def need(flags: tuple[object, ...]) -> int:
        done = cli("generate", "A lake", "--model", "sd2", "--dry-run", "--json", *flags)
        return int(json.loads(done.out)["memory"]["estimate_bytes"])

    assert need(less) < need(more)


def test_a_dry_run_foresees_that_larger_batches_are_decoded_too(cli: Cli) -> None:
    def growth(decoder: str) -> int:
        flags = ("--model", "sd2", "--dry-run", "--json", "--gradient-decoder", decoder)
        one, four = (
            json.loads(cli("generate", "A lake", *flags, "--window-batch", batch).out)["memory"]
            for batch in (1, 4)
        )
        return int(four["estimate_bytes"]) - int(one["estimate_bytes"])

    assert growth("full") > growth("tiny") > 0


def test_what_was_found_for_a_model_is_left_behind_after_any_number_of_runs(
    cli: Cli, tiny_flags: list[str]
) -> None:
    cli("generate", "A waterfall", *tiny_flags, "-o", "first.png")
    cli("generate", "--from", "first.png", "--seed", 5, "-o", "second.png")
    log = runlog.read(Path("second.json"))
    assert log["source"]["stride"] == "from first.png (auto)"
    assert log["source"]["loss"] == "from first.png"  # a flag said it
    flags = ("--from", "second.png", "--model", "sd2", "--width", 1024, "--height", 512)
    planned = json.loads(cli("generate", *flags, "--dry-run", "--json").out)
    assert planned["windows"]["stride"] == 128
    assert planned["source"]["guidance_scale"] == "default"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("--method", "independent"), ("--method", "multi")),
        (("--windows", "shifted"), ("--windows", "overlapping")),
    ],
)
def test_windows_side_by_side_pass_their_stride_on_to_no_others(
    cli: Cli, tiny_flags: list[str], first: tuple[str, str], second: tuple[str, str]
) -> None:
    flags = [*tiny_flags, "--width", "128"]
    cli("generate", "A waterfall", *flags, *first, "-o", "first.png")
    assert runlog.read(Path("first.png"))["windows"]["stride"] == 64
    again = ("--from", "first.png", *second, "--dry-run", "--json")
    assert json.loads(cli("generate", *again).out)["windows"]["stride"] == 16


def test_a_stride_without_effect_is_logged_as_asked_and_resumed(
    cli: Cli, tiny_flags: list[str]
) -> None:
    flags = [*tiny_flags, "--windows", "shifted", "--stride", "32"]
    cli("generate", "A waterfall", *flags)
    log = runlog.read(Path("out/a-waterfall-0.png"))
    assert (log["config"]["stride"], log["windows"]["stride"]) == (32, 64)
    assert cli("generate", "A waterfall", *flags, "--resume").code == 0


def test_a_log_says_what_auto_came_to_wherever_model_and_machine_decide() -> None:
    config = PanoramaConfig("A waterfall", width=640, steps=1, sync_weight=1.0, device="cpu")
    log = generate(config).log
    for name, item in settings().items():
        if not item.found:
            assert log["config"][name] == getattr(config, name)
        elif name != "revision":  # of a Hub model
            assert log["config"][name] not in (None, "auto")


def test_a_decoder_that_overflows_fails_the_run(
    cli: Cli, tiny_flags: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from syncpano import pipeline

    draw = pipeline.draw
    monkeypatch.setattr(pipeline, "draw", lambda *arguments: draw(*arguments) / 0)
    done = cli("generate", "A waterfall", *tiny_flags)
    assert done.code == 1
    assert "--dtype float32" in done.err
    assert not Path("out/a-waterfall-0.png").exists()


def test_without_a_gradient_no_small_decoder_is_asked_for(cli: Cli, tiny_flags: list[str]) -> None:
    flags = ("--w", 0, "--gradient-decoder", "tiny")
    assert cli("generate", "A waterfall", *tiny_flags, *flags).code == 0


@pytest.mark.parametrize(
    ("name", "words"), [("model", "the model's files"), ("loss", "the loss's weights")]
)
def test_other_files_than_those_of_the_run_it_starts_from_warn(
    cli: Cli, tiny_flags: list[str], name: str, words: str
) -> None:
    cli("generate", "A waterfall", *tiny_flags, "-o", "first.png")
    again = ("generate", "--from", "first.json", "-o", "again.png", "--overwrite")
    assert "are not those" not in cli(*again).err
    log = runlog.read(Path("first.json"))
    log["fingerprints"][name] = "0" * 64
    runlog.write(Path("first.json"), log)
    assert f"warning: {words} are not those of the run it starts from" in cli(*again).err
    log["fingerprints"] = None  # as in logs that are older
    runlog.write(Path("first.json"), log)
    assert "are not those" not in cli(*again).err


def test_a_prompt_that_is_read_otherwise_than_in_the_run_it_starts_from_warns(cli: Cli) -> None:
    size = ("--width", 1024, "--config", "tiny", "--no-refine")
    cli("generate", "Castles by the sea", *size, "-o", "first.png")
    log = runlog.read(Path("first.json"))
    assert log["fingerprints"]["texts"] == "castle by day | snow, winter, night, fog"
    log["fingerprints"]["texts"] = "castle by the sea by day | snow, winter, night, fog"
    runlog.write(Path("first.json"), log)
    again = ("--from", "first.json", "-o", "again.png", "--overwrite")
    warning = "the words that prompts are read as are not those of the run it starts from"
    assert warning in cli("generate", *again).err
    assert "are not those" not in cli("generate", "A castle", *again).err


def test_another_prompt_starts_without_the_negative_prompt_found_for_the_first(cli: Cli) -> None:
    small = ("--width", 512, "--steps", 1, "--no-refine")
    cli("generate", "A castle", *small, "-o", "first.png")
    log = runlog.read(Path("first.png"))
    assert (log["config"]["negative_prompt"], log["source"]["negative_prompt"]) == (
        "snow, winter, night, fog",
        "default",
    )
    cli("generate", "A castle in winter", "--from", "first.png", "-o", "second.png")
    assert runlog.read(Path("second.png"))["config"]["negative_prompt"] == "night, fog"
    cli("generate", "--from", "first.png", "--seed", 1, "-o", "third.png")
    third = runlog.read(Path("third.png"))
    assert third["config"]["negative_prompt"] == "snow, winter, night, fog"
    assert third["source"]["negative_prompt"] == "from first.png (auto)"


def test_a_picture_of_before_models_had_negative_prompts_of_their_own_is_another(cli: Cli) -> None:
    asked = ("generate", "A castle", "--width", 512, "--steps", 1, "--no-refine", "-o", "a.png")
    cli(*asked, "--negative-prompt", "")
    log = runlog.read(Path("a.png"))
    log["source"]["negative_prompt"] = "default"  # which it was
    with Image.open("a.png") as image:
        save(image, log, Path("a.png"), overwrite=True)
    done = cli(*asked, "--resume")
    assert done.code == 2
    assert "the words that prompts are read as have changed since" in done.err
    assert "have changed" not in cli("generate", "--from", "a.png", "-o", "b.png").err
    assert runlog.read(Path("b.png"))["image"]["sha256"] == log["image"]["sha256"]


def test_a_replay_with_other_pixels_says_what_else_is_different(
    cli: Cli, tiny_flags: list[str]
) -> None:
    cli("generate", "A waterfall", *tiny_flags, "-o", "first.png")
    again = ("generate", "--from", "first.json", "-o", "again.png", "--overwrite")
    assert "pixels" not in cli(*again).err
    log = runlog.read(Path("first.json"))
    log["image"]["sha256"] = "0" * 64
    runlog.write(Path("first.json"), log)
    assert "pixels are not those of the run it starts from: all that the log" in cli(*again).err
    log["environment"]["threads"] += 60
    log["environment"]["versions"]["torch"] = "1.0"
    runlog.write(Path("first.json"), log)
    said = cli(*again).err
    assert f"threads {log['environment']['threads']} there, " in said
    assert "torch 1.0 there, " in said
    assert "pixels" not in cli(*again, "--seed", 3).err


def test_a_replay_of_before_there_were_some_settings_is_compared_with_their_defaults(
    cli: Cli, tiny_flags: list[str]
) -> None:
    cli("generate", "A waterfall", *tiny_flags, "-o", "first.png")
    log = runlog.read(Path("first.json"))
    log["image"]["sha256"] = "0" * 64
    for name in ("blend", "refine", "temperature", "guided_share"):  # the last two are found
        del log["config"][name], log["source"][name]
    runlog.write(Path("first.json"), log)
    again = ("generate", "--from", "first.json", "-o", "again.png", "--overwrite")
    assert "pixels are not those of the run it starts from" in cli(*again).err
    for other in (("--blend", "uniform"), ("--temperature", 0.9)):
        assert "pixels" not in cli(*again, *other).err


def test_warnings_of_a_batch_name_their_prompt(cli: Cli, tiny_flags: list[str]) -> None:
    Path("prompts.txt").write_text(f"A lake\n{'water ' * 99}\n")
    batch = ("generate", "--prompts", "prompts.txt", *tiny_flags, "--seeds", "1,2")
    said = [line for line in cli(*batch).err.splitlines() if "too long" in line]
    assert len(said) == 1  # not again for the other seed
    assert said[0].startswith("warning: 'water water")
    alone = cli("generate", "water " * 99, *tiny_flags).err
    assert "warning: the prompt is too long" in alone


def test_warnings_name_prompts_without_spaces_by_their_first_letters(cli: Cli) -> None:
    Path("prompts.txt").write_text(f"{'滝' * 41}\n{'城' * 40}\nA\t xylophone\n", encoding="utf-8")
    said = cli("generate", "--prompts", "prompts.txt", "--dry-run").err
    for begins in ("滝" * 39 + "…", "城" * 40, "A xylophone"):
        assert f"warning: '{begins}': pocket does not know" in said


def test_warnings_of_a_dry_run_name_their_prompt_as_the_runs_do(
    cli: Cli, tiny_flags: list[str], tiny_model: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(tiny_model, tmp_path / "model")
    (folder / "pocket.json").write_text('{"known_words": ["a", "lake"]}')
    flags = (*tiny_flags, "--model", folder, "--negative-prompt", "rust")
    Path("prompts.txt").write_text("A lake\nA xylophone\n")
    command = ("generate", "--prompts", "prompts.txt", *flags)
    of_prompt, of_both = cli(*command, "--dry-run").err.splitlines()
    assert of_prompt.startswith(f"warning: 'A xylophone': {folder}")
    assert of_both.startswith(f"warning: {folder}")
    assert "rust" in of_both
    assert of_prompt in cli(*command).err.splitlines()
    alone = cli("generate", "A xylophone", *flags, "--dry-run").err
    assert of_prompt.replace("'A xylophone': ", "") in alone.splitlines()


def test_w_zero_needs_no_loss(cli: Cli, tiny_model: Path) -> None:
    flags = ["--model", tiny_model, "--width", 96, "--height", 64, "--steps", 2, "--w", 0]
    log = json.loads(cli("generate", "A waterfall", *flags, "--json").out)
    assert log["sync"]["steps"] == []


@pytest.mark.parametrize(
    "extra",
    [
        ("--method", "multi"),
        ("--method", "bld"),
        ("--method", "bld", "--loop"),
        ("--method", "independent", "--width", 128),
        ("--windows", "shifted", "--loop"),
        ("--sync-every", 2, "--gradient", "cond", "--width", 128),
        ("--gradient", "x0", "--loss-size", 32),
        ("--compare", "noisy"),
        ("--scheduler", "dpmsolver++"),
        ("--scheduler", "unipc", "--sync-freq", 1),
        ("--initial-steps", 1, "--guidance-scale", 1),
        ("--height", 96, "--stride", 32),
        ("--width", 64, "--height", 128),
        ("--width", 64),
        ("--window-batch", 1),
        ("--dtype", "bfloat16"),
    ],
    ids=lambda extra: " ".join(map(str, extra)),
)
def test_every_way_of_painting_ends_in_a_picture(
    cli: Cli, tiny_flags: list[str], extra: tuple[object, ...]
) -> None:
    done = cli("generate", "A waterfall", *tiny_flags, *extra)
    assert (done.code, done.out) == (0, "out/a-waterfall-0.png\n"), done.err
    log = runlog.read(Path("out/a-waterfall-0.json"))
    runlog.validate(log)


def test_the_same_seed_gives_the_same_picture_and_another_does_not(
    cli: Cli, tiny_flags: list[str]
) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        cli("generate", "A waterfall", *tiny_flags, "--seed", seed, "-o", f"{name}.png")
    assert np.array_equal(pixels("a.png"), pixels("b.png"))
    assert not np.array_equal(pixels("a.png"), pixels("c.png"))


def test_save_steps_writes_one_preview_a_step(cli: Cli, tiny_flags: list[str]) -> None:
    done = cli("generate", "A waterfall", *tiny_flags, "--save-steps", "steps")
    assert done.code == 0, done.err
    previews = sorted(Path("steps").iterdir())
    assert [path.name for path in previews] == [f"a-waterfall-0-step-00{i}.png" for i in (0, 1)]
    assert pixels(previews[0]).shape == (64, 96, 3)


@pytest.mark.parametrize(
    "flags", [(), ("--loop", "--stride", 32), ("--method", "independent")], ids=str
)
def test_the_last_preview_is_the_picture(
    cli: Cli, tiny_flags: list[str], tmp_path: Path, flags: tuple[object, ...]
) -> None:
    ends_without_noise = {"set_alpha_to_one": True, "steps_offset": 0}
    model = tiny_checkpoint(tmp_path / "model", scheduler=ends_without_noise)
    wide = ("--model", model, "--width", 192, "--save-steps", "steps", *flags)
    assert cli("generate", "A lake", *tiny_flags, *wide, "-o", "a.png").code == 0
    assert np.array_equal(pixels("steps/a-step-001.png"), pixels("a.png"))


def test_a_preview_that_does_not_fit_is_not_taken_for_a_window(
    cli: Cli, tiny_flags: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_large(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("out of memory")

    monkeypatch.setattr(LatentDiffusion, "decode_panorama", too_large)
    done = cli("generate", "A lake", *tiny_flags, "--save-steps", "steps")
    assert done.code == 1
    assert "a preview does not fit into memory" in done.err
    assert "leave `--save-steps` out" in done.err


def test_of_two_long_texts_the_one_that_loses_words_is_named(
    cli: Cli, tiny_flags: list[str]
) -> None:
    done = cli("generate", "water", *tiny_flags, "--negative-prompt", "water " * 99)
    assert "warning: the negative prompt is too long" in done.err
    assert "the prompt is too long" not in done.err


def test_a_long_prompt_is_painted_and_the_dropped_words_are_named(
    cli: Cli, tiny_flags: list[str]
) -> None:
    done = cli("generate", "water " * 1700, *tiny_flags, "-o", "long.png")
    assert done.code == 0
    assert "warning: the prompt is too long" in done.err
    assert len(done.err) < 1000
    assert "dropped" in runlog.read(Path("long.json"))["notices"][0]


@pytest.mark.parametrize(
    "prompt", ["a/../b", "..", "line\nbreak", "\U0001f30b\U0001f30a", "-", "#"]
)
def test_any_prompt_stays_in_its_folder(
    cli: Cli, tiny_flags: list[str], prompt: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = [prompt]
    if prompt == "-":  # a bare dash is standard input, a prompt that starts with one needs `--`
        arguments = ["--", "-a dash"]
    done = cli("generate", *tiny_flags, *arguments)
    assert done.code == 0, done.err
    path = Path(done.out.strip())
    assert path.parent == Path("out")
    assert path.is_file()


def test_a_run_that_blows_up_fails_with_the_step_and_leaves_a_log_only(
    cli: Cli, tiny_flags: list[str]
) -> None:
    done = cli("generate", "A waterfall", *tiny_flags, "--w", "1e38", "--guidance-scale", "1e38")
    assert done.code == 1
    assert "error: the latent is no longer finite after step 0" in done.err
    assert "hint:" in done.err
    log = runlog.read(Path("out/a-waterfall-0.json"))
    assert (log["status"], log["image"]) == ("failed", None)
    runlog.validate(log)
    assert not Path("out/a-waterfall-0.png").exists()


def test_verbose_says_where_the_time_went(cli: Cli, tiny_flags: list[str]) -> None:
    done = cli("generate", "A waterfall", *tiny_flags, "-v")
    assert "a-waterfall-0.png: load " in done.err


def test_a_setting_without_effect_warns_and_quiet_does_not(cli: Cli, tiny_flags: list[str]) -> None:
    flags = (*tiny_flags, "--w", 0)
    assert "warning: `--loss` has no effect" in cli("generate", "A waterfall", *flags).err
    assert cli("generate", "A waterfall", *flags, "--quiet", "--overwrite").err == ""


def test_prompt_and_model_may_come_from_the_environment(
    cli: Cli, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYNCPANO_MODEL", str(tiny_model))
    monkeypatch.setenv("SYNCPANO_PROMPT", "A waterfall")
    flags = ["--width", 64, "--height", 64, "--steps", 1, "--w", 0]
    log = json.loads(cli("generate", *flags, "--json").out)
    assert (log["source"]["model"], log["source"]["prompt"]) == ("environment", "environment")
