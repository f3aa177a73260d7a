"""`syncpano reproduce` from the outside, on a tiny checkpoint: the whole way in seconds."""

from __future__ import annotations

import csv
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import PIL.Image
import pytest
from PIL import Image

from syncpano import runlog
from syncpano.experiments.spec import FIRST_REFERENCE_SEED
from tests.chromium import needs_chromium, run_in_page
from tests.conftest import Outcome
from tests.pictures import tiny_judge
from tests.tiny import tiny_trunk

Cli = Callable[..., Outcome]
METRICS = "colour,edges,intra-pocket,giqa,fid,kid"
TABLE = """
title: "A small table"
kind: table
prompts: 2
samples: 2
pictures: 3
references: 2
base: {width: 128, height: 64, steps: 2, dtype: float32, loss: lpips-squeeze}
rows:
  - name: "apart"
    config: {method: independent}
    against: "MD"
  - name: "MD"
    config: {method: multi}
    paper: {intra_lpips: [0.69, 0.09], kid: ["<0.01", 0.13]}
  - name: "w=2000"
    config: {sync_weight: 2000}
    against: "MD"
    paper: {intra_lpips: [0.56, 0.06]}
bars:
  - {kind: drops, metric: colour, rows: ["MD", "w=2000"], least: 0.99}
"""
GRID = """
title: "A small figure"
kind: grid
prompts: 1
base: {steps: 1, dtype: float32}
layouts:
  - {name: horizontal, config: {width: 128, height: 64}}
  - {name: vertical, config: {width: 64, height: 96}}
rows:
  - {name: "BLD", config: {method: bld}}
  - {name: "MD", config: {method: multi}}
"""
PANORAMAS = 3 * (2 * 2 + 1) + 2 * 2  # rows x (measured + one more prompt), references


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.tiny import tiny_checkpoint

    folder = tiny_checkpoint(tmp_path_factory.mktemp("model"))
    tiny_judge(folder)
    return folder


@pytest.fixture(scope="module")
def flags(model: Path, squeeze_trunk: Path) -> list[str]:
    trunk = f"loss-weights={squeeze_trunk}"
    flags = ["--model", model, "--judge", model, "--set", trunk]
    return [str(flag) for flag in [*flags, "--device", "cpu", "--features", "pocket"]]


@pytest.fixture(scope="module")
def painted(tmp_path_factory: pytest.TempPathFactory, flags: list[str]) -> Path:
    """The panoramas of TABLE, painted once for all tests."""
    from syncpano.cli import run

    folder = tmp_path_factory.mktemp("painted")
    (folder / "small.yaml").write_text(TABLE)
    request = ["reproduce", str(folder / "small.yaml"), *flags, "--metrics", "giqa"]
    assert run([*request, "--out", str(folder)]) == 0
    return folder / "panoramas"


@pytest.fixture
def run(cli: Cli, flags: list[str], painted: Path) -> Callable[..., Outcome]:
    def call(text: str, *more: object, name: str = "small") -> Outcome:
        Path(f"{name}.yaml").write_text(text)
        if not Path("out").exists():
            shutil.copytree(painted, "out/panoramas")
        metrics = [] if "--metrics" in more else ["--metrics", METRICS]
        return cli("reproduce", f"{name}.yaml", *flags, "--out", "out", *metrics, *more)

    return call


def table(name: str = "small") -> dict[str, Any]:
    content: dict[str, Any] = json.loads(Path(f"out/{name}/table.json").read_text())
    return content


