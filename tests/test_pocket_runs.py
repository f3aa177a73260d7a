"""A training run can be stopped, goes on as it was, and leaves whole folders or none."""

from __future__ import annotations

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

from data import Render, odds_by_style  # noqa: E402
from fidelity_curve import check_spent  # noqa: E402
from folders import copy_whole, note_down, whole  # noqa: E402
from runs import begin  # noqa: E402
from scenes import attributes_of  # noqa: E402
from training import Average, Stage, add_gradients  # noqa: E402
from workers import Workers  # noqa: E402

from syncpano.errors import SyncPanoError  # noqa: E402
from syncpano.interrupts import Interrupted  # noqa: E402


def state_of_a_model(seed: int) -> dict[str, Any]:
    torch.manual_seed(seed)
    model = nn.Linear(3, 2)
    return {
        "model": model,
        "optimiser": torch.optim.AdamW(model.parameters(), 0.1),
        "average": Average(model, 0.9),
    }


def learn(stage: Stage, state: dict[str, Any], stop: int, number: int) -> None:
    for step in stage.steps(state):
        state["optimiser"].zero_grad()
        state["model"](torch.ones(4, 3)).square().sum().backward()
        state["optimiser"].step()
        state["average"].update(state["model"], step)
        if step == stop:
            signal.raise_signal(number)


def tensors(value: object) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from tensors(part)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stage_that_is_told_to_stop_goes_on_where_it_was(
    tmp_path: Path, number: signal.Signals
) -> None:
    """Clocks here tick when they are read."""
    before = signal.getsignal(number)
    stage, state = Stage(tmp_path, "toy", 1e6, clock=count().__next__), state_of_a_model(0)
    with pytest.raises(Interrupted) as stopped:
        learn(stage, state, stop=5, number=number)
    assert stopped.value.exit_code == 128 + number
    assert signal.getsignal(number) is before
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
    with pytest.raises(SyncPanoError, match="3 processes cannot share a batch of 2"):
        workers.share(2)


def test_renders_of_one_style_are_drawn_evenly() -> None:
    anime = [Render(Path(), attributes_of(seed, "anime_landscape")) for seed in range(4)]
    assert odds_by_style(anime, 0.5).tolist() == [0.25] * 4


def test_a_picture_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    path = tmp_path / "0000000.jpg"
    path.write_bytes(b"\xff\xd8")
    with pytest.raises(SystemExit, match=r"0000000\.jpg cannot be read"):
        Render(path, attributes_of(0, "castle")).load()


@pytest.mark.parametrize("newer", [True, False], ids=["with the newer copy", "alone"])
def test_a_copy_that_outlived_a_kill_between_two_renames_is_put_back(
    tmp_path: Path, newer: bool
) -> None:
    """The newer one, which was complete, if it is there; a failure after that loses nothing."""
    folder, names = tmp_path / "part.of", ["old", *["partial"] * newer]
    for name in names:
        (tmp_path / f"part.of.{name}").mkdir()
        (tmp_path / f"part.of.{name}" / name).touch()
    with pytest.raises(FileNotFoundError):
        copy_whole(tmp_path / "nowhere", folder)
    assert [file.name for file in folder.iterdir()] == names[-1:]


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


def test_files_of_a_folder_are_not_for_their_owner_alone(tmp_path: Path) -> None:
    """As safetensors leaves them; a wheel would carry that on."""
    plain = tmp_path / "plain"
    plain.touch()
    with whole(tmp_path / "part.of") as target:
        (target / "weights").touch(mode=0o600)
    assert (tmp_path / "part.of/weights").stat().st_mode == plain.stat().st_mode


def test_what_results_hang_on_cannot_change_beside_them(tmp_path: Path) -> None:
    note = tmp_path / "note.json"
    note_down(note, {"steps": 25, "model": "a"}, ("steps", "model"))
    note_down(note, {"steps": 25, "model": "b"}, ("steps",))
    with pytest.raises(SyncPanoError, match=r"note\.json has another steps, ") as refused:
        note_down(note, {"steps": 50, "model": "b"}, ("steps", "model"), "do this")
    assert refused.value.hint == "do this"
    assert json.loads(note.read_text()) == {"steps": 25, "model": "b"}


