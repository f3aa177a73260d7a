"""A training run can be stopped, goes on as it was, and leaves whole folders or none."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

SCRIPTS = Path(__file__).resolve().parents[1] / "scripts" / "pocket"
pytest.importorskip("cv2", reason="the scenes are drawn with OpenCV")
sys.path.insert(0, str(SCRIPTS))

import train  # noqa: E402
from data import Render, odds_by_style  # noqa: E402
from export import PARTS, export  # noqa: E402
from fidelity_curve import check_spent  # noqa: E402
from folders import note_down, whole  # noqa: E402
from scenes import attributes_of  # noqa: E402
from training import Average, Stage, add_gradients  # noqa: E402
from workers import Workers  # noqa: E402


def state_of_a_model(seed: int) -> dict[str, Any]:
    torch.manual_seed(seed)
    model = nn.Linear(3, 2)
    return {
        "model": model,
        "optimiser": torch.optim.AdamW(model.parameters(), 0.1),
        "average": Average(model, 0.9),
    }


def learn(stage: Stage, state: dict[str, Any], stop: int) -> None:
    for step in stage.steps(state):
        state["optimiser"].zero_grad()
        state["model"](torch.ones(4, 3)).square().sum().backward()
        state["optimiser"].step()
        state["average"].update(state["model"], step)
        if step == stop:
            signal.raise_signal(signal.SIGTERM)


def tensors(value: object) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from tensors(part)


def test_a_stage_that_is_told_to_stop_goes_on_where_it_was(tmp_path: Path) -> None:
    """Clocks here tick when they are read."""
    before = signal.getsignal(signal.SIGTERM)
    stage, state = Stage(tmp_path, "toy", 1e6, clock=count().__next__), state_of_a_model(0)
    with pytest.raises(SystemExit) as stopped:
        learn(stage, state, stop=5)
    assert stopped.value.code == 128 + signal.SIGTERM
    assert signal.getsignal(signal.SIGTERM) is before
    again, restored = Stage(tmp_path, "toy", 1e6), state_of_a_model(1)
    again.restore(restored)
    assert again.step == 6
    assert 0 < again.spent == again.elapsed <= stage.elapsed
    for name, part in state.items():
        pairs = zip(tensors(part.state_dict()), tensors(restored[name].state_dict()), strict=True)
        assert all(torch.equal(*pair) for pair in pairs), name


def test_a_stage_gives_the_signal_back_when_a_step_fails(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    steps = Stage(tmp_path, "toy", 1e6).steps({})
    next(steps)
    assert signal.getsignal(signal.SIGTERM) is not before
    steps.close()
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_restored_average_stays_on_the_device_where_it_began() -> None:
    average = Average(nn.Linear(2, 2, device="meta"), 0.9)
    average.load_state_dict(Average(nn.Linear(2, 2), 0.9).state_dict())
    assert {value.device.type for value in average.state_dict().values()} == {"meta"}


@pytest.mark.parametrize("most", [1, 3, 10])
def test_a_batch_that_does_not_fit_is_taken_in_pieces_with_the_same_gradients(most: int) -> None:
    torch.manual_seed(0)
    model, batch = nn.Linear(3, 1), (torch.randn(10, 3), torch.randn(10, 1))
    optimiser = torch.optim.SGD(model.parameters(), 0.1)

    def loss_of(inputs: Tensor, targets: Tensor) -> Tensor:
        if len(inputs) > most:
            raise torch.OutOfMemoryError("too many at once")
        return (model(inputs) - targets).square().mean()

    whole_loss = (model(batch[0]) - batch[1]).square().mean()
    (expected,) = torch.autograd.grad(whole_loss, model.weight)
    loss, at_once = add_gradients(loss_of, batch, optimiser, 10)
    assert at_once <= most
    torch.testing.assert_close(model.weight.grad, expected)
    assert loss == pytest.approx(whole_loss.item())


def test_memory_that_is_too_small_for_one_example_is_an_error() -> None:
    def loss_of(_: Tensor) -> Tensor:
        raise torch.OutOfMemoryError("none at all")

    optimiser = torch.optim.SGD([nn.Parameter(torch.zeros(1))], 0.1)
    with pytest.raises(torch.OutOfMemoryError):
        add_gradients(loss_of, [torch.zeros(4)], optimiser, 4)


def test_workers_share_the_whole_batch_and_none_goes_without() -> None:
    workers = Workers()
    workers.size = 3
    shares = []
    for workers.rank in range(3):
        shares.append(workers.share(64))
    assert shares == [22, 21, 21]
    with pytest.raises(SystemExit, match="3 processes cannot share a batch of 2"):
        workers.share(2)


def test_renders_of_one_style_are_drawn_evenly() -> None:
    anime = [Render(Path(), attributes_of(seed, "anime_landscape")) for seed in range(4)]
    assert odds_by_style(anime, 0.5).tolist() == [0.25] * 4


def test_a_picture_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    path = tmp_path / "0000000.jpg"
    path.write_bytes(b"\xff\xd8")
    with pytest.raises(SystemExit, match=r"0000000\.jpg cannot be read"):
        Render(path, attributes_of(0, "castle")).load()


def test_a_folder_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    folder = tmp_path / "part.of"

    def write(name: str, stop: bool = False) -> None:
        with whole(folder) as target:
            (target / name).touch()
            if stop:
                raise KeyboardInterrupt

    write("old")
    write("new")
    with pytest.raises(KeyboardInterrupt):
        write("half", stop=True)
    assert [file.name for file in folder.iterdir()] == ["new"]


def test_what_results_hang_on_cannot_change_beside_them(tmp_path: Path) -> None:
    note = tmp_path / "note.json"
    note_down(note, {"steps": 25, "model": "a"}, ("steps", "model"))
    note_down(note, {"steps": 25, "model": "b"}, ("steps",))
    with pytest.raises(SystemExit, match=r"note\.json has another steps, .*: do this"):
        note_down(note, {"steps": 50, "model": "b"}, ("steps", "model"), "do this")
    assert json.loads(note.read_text()) == {"steps": 25, "model": "b"}


RECIPE = {"seed": 0, "diffusion": {"batch": 64}, "card": {"temperature": 0.8}}


def begin(folder: Path, model: Path | None = None, recipe: dict[str, object] = RECIPE) -> None:
    keep = None if model is None else ["unet", "vae"]
    arguments = argparse.Namespace(folder=folder, subjects=None, start_from=model, keep=keep)
    train.Training(arguments, recipe).begin()


def a_model(folder: Path) -> Path:
    for part in ("unet", "vae"):
        (folder / part).mkdir(parents=True)
        (folder / part / "diffusion_pytorch_model.safetensors").write_bytes(folder.name.encode())
    return folder


def test_a_run_goes_on_with_the_model_that_it_started_from_and_with_no_other(
    tmp_path: Path,
) -> None:
    run, first, other = tmp_path / "run", a_model(tmp_path / "first"), a_model(tmp_path / "other")
    begin(run, first)
    begin(run, first)
    begin(run)
    with pytest.raises(SystemExit, match=r"another start_from, .*leave out --start-from"):
        begin(run, other)
    assert (run / "vae" / "diffusion_pytorch_model.safetensors").read_bytes() == b"first"


def test_a_run_from_nothing_takes_in_no_other_model(tmp_path: Path) -> None:
    run, model = tmp_path / "run", a_model(tmp_path / "model")
    begin(run)
    begin(run, model)  # nothing was trained yet
    (tmp_path / "trained").mkdir()
    begin(tmp_path / "trained")
    (tmp_path / "trained" / "text.checkpoint.pt").touch()
    with pytest.raises(SystemExit, match="another start_from"):
        begin(tmp_path / "trained", model)


def test_a_model_without_the_parts_to_keep_is_refused_before_any_is_copied(tmp_path: Path) -> None:
    (tmp_path / "model" / "unet").mkdir(parents=True)
    with pytest.raises(SystemExit, match="model has no vae"):
        begin(tmp_path / "run", tmp_path / "model")
    assert not (tmp_path / "run" / "unet").exists()


def test_what_is_trained_keeps_to_its_recipe_but_for_the_card(tmp_path: Path) -> None:
    begin(tmp_path)
    begin(tmp_path, recipe=RECIPE | {"seed": 1})  # nothing was trained yet
    (tmp_path / "text.checkpoint.pt").touch()
    begin(tmp_path, recipe=RECIPE | {"seed": 1, "card": {"temperature": 1}})
    with pytest.raises(SystemExit, match=r"recipe\.json has another seed, "):
        begin(tmp_path)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--keep", "vae"], "--start-from"),
        (["--keep", "eye", "--start-from", "x"], "invalid choice: 'eye'"),
        (["--subjects", "dragons"], "invalid choice: 'dragons'"),
    ],
)
def test_arguments_that_mean_nothing_are_refused(
    words: list[str],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", ["train.py", "--budget-minutes", "1", *words])
    with pytest.raises(SystemExit) as refused:
        train.read_arguments()
    assert refused.value.code == 2
    assert said in capsys.readouterr().err


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """What export takes, without weights."""
    folder = tmp_path / "run"
    configs = {"unet": {"in_channels": 6, "out_channels": 6}, "vae": {"latent_channels": 6}}
    for part in PARTS:
        (folder / part).mkdir(parents=True)
        (folder / part / "config.json").write_text(json.dumps(configs.get(part, {})))
    return folder


def shipped(folder: Path) -> set[str]:
    return {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()}


def test_an_exported_model_takes_the_place_of_the_one_before(run: Path, tmp_path: Path) -> None:
    target = tmp_path / "shipped"
    (target / "gone").mkdir(parents=True)
    (target / "gone" / "old.json").touch()
    export(run, target, {"temperature": 0.8})
    parts = {f"{part}/config.json" for part in PARTS}
    assert shipped(target) == parts | {"pocket.json", "model_index.json"}
    assert json.loads((target / "pocket.json").read_text())["temperature"] == 0.8
    assert {path.name for path in tmp_path.iterdir()} == {"run", "shipped"}


@pytest.mark.parametrize(
    ("part", "config", "said"),
    [("features", None, "has no features"), ("unet", 5, "takes 5 channels and gives 6")],
)
def test_a_run_that_makes_no_model_leaves_the_one_that_ships_alone(
    run: Path, tmp_path: Path, part: str, config: int | None, said: str
) -> None:
    file = run / part / "config.json"
    file.unlink()
    if config is not None:
        file.write_text(json.dumps({"in_channels": config, "out_channels": 6}))
    target = tmp_path / "shipped"
    (target / "unet").mkdir(parents=True)
    (target / "unet" / "config.json").write_text("{}")
    with pytest.raises(SystemExit, match=said):
        export(run, target, {})
    assert shipped(target) == {"unet/config.json"}


def test_a_curve_is_not_measured_backwards(tmp_path: Path) -> None:
    check_spent(tmp_path, 1)
    torch.save({"spent": 243.0}, tmp_path / "diffusion.checkpoint.pt")
    check_spent(tmp_path, 4)  # its last step ended a little late
    with pytest.raises(SystemExit, match=r"has learnt for 4\.0 minutes already, more than 2"):
        check_spent(tmp_path, 2)