def test_a_table_comes_with_everything(run: Callable[..., Outcome]) -> None:
    outcome = run(TABLE)
    assert outcome.code == 0, outcome.err
    written = {Path(line).name for line in outcome.out.splitlines()}
    assert written == {"table.md", "table.csv", "table.json", "plot.png", "report.html"}
    assert len(list(Path("out/panoramas").glob("*.png"))) == PANORAMAS
    rows = {row["name"]: row for row in table()["rows"]}
    assert list(rows) == ["apart", "MD", "w=2000"]
    for row in rows.values():
        assert row["metrics"]["colour"]["n"] == 4
        assert row["metrics"]["seconds"]["mean"] > 0
        assert row["metrics"]["fid"]["features"].startswith("pocket-judge@")
    assert rows["MD"]["differences"] == {}
    ours, theirs = (rows[name]["scores"]["colour"] for name in ("w=2000", "MD"))
    mean = sum(a - b for a, b in zip(ours, theirs, strict=True)) / 4
    assert rows["w=2000"]["differences"]["colour"]["mean"] == pytest.approx(mean)


def test_the_table_in_words_has_ours_the_papers_and_the_claims(run: Callable[..., Outcome]) -> None:
    run(TABLE)
    text = Path("out/small/table.md").read_text()
    assert "| Intra-LPIPS ↓ (paper) |" in text
    (line,) = (line for line in text.splitlines() if line.startswith("| MD |"))
    assert "0.69 ± 0.09" in line
    assert line.count("±") > 5  # ours stand beside it
    assert "<0.01 ± 0.13" in line
    assert "pocket-judge@" in text
    assert "is at least 99% below MD | **no** |" in text
    with Path("out/small/table.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert float(rows[1]["colour_mean"]) == table()["rows"][1]["metrics"]["colour"]["mean"]
    assert rows[1]["paper_intra_lpips_mean"] == "0.69"


def test_a_second_run_paints_nothing_and_finds_the_same(run: Callable[..., Outcome]) -> None:
    run(TABLE)
    first = table()
    painted = {path: path.stat().st_mtime_ns for path in Path("out/panoramas").iterdir()}
    outcome = run(TABLE)
    assert f"0 of {PANORAMAS} panoramas" in outcome.err
    assert {path: path.stat().st_mtime_ns for path in Path("out/panoramas").iterdir()} == painted
    assert table() == first


def counts(outcome: Outcome) -> dict[str, list[str]]:
    """First word of every line of a dry run -> the others."""
    assert outcome.code == 0, outcome.err
    return {line.split()[0]: line.split()[1:] for line in outcome.out.splitlines() if line}


def test_a_dry_run_counts_what_is_missing_and_paints_nothing(run: Callable[..., Outcome]) -> None:
    assert counts(run(TABLE, "--dry-run"))["all"] == [str(PANORAMAS), "0"]
    painted = set(Path("out").rglob("*"))
    w_0 = TABLE.replace("w=2000", "w=0").replace("sync_weight: 2000", "sync_weight: 0")
    outcome = run(w_0, "--set", "steps=1", "--dry-run")
    lines = counts(outcome)
    # Four measured and one shown a row; w = 0 is MultiDiffusion.
    assert lines["apart"][:2] == lines["MD"][:2] == ["5", "5"]
    assert lines["w=0"] == ["5", "0", "0%"]
    assert lines["references"][:2] == ["4", "4"]
    assert lines["all"] == ["14", "14"]
    shares = [int(lines[name][-1].rstrip("%")) for name in ("apart", "MD", "references")]
    assert sum(shares) == pytest.approx(100, abs=2)
    assert "predictions of a window" in outcome.out
    assert set(Path("out").rglob("*")) == painted


def test_a_dry_run_tells_the_time_by_what_is_there(run: Callable[..., Outcome]) -> None:
    outcome = run(TABLE, "--samples", 3, "--dry-run")
    assert counts(outcome)["MD"][:2] == ["7", "2"]
    assert f"minutes of painting, going by the {PANORAMAS} that are there" in outcome.out


def test_a_dry_run_downloads_nothing_and_says_what_is_missing(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    outcome = cli("reproduce", "figure-s8", "--model", "sd2", "--pictures", 1, "--dry-run")
    assert outcome.code == 0, outcome.err
    rows = [line.split(", ")[0] for line in outcome.out.splitlines() if ", vertical" in line]
    assert rows == ["BLD", "MultiDiffusion", "SyncDiffusion"]
    assert "sd2 is not downloaded yet" in outcome.out
    assert "VGG-16 of the loss (528 MB) is not downloaded yet" in outcome.out


def test_a_killed_run_goes_on_where_it_stopped(run: Callable[..., Outcome]) -> None:
    run(TABLE)
    first = table()
    panoramas = sorted(Path("out/panoramas").glob("*.png"))
    panoramas[0].unlink()
    panoramas[1].write_bytes(panoramas[1].read_bytes()[:100])  # damaged on the way
    panoramas[2].write_bytes(panoramas[2].read_bytes()[:-20])  # its log is whole
    outcome = run(TABLE)
    assert f"3 of {PANORAMAS} panoramas" in outcome.err
    for before, after in zip(first["rows"], table()["rows"], strict=True):
        assert before["scores"]["colour"] == after["scores"]["colour"]


def test_results_of_another_command_are_kept_unless_one_says_otherwise(
    run: Callable[..., Outcome], model: Path
) -> None:
    run(TABLE)
    before = Path("out/small/table.md").read_bytes()
    Path("mine.txt").write_text("a waterfall\n")
    shutil.copytree(model, "another-judge")
    for other in (("--rows", "MD"), ("--prompts", "mine.txt"), ("--judge", "another-judge")):
        outcome = run(TABLE, *other)
        assert outcome.code == 2
        assert "--overwrite" in outcome.err
    assert Path("out/small/table.md").read_bytes() == before
    assert run(TABLE, "--rows", "MD", "--overwrite").code == 0
    assert [row["name"] for row in table()["rows"]] == ["MD"]
    assert "`syncpano reproduce small.yaml --rows MD --metrics" in (
        Path("out/small/table.md").read_text()
    )


def test_other_prompts_in_a_file_of_the_same_name_are_another_command(
    run: Callable[..., Outcome],
) -> None:
    request = (TABLE, "--prompts", "mine.txt", "--metrics", "colour")
    for prompt, code in (("a waterfall", 0), ("a waterfall", 0), ("a castle", 2)):
        Path("mine.txt").write_text(prompt)
        assert run(*request).code == code
    assert table()["prompts"] == ["a waterfall"]


def test_another_experiment_of_the_same_name_is_not_said_to_be_other_files(
    run: Callable[..., Outcome],
) -> None:
    rows = ("--rows", "MD", "--metrics", "none")
    assert run(TABLE, *rows).code == 0
    outcome = run(TABLE.replace("A small table", "Another table"), *rows)
    assert outcome.code == 2
    assert "another experiment, model or files under the same names" in outcome.err


def test_panoramas_that_were_painted_in_several_ways_have_no_comparable_seconds(
    run: Callable[..., Outcome],
) -> None:
    rows = ("--rows", "MD", "--metrics", "none", "--overwrite")
    assert "do not compare" not in run(TABLE, *rows).err
    outcome = run(TABLE, *rows, "--samples", 3, "--set", "window_batch=1")
    assert "do not compare" in outcome.err
    assert "window batch 1" in Path("out/small/table.md").read_text()


def test_experiments_share_their_panoramas(run: Callable[..., Outcome]) -> None:
    run(TABLE)
    outcome = run(TABLE.replace("{method: multi}", "{sync_weight: 0}"), name="other")
    assert f"0 of {PANORAMAS} panoramas" in outcome.err


def test_seeds_are_the_same_in_every_row(run: Callable[..., Outcome]) -> None:
    run(TABLE, "--metrics", "none")
    painted: dict[str, set[tuple[str, int]]] = {}
    for path in Path("out/panoramas").glob("*.json"):
        config = runlog.read(path)["config"]
        if config["seed"] >= FIRST_REFERENCE_SEED:
            continue
        row = f"{config['method']} {config['sync_weight']}"
        painted.setdefault(row, set()).add((config["prompt"], config["seed"]))
    assert len(painted) == 3
    first, *others = painted.values()
    assert all(other == first for other in others)


def test_samples_prompts_and_settings_can_be_changed(run: Callable[..., Outcome]) -> None:
    Path("mine.txt").write_text("a waterfall\n# no\n\n")
    outcome = run(
        TABLE, "--prompts", "mine.txt", "--samples", 3, "--set", "steps=1", "--metrics", "colour"
    )
    assert outcome.code == 0, outcome.err
    content = table()
    assert content["prompts"] == ["a waterfall"]
    assert content["rows"][0]["metrics"]["colour"]["n"] == 3
    assert content["settings"]["overrides"]["steps"] == 1


def test_times_alone_need_no_network(run: Callable[..., Outcome]) -> None:
    assert run(TABLE, "--metrics", "none").code == 0
    assert list(table()["rows"][0]["metrics"]) == ["seconds"]


def test_lines_are_drawn_over_x(run: Callable[..., Outcome]) -> None:
    text = TABLE.replace("kind: table", "kind: lines").replace(
        "    config: {method: multi}", "    x: 0\n    config: {method: multi}"
    )
    text = text.replace(
        "    config: {sync_weight: 2000}", "    x: 1\n    config: {sync_weight: 2000}"
    )
    assert run(text, "--metrics", "colour").code == 0
    with Image.open("out/small/plot.png") as plot:
        assert plot.width > 400


def test_a_figure_is_a_grid_for_each_shape(run: Callable[..., Outcome]) -> None:
    outcome = run(GRID, "--metrics", "none")
    assert outcome.code == 0, outcome.err
    names = sorted(Path(line).name for line in outcome.out.splitlines())
    assert len(names) == 3
    assert names[0].startswith("grid-horizontal-")
    assert names[1].startswith("grid-vertical-")
    with Image.open(f"out/small/{names[0]}") as wide, Image.open(f"out/small/{names[1]}") as tall:
        assert wide.width > 128
        assert wide.height > 2 * 64
        assert tall.width > 2 * 64


def test_grids_of_the_command_before_are_taken_away(run: Callable[..., Outcome]) -> None:
    for prompt in ("a waterfall", "a castle"):
        Path("mine.txt").write_text(prompt)
        run(GRID, "--metrics", "none", "--prompts", "mine.txt", "--overwrite")
    names = sorted(path.name for path in Path("out/small").glob("grid-*.png"))
    assert names == ["grid-horizontal-a-castle.png", "grid-vertical-a-castle.png"]


@pytest.mark.parametrize("experiment", [TABLE, GRID])
def test_panoramas_above_pillows_own_limit_are_shown(
    run: Callable[..., Outcome], experiment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PIL.Image, "MAX_IMAGE_PIXELS", 100)
    outcome = run(experiment, "--metrics", "none")
    assert outcome.code == 0, outcome.err


def test_a_grid_paints_what_it_shows_and_nothing_else(run: Callable[..., Outcome]) -> None:
    wider = GRID.replace("prompts: 1", "prompts: 3")
    assert run(wider, "--metrics", "none", "--pictures", 2).code == 0
    painted = len(list(Path("out/panoramas").glob("*.png"))) - PANORAMAS
    assert painted == 2 * 2 * 2  # layouts, rows, prompts: one seed each
    assert "--samples" not in Path("out/small/command.txt").read_text()


def test_a_table_that_became_a_grid_leaves_no_table_behind(run: Callable[..., Outcome]) -> None:
    run(TABLE, "--metrics", "colour")
    assert run(GRID, "--metrics", "none", "--overwrite").code == 0
    left = {path.suffix for path in Path("out/small").iterdir()}
    assert left == {".png", ".html", ".txt"}
    assert not Path("out/small/plot.png").exists()


@pytest.mark.parametrize("flag", ["--samples", "--references"])
def test_a_grid_takes_no_flag_of_measuring(run: Callable[..., Outcome], flag: str) -> None:
    outcome = run(GRID, "--metrics", "none", flag, 2)
    assert outcome.code == 2
    assert f"leave `{flag}` out" in outcome.err


def test_files_that_no_command_of_ours_made_are_kept(run: Callable[..., Outcome]) -> None:
    theirs = Path("out/small/table.md")
    theirs.parent.mkdir(parents=True)
    theirs.write_text("mine")
    outcome = run(TABLE, "--metrics", "colour")
    assert outcome.code == 2
    assert "table.md" in outcome.err
    assert theirs.read_text() == "mine"


def test_without_a_metric_of_sets_no_reference_is_painted(run: Callable[..., Outcome]) -> None:
    assert run(TABLE.replace("steps: 2", "steps: 1"), "--metrics", "colour").code == 0
    seeds = {runlog.read(path)["config"]["seed"] for path in Path("out/panoramas").glob("*.png")
             if runlog.read(path)["config"]["steps"] == 1}  # fmt: skip
    assert seeds == {0, 1}
    assert table()["settings"]["references"] == 0


def test_the_report_needs_nothing_but_itself(run: Callable[..., Outcome]) -> None:
    run(TABLE)
    page = Path("out/small/report.html").read_text()
    assert not re.search(r'(src|href)="(?!data:)', page)
    assert "{{" not in page
    assert page.count("<img") == 1 + 3 * 3  # the plot, three prompts in three rows


def test_an_experiment_without_samples_is_refused(run: Callable[..., Outcome]) -> None:
    outcome = run(TABLE.replace("samples: 2", "samples: 0"))
    assert outcome.code == 2
    assert "samples of small" in outcome.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--set", "nonsense"), "--set guidance-scale=5"),
        (("--set", "seed=3"), "--set guidance-scale=5"),
        (("--set", "method=multi"), "--set guidance-scale=5"),
        (("--set", "steps=many"), "--set steps"),
        (("--metrics", "colr"), "did you mean"),
        (("--prompts", "nowhere.txt"), "nowhere.txt"),
        (("--set", "width=100"), "multiple of"),
        (("--set", "sync_weight=3"), "choose other `--rows`"),
        (("--metrics", "fid,colour", "--references", 0), "`--references 8`"),
        (("--metrics", "colour", "--references", 2), "giqa, fid, kid"),
        (("--metrics", ","), "`--metrics none`"),
        (("--pictures", 19), "`--prompts FILE`"),
        (("--rows", ";"), "apart; MD; w=2000"),
        (("--features", "resnet"), "`--features inception`"),
        (("--set", "stpes=3"), "did you mean `steps`"),
        (("--set", "w=3"), "choose other `--rows`"),
        (("--prompts", "one.txt", "--samples", 1, "--metrics", "kid"), "`--samples 2`"),
        (("--set", "width=160"), "error: row 'apart': width 160"),
        (("--set", "width=160"), "other values than `--set loss_weights="),
        (("--set", "width=160"), "only the rows that can be painted: `--rows 'MD;w=2000'`"),
        (("--set", "height=96"), "row 'apart': height 96"),
    ],
)
def test_bad_requests_say_what_to_do(
    run: Callable[..., Outcome], arguments: tuple[str, ...], message: str
) -> None:
    Path("one.txt").write_text("a waterfall\n")
    outcome = run(TABLE, *arguments)
    assert outcome.code == 2
    assert outcome.err.startswith("error:")
    assert message in outcome.err
    assert not Path("out/small").exists()


