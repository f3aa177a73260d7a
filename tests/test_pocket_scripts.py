"""Training and export refuse what cannot become a model, and do so before any work."""

from __future__ import annotations

import json
import re
import runpy
import shlex
import sys
from copy import deepcopy
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import save_file

SCRIPTS = Path(__file__).resolve().parents[1] / "scripts" / "pocket"
pytest.importorskip("cv2", reason="the scenes are drawn with OpenCV")
sys.path.insert(0, str(SCRIPTS))

import export  # noqa: E402
import preview  # noqa: E402
import train  # noqa: E402
from recipe import RECIPE, read_recipe  # noqa: E402
from runs import PARTS  # noqa: E402
from scenes import SUBJECTS  # noqa: E402
from script import run_main  # noqa: E402
from stages import STAGES, check_stages, timed  # noqa: E402

from syncpano.errors import SyncPanoError  # noqa: E402
from syncpano.interrupts import Interrupted  # noqa: E402
from syncpano.models.card import Card, read_card  # noqa: E402
from tests.conftest import REPOSITORY  # noqa: E402

Capsys = pytest.CaptureFixture[str]
SHIPPED: dict[str, Any] = yaml.safe_load(RECIPE.read_text())
PAGES = ("docs/pocket.md", "docs/notes/pocket-latents.md", "docs/notes/guided-share.md")


def ends(monkeypatch: pytest.MonkeyPatch, script: Any, *words: object) -> object:
    """The exit code of a script's command line."""
    monkeypatch.setattr(sys, "argv", [script.__file__, *map(str, words)])
    with pytest.raises(SystemExit) as end:
        run_main(script.main)
    return end.value.code


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--budget-minutes 1 --keep vae", "--start-from"),
        ("--budget-minutes 1 --keep eye --start-from x", "invalid choice: 'eye'"),
        ("--budget-minutes 1 --subjects dragons", "invalid choice: 'dragons'"),
        ("--budget-minutes 0", "0 is no number above 0"),
        ("--budget-minutes -3", "-3 is no number above 0"),
        ("--budget-minutes nan", "nan is no number above 0"),
        ("--budget-minutes inf", "inf is no number above 0"),
        ("--budget-minutes soon", "invalid minutes value: 'soon'"),
        ("--budget-minutes 1 --threads 0", "0 is no number above 0"),
        ("--stages transform judge", "--budget-minutes is needed for judge"),
        ("--budget-minutes 1 --recipe none.yaml", "none.yaml cannot be read: No such file"),
        ("--budget-minutes 1 --stages diffusion", "no tokenizer, text_encoder, vae, which the"),
        ("--stages fine --start-from x --keep vae", "no tokenizer, text_encoder, unet, which"),
    ],
)
def test_what_train_cannot_do_is_refused_before_anything_is_drawn(
    words: str, said: str, monkeypatch: pytest.MonkeyPatch, capsys: Capsys, tmp_path: Path
) -> None:
    assert ends(monkeypatch, train, *words.split()) == 2
    assert said in capsys.readouterr().err
    assert not any(tmp_path.iterdir())


def test_a_preview_takes_settings_by_the_names_that_a_config_has(
    monkeypatch: pytest.MonkeyPatch, tiny_model: Path
) -> None:
    Path("mine.yaml").write_text("w: 0\nheight: 64\nsteps: 1\nseed: 3\ndevice: cpu\n")
    words = ["sheet.png", "A lake", "--model", tiny_model, "--width", 64, "--config", "mine.yaml"]
    monkeypatch.setattr(sys, "argv", [preview.__file__, *map(str, words)])
    preview.main()
    assert Path("sheet.png").exists()


def test_a_preview_by_a_config_that_is_not_there_ends_in_plain_words(
    monkeypatch: pytest.MonkeyPatch, capsys: Capsys
) -> None:
    monkeypatch.setattr(sys, "argv", [preview.__file__, "sheet.png", "--config", "nope"])
    with pytest.raises(SystemExit) as end:
        runpy.run_path(preview.__file__, run_name="__main__")
    assert end.value.code == 2
    assert "error: 'nope' is no named config and no file" in capsys.readouterr().err