RECIPE = {"seed": 0, "card": {"temperature": 0.8}}
SUBJECTS = ["castle", "alley"]


def start(folder: Path, model: Path | None = None, **changed: Any) -> None:
    settings = {"recipe": RECIPE, "subjects": SUBJECTS, "keep": ["unet", "vae"], **changed}
    begin(folder, model=model, **settings)


def a_model(folder: Path) -> Path:
    for part in ("unet", "vae"):
        (folder / part).mkdir(parents=True)
        (folder / part / "diffusion_pytorch_model.safetensors").write_bytes(folder.name.encode())
    return folder


def test_a_run_goes_on_with_the_model_that_it_started_from_and_with_no_other(
    tmp_path: Path,
) -> None:
    run, first, other = tmp_path / "run", a_model(tmp_path / "first"), a_model(tmp_path / "other")
    start(run, first)
    start(run, first)
    start(run)
    with pytest.raises(SyncPanoError, match="another start_from") as refused:
        start(run, other)
    assert "leave out --start-from" in refused.value.hint
    assert (run / "vae" / "diffusion_pytorch_model.safetensors").read_bytes() == b"first"


def test_a_run_from_nothing_takes_in_no_other_model(tmp_path: Path) -> None:
    run, model = tmp_path / "run", a_model(tmp_path / "model")
    start(run)
    start(run, model)  # nothing was trained yet
    start(tmp_path / "trained")
    (tmp_path / "trained" / "text.checkpoint.pt").touch()
    with pytest.raises(SyncPanoError, match="another start_from"):
        start(tmp_path / "trained", model)


def test_a_model_without_the_parts_to_keep_is_refused_before_anything_is_written(
    tmp_path: Path,
) -> None:
    (tmp_path / "model" / "unet").mkdir(parents=True)
    with pytest.raises(SyncPanoError, match="model has no vae"):
        start(tmp_path / "run", tmp_path / "model")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("made", ["text.checkpoint.pt", "tokenizer"])
def test_what_is_made_keeps_to_its_recipe_but_for_the_card(tmp_path: Path, made: str) -> None:
    start(tmp_path)
    start(tmp_path, recipe=RECIPE | {"seed": 1})  # nothing was made yet
    (tmp_path / made).mkdir()
    start(tmp_path, recipe=RECIPE | {"seed": 1, "card": {"temperature": 1}})
    with pytest.raises(SyncPanoError, match=r"recipe\.json has another seed, "):
        start(tmp_path)
    assert json.loads((tmp_path / "recipe.json").read_text())["seed"] == 1


def test_parts_of_another_model_keep_to_no_recipe_and_those_made_beside_them_do(
    tmp_path: Path,
) -> None:
    run, model = tmp_path / "run", a_model(tmp_path / "model")
    start(run, model)
    start(run, recipe=RECIPE | {"seed": 1})
    (run / "tokenizer").mkdir()
    with pytest.raises(SyncPanoError, match="another seed"):
        start(run)


def test_what_is_made_keeps_to_its_subjects(tmp_path: Path) -> None:
    start(tmp_path)
    start(tmp_path, subjects=["castle"])  # nothing was made yet
    (tmp_path / "tokenizer").mkdir()
    start(tmp_path, subjects=["castle"])
    with pytest.raises(SyncPanoError, match="another subjects") as refused:
        start(tmp_path)
    assert "give the same --subjects" in refused.value.hint


def test_a_curve_is_not_measured_backwards(tmp_path: Path) -> None:
    check_spent(tmp_path, 1)
    torch.save({"spent": 243.0}, tmp_path / "diffusion.checkpoint.pt")
    check_spent(tmp_path, 4)  # its last step ended a little late
    with pytest.raises(SystemExit, match=r"has learnt for 4\.0 minutes already, more than 2"):
        check_spent(tmp_path, 2)