def test_rows_that_differ_by_a_setting_under_its_flags_name_are_not_painted_alike(
    run: Callable[..., Outcome],
) -> None:
    outcome = run(TABLE.replace("{sync_weight: 2000}", "{w: 2000}"), "--set", "w=3")
    assert outcome.code == 2
    assert "`--set w=3` would paint rows that differ by sync_weight alike" in outcome.err


def test_what_is_wrong_with_a_flag_names_it(cli: Cli) -> None:
    outcome = cli("reproduce", "table-s3", "--device", "foo", "--dry-run")
    assert outcome.code == 2
    assert outcome.err.startswith("error: --device: 'foo' is not one of")
    outcome = cli("reproduce", "table-s3", "--out", "a" * 300)
    assert outcome.code == 2
    assert "cannot be written: File name too long" in outcome.err


def test_other_loss_weights_under_the_same_name_are_another_command(
    cli: Cli, model: Path, squeeze_trunk: Path
) -> None:
    trunk = shutil.copy(squeeze_trunk, "trunk.safetensors")
    text = TABLE.replace("loss: lpips-squeeze", f"loss: lpips-squeeze, loss-weights: {trunk}")
    Path("small.yaml").write_text(text)
    flags = ("--model", model, "--device", "cpu", "--rows", "MD", "--metrics", "none")
    request = ("reproduce", "small.yaml", *flags, "--out", "out")
    assert cli(*request).code == 0
    tiny_trunk(Path(trunk), seed=1)
    outcome = cli(*request)
    assert outcome.code == 2
    assert "files under the same names" in outcome.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--prompts", "nowhere.txt"), "nowhere.txt cannot be read"),
        (("--metrics", "colr"), "unknown metric"),
        (("--set", "width=3001"), "width 3001"),
    ],
)
def test_a_request_that_cannot_work_downloads_nothing(
    cli: Cli, arguments: tuple[str, ...], message: str
) -> None:
    assert message in cli("reproduce", "table-s3", "--model", "sd2", *arguments).err