def test_a_device_that_is_not_there_is_refused_before_anything_is_drawn(
    monkeypatch: pytest.MonkeyPatch, capsys: Capsys, tmp_path: Path
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert ends(monkeypatch, train, "--budget-minutes", 1, "--device", "cuda") == 2
    assert "hint: use `--device cpu`" in capsys.readouterr().err
    assert not any(tmp_path.iterdir())


def documented_commands() -> list[str]:
    """What pages show of `train.py`: in a line of text, or in one of its own."""
    text = "\n\n".join((REPOSITORY / page).read_text() for page in PAGES)
    shown = re.findall(r"`([^`]+)`", text) + re.findall(r"^ {4}([^#\n]+)", text, re.MULTILINE)
    return [command for command in shown if re.search(r"train\.py\s", command)]


@pytest.mark.parametrize("command", documented_commands())
def test_a_documented_training_is_valid(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    words = shlex.split(command)
    first = next(i for i, word in enumerate(words) if word.endswith("train.py"))
    monkeypatch.setattr(sys, "argv", words[first:])
    train.read_arguments()


def test_documented_trainings_are_found() -> None:
    assert len(documented_commands()) > 6


def test_all_stages_make_all_parts_in_order(tmp_path: Path) -> None:
    check_stages(list(STAGES), (), tmp_path)
    made = {part for stage in STAGES.values() for part in stage.makes}
    assert made >= set(PARTS)
    assert {STAGES[stage].trains for stage in timed(STAGES)} <= set(PARTS)
    with pytest.raises(SyncPanoError, match="has no unet, which the stage fine needs"):
        check_stages(["fine", "diffusion"], set(PARTS) - {"unet"}, tmp_path)
    for stage in STAGES:
        check_stages([stage], PARTS, tmp_path)


def test_the_readers_of_prompts_are_the_text_stages_or_a_refiners(tmp_path: Path) -> None:
    parts = {"text_encoder", "vae"}
    check_stages(["refiner"], {*parts, "refiner"}, tmp_path)
    with pytest.raises(SyncPanoError, match="has no readers"):
        check_stages(["refiner"], parts, tmp_path)
    (tmp_path / "text.checkpoint.pt").touch()
    check_stages(["refiner"], parts, tmp_path)


def recipe_with(path: str, value: object, folder: Path) -> Path:
    """The shipped recipe with another value, or without one where that is None."""
    recipe = deepcopy(SHIPPED)
    *sections, name = path.split(".")
    section = recipe
    for key in sections:
        section = section[key]
    section.pop(name, None)
    if value is not None:
        section[name] = value
    file = folder / "mine.yaml"
    file.write_text(yaml.safe_dump(recipe))
    return file


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("diffusion", None, "`diffusion` is missing"),
        ("features.judge.size", None, "`features.judge.size` is missing"),
        ("diffusion.text.hiden_size", 8, "`diffusion.text.hiden_size` is unknown"),
        ("features", "many", "`features: many` is not a section"),
        ("diffusion.batch", 6.5, "`diffusion.batch: 6.5` is not a whole number"),
        ("diffusion.learning_rate", "1e-3", "`diffusion.learning_rate: 1e-3` is not a number"),
        ("diffusion.ema", float("nan"), "`diffusion.ema: nan` is not a number"),
        ("features.judge.channels", [], "`features.judge.channels: []` is not a list of"),
        ("features.judge.channels", [8, "x"], "`features.judge.channels: x` is not a whole number"),
        ("card.temperature", "cold", "`card.temperature: cold` is not a number"),
        ("card.temperature", 7, "a card cannot say `temperature: 7`"),
        ("card.guidance_scal", 2.0, "`card.guidance_scal` is unknown"),
        ("card.loss_scales", {"style": -1.0}, "a card cannot say `loss_scales: {'style': -1.0}`"),
    ],
)
def test_a_recipe_is_held_against_the_one_that_ships(
    path: str, value: object, said: str, tmp_path: Path
) -> None:
    with pytest.raises(SyncPanoError, match=re.escape(said)) as refused:
        read_recipe(recipe_with(path, value, tmp_path))
    assert refused.value.hint


