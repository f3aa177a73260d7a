"""`syncpano evaluate` from the outside: folders in, numbers out."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from safetensors.torch import load_file, save_file
from torch import Tensor

from syncpano.commands import evaluate as command
from syncpano.metrics.pocket_features import PocketFeatures
from tests.conftest import Outcome
from tests.pictures import SHARED_VGG, montage, save, scene, tiny_judge

Cli = Callable[..., Outcome]
SCHEMA = Path(command.__file__).parents[1] / "metrics" / "evaluation.schema.json"
OFFLINE = ("--metrics", "intra-pocket,colour,palette,edges,seam")
ROUNDING = 1e-5


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole tiny model that brings a judge along."""
    from tests.tiny import tiny_checkpoint

    folder = tiny_checkpoint(tmp_path_factory.mktemp("judging"))
    tiny_judge(folder)
    return folder


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder of a coherent PNG, a montage and a JPEG."""
    folder = tmp_path / "pictures"
    save(scene(1), folder / "a.png")
    save(montage(1, 2, 3), folder / "b.png")
    save(scene(2), folder / "below" / "c.jpg")
    return folder


def measured(cli: Cli, judge: Path, *arguments: object) -> dict[str, Any]:
    outcome = cli("evaluate", *arguments, "--judge", judge, "--json", "--device", "cpu")
    assert outcome.code == 0, outcome.err
    result: dict[str, Any] = json.loads(outcome.out)
    return result


def column(result: dict[str, Any], metric: str) -> list[float]:
    return [image[metric] for image in result["images"]]


def test_the_json_follows_its_schema(cli: Cli, judge: Path, pictures: Path) -> None:
    result = measured(cli, judge, pictures, *OFFLINE)
    jsonschema.validate(result, json.loads(SCHEMA.read_text()))
    assert [Path(image["path"]).name for image in result["images"]] == ["a.png", "b.png", "c.jpg"]
    assert result["metrics"]["colour"]["n"] == 3


def test_a_montage_is_less_coherent(cli: Cli, judge: Path, pictures: Path) -> None:
    result = measured(cli, judge, pictures, *OFFLINE)
    for metric in ("colour", "palette"):
        coherent, mixed, _ = column(result, metric)
        assert mixed > coherent


def test_every_number_says_which_features_made_it(cli: Cli, judge: Path, pictures: Path) -> None:
    result = measured(cli, judge, pictures, *OFFLINE)
    made_by = {name: metric["features"] for name, metric in result["metrics"].items()}
    assert made_by["colour"] == "no network"
    assert made_by["intra_pocket"].startswith("pocket-judge@")


def test_order_batch_and_cache_change_nothing(cli: Cli, judge: Path, pictures: Path) -> None:
    files = [pictures / "a.png", pictures / "b.png"]
    metrics = ("--metrics", "intra-pocket,pocket-fit,fid,giqa", "--features", "pocket")
    metrics += ("--crop", 32, "--prompt", "a waterfall")
    reference = ("--reference", pictures)
    first = measured(cli, judge, *files, *metrics, *reference, "--no-cache", "--batch", 1)
    again = measured(cli, judge, *files, *metrics, *reference, "--no-cache", "--batch", 3)
    kept = measured(cli, judge, *files[::-1], *metrics, *reference)
    from_cache = measured(cli, judge, *files[::-1], *metrics, *reference)
    assert kept["metrics"] == from_cache["metrics"]
    assert kept["images"] == from_cache["images"]
    for name in ("intra_pocket", "pocket_fit", "fid", "giqa"):
        means = [result["metrics"][name]["mean"] for result in (first, again, kept)]
        assert means == pytest.approx([means[0]] * 3, rel=1e-3, abs=ROUNDING)


def test_fid_of_pictures_with_themselves_is_zero(cli: Cli, judge: Path, tmp_path: Path) -> None:
    for seed in range(4):
        save(scene(seed, 1), tmp_path / "single" / f"{seed}.png")
    result = measured(
        cli, judge, tmp_path / "single", "--metrics", "fid", "--features", "pocket",
        "--reference", tmp_path / "single",
    )  # fmt: skip
    assert result["metrics"]["fid"]["mean"] == pytest.approx(0, abs=ROUNDING)


def test_a_bad_file_is_named_skipped_and_makes_exit_1(
    cli: Cli, judge: Path, pictures: Path
) -> None:
    (pictures / "broken.png").write_bytes((pictures / "a.png").read_bytes()[:200])
    (pictures / "text.jpg").write_text("no picture")
    outcome = cli("evaluate", pictures, *OFFLINE, "--judge", judge, "--json", "--device", "cpu")
    assert outcome.code == 1
    result = json.loads(outcome.out)
    assert {Path(entry["path"]).name for entry in result["skipped"]} == {"broken.png", "text.jpg"}
    assert len(result["images"]) == 3
    assert "broken.png was skipped" in outcome.err
    assert "Traceback" not in outcome.err


def test_a_folder_named_like_a_picture_is_a_folder(cli: Cli, pictures: Path) -> None:
    save(scene(3), pictures / "more.png" / "d.png")
    done = cli("evaluate", pictures, "--metrics", "colour", "--json")
    assert (done.code, done.err) == (0, "")
    names = [Path(image["path"]).name for image in json.loads(done.out)["images"]]
    assert names == ["a.png", "b.png", "c.jpg", "d.png"]


def test_a_file_name_that_is_no_text_is_a_name(cli: Cli, judge: Path, pictures: Path) -> None:
    shutil.copy(pictures / "a.png", os.fsencode(pictures) + b"/caf\xe9.png")
    result = measured(cli, judge, pictures, "--metrics", "colour,giqa", "--reference", pictures,
                      "--features", "pocket")  # fmt: skip
    assert [Path(image["path"]).name for image in result["images"]][-1] == "caf\udce9.png"


def test_measurements_that_cannot_be_kept_are_no_fault_of_the_pictures(
    cli: Cli, pictures: Path, tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    for number in range(256):
        (cache / f"{number:02x}").write_text("")
    outcome = cli("evaluate", pictures, "--metrics", "colour", "--cache", cache)
    assert outcome.code == 1
    assert "measurements cannot be kept" in outcome.err
    assert "skipped" not in outcome.err


def test_a_set_that_cannot_be_compared_is_no_success(
    cli: Cli, judge: Path, pictures: Path, tmp_path: Path
) -> None:
    save(scene(3, 1), tmp_path / "one" / "a.png")
    flags = ("--features", "pocket", "--judge", judge, "--device", "cpu")
    outcome = cli("evaluate", pictures, "--metrics", "fid", "--reference", tmp_path / "one", *flags)
    assert outcome.code == 1
    assert "fid leave pictures out: there are fewer than two crops" in outcome.err


def test_a_crop_of_a_montage_is_one_of_its_windows(
    cli: Cli, judge: Path, tiny_flags: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "apart.png"
    flags = [*tiny_flags, "--width", 128, "--method", "independent", "--output", path]
    assert cli("generate", "A waterfall", *flags).code == 0
    measured(cli, judge, path, "--metrics", "colour")
    outcome = cli("evaluate", path, "--metrics", "colour", "--crop", 32, "--judge", judge)
    assert outcome.code == 2
    assert "crops of 32 would cut through them" in outcome.err


def test_a_picture_too_small_for_the_networks_is_skipped(
    cli: Cli, judge: Path, pictures: Path
) -> None:
    save(scene(1)[:1, :1], pictures / "dot.png")
    outcome = cli("evaluate", pictures, *OFFLINE, "--judge", judge, "--json", "--device", "cpu")
    assert outcome.code == 1
    assert [Path(entry["path"]).name for entry in json.loads(outcome.out)["skipped"]] == ["dot.png"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--metrics", "fid"), "no reference pictures"),  # not: Inception cannot be fetched
        (("--crop", "0"), "--crop"),
        (("--cache", "a-file"), "a-file cannot be written"),
    ],
)
def test_what_cannot_work_is_refused_before_a_network_loads(
    cli: Cli, pictures: Path, arguments: tuple[str, ...], said: str
) -> None:
    Path("a-file").touch()
    outcome = cli("evaluate", pictures, *arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert said in outcome.err
    assert "skipped" not in outcome.err


def test_a_picture_of_one_crop_has_no_pairs_and_says_so(
    cli: Cli, judge: Path, tmp_path: Path
) -> None:
    save(scene(1, 1), tmp_path / "one.png")
    outcome = cli("evaluate", tmp_path / "one.png", "--metrics", "colour", "--json")
    assert outcome.code == 0
    result = json.loads(outcome.out)
    assert result["metrics"]["colour"] == {
        "mean": None, "std": None, "n": 0, "features": "no network", "reduction": "mean",
    }  # fmt: skip
    assert "have no pairs" in outcome.err


def test_a_picture_smaller_than_a_crop_is_skipped(cli: Cli, tmp_path: Path) -> None:
    save(scene(1), tmp_path / "large.png")
    save(scene(1)[:8], tmp_path / "small.png")
    outcome = cli("evaluate", tmp_path, "--metrics", "colour", "--crop", 64)
    assert outcome.code == 1
    assert "small.png" in outcome.err


def test_the_sum_is_labelled(cli: Cli, pictures: Path) -> None:
    outcome = cli("evaluate", pictures, "--metrics", "colour", "--reduction", "sum")
    assert "colour (sum)" in outcome.out
    three_pairs = json.loads(
        cli("evaluate", pictures, "--metrics", "colour", "--reduction", "sum", "--json").out
    )
    mean = json.loads(cli("evaluate", pictures, "--metrics", "colour", "--json").out)
    assert column(three_pairs, "colour") == pytest.approx([3 * x for x in column(mean, "colour")])


def with_log(path: Path, tiny_flags: list[str], cli: Cli, prompt: str) -> Path:
    outcome = cli("generate", prompt, *tiny_flags, "--output", path, "--quiet", "--w", "0")
    assert outcome.code == 0, outcome.err
    return path


def test_prompts_and_windows_come_from_the_run_log(
    cli: Cli, judge: Path, tiny_flags: list[str], tmp_path: Path
) -> None:
    with_log(tmp_path / "w.png", tiny_flags, cli, "a waterfall")
    moved = shutil.copy(tmp_path / "w.png", tmp_path / "moved.png")  # without its .json
    result = measured(cli, judge, moved, "--metrics", "pocket-fit")
    assert result["images"][0]["prompt"] == "a waterfall"
    assert 0 <= result["images"][0]["pocket_fit"] <= 100


def test_pocket_fit_is_the_mean_over_all_native_crops(
    cli: Cli, judge: Path, tmp_path: Path
) -> None:
    for name, pixels in {"one": scene(1, 1), "other": scene(2, 1), "both": montage(1, 2)}.items():
        save(pixels, tmp_path / f"{name}.png")
    fits = {
        Path(image["path"]).stem: image["pocket_fit"]
        for image in measured(
            cli, judge, tmp_path, "--metrics", "pocket-fit", "--prompt", "a waterfall"
        )["images"]
    }
    assert fits["one"] != pytest.approx(fits["other"], rel=1e-4)
    assert fits["both"] == pytest.approx((fits["one"] + fits["other"]) / 2, rel=1e-5)


def test_prompt_metrics_without_a_prompt_say_what_to_do(
    cli: Cli, judge: Path, pictures: Path
) -> None:
    outcome = cli("evaluate", pictures, "--metrics", "pocket-fit", "--judge", judge)
    assert outcome.code == 2
    assert "--prompt" in outcome.err
    given = measured(cli, judge, pictures, "--metrics", "pocket-fit", "--prompt", "a waterfall")
    assert given["metrics"]["pocket_fit"]["n"] == 3
    stranger = cli(
        "evaluate", pictures, "--metrics", "pocket-fit", "--prompt", "a spaceship", "--judge", judge
    )
    assert stranger.code == 0
    assert "knows no word of their prompts" in stranger.err


def test_by_prompt_compares_only_the_same_prompt(
    cli: Cli, judge: Path, tiny_flags: list[str], tmp_path: Path
) -> None:
    folder = tmp_path / "runs"
    for prompt in ("a waterfall", "a city"):
        for seed in (0, 1):
            path = folder / f"{prompt[2:]}-{seed}.png"
            with_log(path, [*tiny_flags, "--seed", str(seed)], cli, prompt)
    options = ("--metrics", "fid,giqa", "--features", "pocket", "--reference", folder)
    result = measured(cli, judge, folder, *options, "--by-prompt")
    assert result["metrics"]["fid"]["std"] is not None
    assert result["metrics"]["giqa"]["n"] == 4
    save(scene(1), folder / "stranger.png")
    outcome = cli("evaluate", folder, *options, "--by-prompt", "--judge", judge)
    assert outcome.code == 1
    assert "stranger.png has no run log" in outcome.err


@pytest.mark.parametrize(
    "flag",
    ["--reference", "--by-prompt", "--features", "--giqa-form", "--loss-weights", "--judge",
     "--clip-model", "--feature-weights", "--reduction"],
)  # fmt: skip
def test_a_flag_that_no_metric_reads_is_said_to_have_no_effect(
    cli: Cli, pictures: Path, flag: str
) -> None:
    values = {"--by-prompt": [], "--features": ["vgg16"], "--giqa-form": ["paper"]}
    values |= {"--reduction": ["sum"]}
    outcome = cli("evaluate", pictures, "--metrics", "edges", flag, *values.get(flag, [pictures]))
    assert outcome.code == 0, outcome.err
    assert outcome.err.count("has no effect") == 1
    assert f"`{flag}` has no effect" in outcome.err


def test_weights_that_the_judge_does_not_read_are_said_to_have_no_effect(
    cli: Cli, pictures: Path, judge: Path
) -> None:
    flags = ("--features", "pocket", "--judge", judge, "--reference", pictures)
    outcome = cli("evaluate", pictures, "--metrics", "giqa", *flags, "--feature-weights", "x")
    assert outcome.code == 0, outcome.err
    assert "`--feature-weights` has no effect with `--features pocket`" in outcome.err


def test_previews_of_steps_are_no_results(cli: Cli, tiny_flags: list[str], tmp_path: Path) -> None:
    made = ("generate", "A lake", *tiny_flags, "--save-steps", tmp_path / "out" / "steps")
    assert cli(*made, "--output-dir", tmp_path / "out").code == 0
    (preview, _) = sorted((tmp_path / "out" / "steps").iterdir())
    assert measured_count(cli, tmp_path / "out") == 1
    assert measured_count(cli, preview) == 1  # named, it is measured


def measured_count(cli: Cli, path: Path) -> int:
    done = cli("evaluate", path, "--metrics", "edges", "--crop", 64, "--json")
    assert done.code == 0, done.err
    return len(json.loads(done.out)["images"])


def test_features_are_computed_once_for_all_metrics_of_sets(
    cli: Cli, judge: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []
    real = PocketFeatures.__call__

    def counted(self: PocketFeatures, crops: Tensor) -> Tensor:
        calls.append(len(crops))
        return real(self, crops)

    monkeypatch.setattr(PocketFeatures, "__call__", counted)
    options = ("--features", "pocket", "--reference", pictures, "--no-cache")
    measured(cli, judge, pictures, "--metrics", "fid,kid,giqa", *options)
    assert sum(calls) == 3 * 3 + 3  # three native crops of each reference, one of each picture


def test_half_a_judge_is_refused(cli: Cli, pictures: Path, judge: Path, tmp_path: Path) -> None:
    """Networks are never filled up at random."""
    half = shutil.copytree(judge, tmp_path / "half")
    file = half / "features" / "diffusion_pytorch_model.safetensors"
    weights = load_file(file)
    weights.popitem()
    save_file(weights, file)
    done = cli("evaluate", pictures, "--metrics", "intra-pocket", "--judge", half)
    assert done.code == 1
    assert "lacks 1 weights" in done.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--metrics", "intra-lpip"), "did you mean"),
        (("--metrics", ""), "no metric"),
        (("--metrics", "fid", "--features", "pocket"), "--reference"),
        (("--reduction", "median"), "--reduction mean"),
        (("--features", "resnet"), "--features inception"),
        (("--giqa-form", "x"), "--giqa-form code"),
        (("--metrics", "intra-lpips", "--loss-weights", "nowhere.safetensors"), "nowhere"),
        (("--metrics", "kid", "--features", "vgg16", "--feature-weights", "nowhere"), "nowhere"),
        (("--metrics", "giqa", "--feature-weights", "nowhere"), "leave `--feature-weights` out"),
        (("--metrics", "clip", "--clip-model", "./nowhere"), "./nowhere: no such folder"),
        (("--metrics", "pocket-fit", "--judge", "nowhere"), "unknown model"),
        (("--metrics", "kid", "--seed", "-1"), "greater than or equal to 0"),
    ],
)
def test_bad_requests_say_what_to_do_before_networks_load(
    cli: Cli,
    judge: Path,
    pictures: Path,
    arguments: tuple[str, ...],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "syncpano.metrics.evaluation", None)
    judged = () if "--judge" in arguments else ("--judge", judge)
    outcome = cli("evaluate", pictures, *arguments, *judged)
    assert outcome.code == 2
    assert outcome.out == ""
    assert "error: " in outcome.err
    assert message in outcome.err


def test_a_missing_path_and_an_empty_folder_are_refused(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for path in ("nowhere", "n" * 300, tmp_path / "empty"):
        outcome = cli("evaluate", path, "--metrics", "colour")
        assert outcome.code == 2
        assert "hint:" in outcome.err


def test_a_cache_that_cannot_be_written_is_refused(cli: Cli, pictures: Path) -> None:
    (pictures.parent / "file").write_text("")
    outcome = cli("evaluate", pictures, "--metrics", "colour", "--cache", pictures.parent / "file")
    assert outcome.code == 2
    assert "--no-cache" in outcome.err


def test_without_a_home_folder_measurements_are_kept_elsewhere_or_not_at_all(
    cli: Cli, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def homeless(path: Path) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "expanduser", homeless)
    outcome = cli("evaluate", pictures, "--metrics", "colour")
    assert outcome.code == 2
    assert "there is no such home folder" in outcome.err
    assert "`--no-cache`" in outcome.err
    assert cli("evaluate", pictures, "--metrics", "colour", "--no-cache").code == 0


def test_an_empty_prompt_is_no_prompt_of_all_pictures(cli: Cli, pictures: Path) -> None:
    outcome = cli("evaluate", pictures, "--metrics", "colour", "--prompt", " ")
    assert outcome.code == 2
    assert "the prompt is empty" in outcome.err


@pytest.mark.skipif(not SHARED_VGG.exists(), reason="no ../shared/weights with VGG-16")
def test_lpips_and_style_name_their_weights(cli: Cli, judge: Path, pictures: Path) -> None:
    result = measured(
        cli, judge, pictures, "--metrics", "intra-lpips,intra-style", "--loss-weights", SHARED_VGG
    )
    metrics = result["metrics"]
    assert metrics["intra_lpips"]["features"].startswith("lpips-vgg16 (vgg16_features_fp16")
    assert metrics["intra_style"]["features"].startswith("style (VGG-16)")
    coherent, mixed, _ = column(result, "intra_lpips")
    assert mixed > coherent


def test_thousands_of_pictures_are_streamed(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No more pictures are decoded ahead than the reader says."""
    from syncpano.metrics import evaluation
    from syncpano.metrics.pictures import read_picture

    for number in range(40):
        save(np.full((8, 16, 3), number, np.uint8), tmp_path / "many" / f"{number:02}.png")
    decoded: list[Path] = []
    monkeypatch.setattr(
        evaluation, "read_picture", lambda path: (decoded.append(path), read_picture(path))[1]
    )
    ahead = evaluation.read_ahead(sorted((tmp_path / "many").iterdir()), lambda path, why: None)
    for taken, _ in enumerate(ahead, 1):
        assert len(decoded) <= taken + evaluation.READ_AHEAD


def test_run_logs_of_other_tools_are_left_alone(cli: Cli, tmp_path: Path) -> None:
    save(scene(1), tmp_path / "a.png")
    (tmp_path / "a.json").write_text('{"schema": "somebody/1"}')
    assert cli("evaluate", tmp_path / "a.png", "--metrics", "colour").code == 0