def test_a_format_that_cannot_work_downloads_nothing(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fetched(*_: object, **__: object) -> None:
        raise AssertionError("the Hub was asked")

    monkeypatch.setattr("syncpano.models.hub.download", fetched)
    request = ("reproduce", "table-s3", "--model", "someone/model", "--device", "cpu")
    outcome = cli(*request, "--set", "dtype=float16")
    assert outcome.code == 2
    assert "float16 does not work well on a CPU" in outcome.err


@pytest.mark.slow
@needs_chromium
def test_in_a_browser_pictures_load_and_wide_ones_scroll(run: Callable[..., Outcome]) -> None:
    run(TABLE, "--set", "width=640", "--references", 0, "--metrics", "colour")
    script = """(() => {
      const wide = [...document.querySelectorAll("section .wide")];
      return {
        loaded: [...document.images].every((image) => image.naturalWidth > 0),
        pictures: wide.length,
        scrolls: wide.every((box) => box.scrollWidth > box.clientWidth
          && getComputedStyle(box).overflowX === "auto"),
        page: document.documentElement.scrollWidth <= window.innerWidth,
        rows: document.querySelectorAll("table")[0].rows.length,
      };
    })()"""
    found = run_in_page(Path("out/small/report.html").absolute(), script)
    assert found == {"loaded": True, "pictures": 9, "scrolls": True, "page": True, "rows": 4}


def test_a_loss_that_cannot_be_had_is_missed_before_anything_is_painted(
    cli: Cli, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("syncpano.losses.trunks._BASE_URL", "http://127.0.0.1:9/")
    Path("small.yaml").write_text(TABLE)
    judged = ("--model", model, "--judge", model, "--features", "pocket", "--metrics", "colour")
    done = cli("reproduce", "small.yaml", *judged, "--device", "cpu", "--out", "out")
    assert done.code == 1
    assert "the trunk of SqueezeNet as `loss_weights` of the rows" in done.err
    assert "leave the rows with the loss lpips-squeeze out by `--rows`" in done.err
    assert not list(Path("out/panoramas").glob("*.png"))


def test_weights_that_do_not_fit_a_loss_are_found_before_anything_is_painted(
    cli: Cli, model: Path, squeeze_trunk: Path
) -> None:
    Path("small.yaml").write_text(TABLE.replace("loss: lpips-squeeze", "loss: style"))
    judged = ("--model", model, "--judge", model, "--features", "pocket", "--metrics", "colour")
    flags = (*judged, "--device", "cpu", "--out", "out", "--loss-weights", squeeze_trunk)
    done = cli("reproduce", "small.yaml", *flags)
    assert done.code == 2
    assert "these weights do not fit VGG-19" in done.err
    assert "leave the rows with the loss style out by `--rows`" in done.err
    assert not list(Path("out/panoramas").glob("*.png"))


def test_the_flag_for_vggs_trunk_leaves_the_weights_of_other_losses_alone(
    run: Callable[..., Outcome], tmp_path: Path
) -> None:
    vgg = tmp_path / "vgg.safetensors"
    vgg.write_bytes(b"no trunk of SqueezeNet")
    outcome = run(TABLE, "--loss-weights", vgg, "--metrics", "none")
    assert f"0 of {PANORAMAS - 4} panoramas" in outcome.err  # no references are needed


def test_a_command_names_no_folder_of_loss_weights(
    run: Callable[..., Outcome], squeeze_trunk: Path
) -> None:
    run(TABLE, "--metrics", "none")
    command = Path("out/small/command.txt").read_text()
    assert f"loss_weights={squeeze_trunk.name}" in command
    assert str(squeeze_trunk.parent) not in command


def test_references_are_of_whole_windows_whatever_the_rows_do_with_theirs(
    run: Callable[..., Outcome],
) -> None:
    rows = ("--rows", "MD", "--metrics", "fid", "--dry-run")
    for given in (["windows=shifted"], ["stride=16"], ["width=160"], ["height=96"],
                  ["width=160", "loop=true"]):  # fmt: skip
        flags = [flag for setting in given for flag in ("--set", setting)]
        lines = counts(run(TABLE, *rows, *flags))
        assert lines["references"][:2] == ["4", "0"], given  # those of TABLE itself


def test_a_loss_of_one_row_may_have_weights_of_its_own(
    cli: Cli, model: Path, squeeze_trunk: Path
) -> None:
    Path("small.yaml").write_text(
        TABLE.replace(
            "{sync_weight: 2000}", f"{{sync_weight: 2000, loss_weights: {squeeze_trunk}}}"
        )
    )
    judged = ("--model", model, "--judge", model, "--features", "pocket", "--metrics", "none")
    flags = ("--device", "cpu", "--samples", 1, "--pictures", 2)
    vgg = Path("vgg.safetensors")
    vgg.write_bytes(b"no trunk of SqueezeNet")
    outcome = cli("reproduce", "small.yaml", *judged, *flags, "--loss-weights", vgg)
    assert outcome.code == 0, outcome.err


def test_metrics_without_a_value_are_said_and_their_claims_fail(
    run: Callable[..., Outcome],
) -> None:
    Path("mine.txt").write_text("a castle\na lake\n")
    claim = "  - {kind: stays, metric: pocket-fit, rows: [MD, w=2000]}\n"
    outcome = run(TABLE + claim, "--prompts", "mine.txt", "--metrics", "pocket-fit")
    assert outcome.code == 0, outcome.err
    assert outcome.err.count("warning: pocket-fit leaves pictures out") == 1
    (verdict,) = table()["claims"]
    assert verdict["found"] == "there are no values to tell, of MD, w=2000"
    assert not verdict["holds"]


def test_warnings_about_one_of_several_prompts_name_it(
    run: Callable[..., Outcome],
) -> None:
    Path("mine.txt").write_text("a waterfall\na castle " + "by the sea " * 40)
    outcome = run(TABLE, "--prompts", "mine.txt", "--samples", 1, "--metrics", "none")
    assert outcome.code == 0, outcome.err
    assert "warning: 'a castle by the sea by the sea by the…': the prompt is too" in outcome.err