@pytest.mark.parametrize("text", ["", "a: [", "- 1", "seed: 0\nseed: 1"])
def test_what_is_no_recipe_is_refused_in_words(text: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(text)
    with pytest.raises(SyncPanoError, match=r"mine\.yaml"):
        read_recipe(file)


def test_a_recipe_has_its_own_numbers_and_tables(tmp_path: Path) -> None:
    for path, value in (("diffusion.weight_cap", 4), ("card.gradient_gains", {"exact": 1.5})):
        read_recipe(recipe_with(path, value, tmp_path))
    note = tmp_path / "recipe.json"
    note.write_text(json.dumps(SHIPPED | {"diffusion": SHIPPED["diffusion"] | {"ema": 1e-05}}))
    assert read_recipe(note)["diffusion"]["ema"] == 1e-05


def test_a_recipes_card_says_all_that_export_does_not_find_out_itself() -> None:
    found_out = {"vocabulary", "cpu_dtype"}
    assert SHIPPED["card"].keys() == {field.name for field in fields(Card)} - found_out


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """What export takes, almost without weights."""
    folder = tmp_path / "run"
    configs = {"unet": {"in_channels": 6, "out_channels": 6}, "vae": {"latent_channels": 6}}
    for part in PARTS:
        (folder / part).mkdir(parents=True)
        (folder / part / "config.json").write_text(json.dumps(configs.get(part, {})))
    save_file({"weight": torch.ones(2)}, folder / "unet" / "model.safetensors")
    for stage in timed(STAGES):
        has_learnt(folder, stage, 7)
    start_note(folder, subjects=list(SUBJECTS))
    (folder / "recipe.json").write_text(json.dumps(SHIPPED))
    return folder


def has_learnt(run: Path, stage: str, steps: int) -> None:
    torch.save({"step": steps}, run / f"{stage}.checkpoint.pt")


def start_note(run: Path, **facts: object) -> None:
    note = {"start_from": None, "keep": [], **facts}
    (run / "start.json").write_text(json.dumps(note))


def shipped(folder: Path) -> set[str]:
    return {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()}


@pytest.fixture
def target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model that ships."""
    folder = tmp_path / "shipped"
    (folder / "gone").mkdir(parents=True)
    (folder / "gone" / "old.json").touch()
    monkeypatch.setattr(export, "EMBEDDED", folder)
    return folder


def test_an_exported_model_takes_the_place_of_the_one_before(
    run: Path, target: Path, tmp_path: Path
) -> None:
    export.export(run, target, {"temperature": 0.8})
    parts = {f"{part}/config.json" for part in PARTS}
    found = parts | {"unet/model.safetensors", "pocket.json", "model_index.json"}
    assert shipped(target) == found
    assert read_card(target).temperature == 0.8
    assert {path.name for path in tmp_path.iterdir()} == {"run", "shipped"}


def lose_a_part(run: Path) -> None:
    (run / "features" / "config.json").unlink()


def lose_channels(run: Path) -> None:
    config = {"in_channels": 5, "out_channels": 6}
    (run / "unet" / "config.json").write_text(json.dumps(config))


def train_nothing(run: Path) -> None:
    for stage in timed(STAGES):
        has_learnt(run, stage, 0)


def train_no_judge(run: Path) -> None:
    (run / "judge.checkpoint.pt").unlink()


def rehearse(run: Path) -> None:
    start_note(run, subjects=["castle"])


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lose_a_part, "has no features"),
        (lose_channels, "takes 5 channels and gives 6"),
        (train_nothing, "has an untrained text_encoder, perceptual, features, unet"),
        (train_no_judge, "has an untrained features"),
        (rehearse, "knows 1 of 24 subjects"),
    ],
)
def test_a_run_that_makes_no_model_leaves_the_one_that_ships_alone(
    run: Path, target: Path, spoil: Any, said: str
) -> None:
    spoil(run)
    with pytest.raises(SyncPanoError, match=said):
        export.export(run, target, {})
    assert shipped(target) == {"gone/old.json"}


def test_a_damaged_card_leaves_the_model_that_ships_alone(run: Path, target: Path) -> None:
    with pytest.raises(SyncPanoError):
        export.export(run, target, {"temperature": "cold"})
    assert shipped(target) == {"gone/old.json"}


def test_parts_of_another_model_need_no_training_here(run: Path, target: Path) -> None:
    train_no_judge(run)
    start_note(run, subjects=list(SUBJECTS), keep=["features"])
    export.export(run, target, {})
    assert "pocket.json" in shipped(target)


def test_a_rehearsal_is_exported_elsewhere(run: Path, target: Path, tmp_path: Path) -> None:
    rehearse(run)
    export.export(run, tmp_path / "elsewhere", {})
    assert "pocket.json" in shipped(tmp_path / "elsewhere")


def test_the_card_is_the_runs_own_unless_another_is_named(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    own, other = (SHIPPED | {"card": SHIPPED["card"] | {"temperature": t}} for t in (0.5, 0.6))
    (run / "recipe.json").write_text(json.dumps(own))
    (tmp_path / "other.yaml").write_text(yaml.safe_dump(other))
    words = ["export.py", "--folder", str(run), "--out", str(out)]
    for further, temperature in (([], 0.5), (["--recipe", "other.yaml"], 0.6)):
        monkeypatch.setattr(sys, "argv", [*words, *further])
        export.main()
        assert read_card(out).temperature == temperature


def test_an_interrupted_script_says_one_line(capsys: Capsys) -> None:
    def main() -> None:
        raise Interrupted(2)

    with pytest.raises(SystemExit) as end:
        run_main(main)
    assert end.value.code == 130
    assert capsys.readouterr().err == "interrupted: the same command goes on from here\n"
