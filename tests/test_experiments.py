"""The experiments that come along, their statistics and the claims held against them."""

from __future__ import annotations

import json
import math
import shutil
from dataclasses import replace
from pathlib import Path
from statistics import fmean, stdev
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncpano.config import PanoramaConfig, settings
from syncpano.errors import SyncPanoError
from syncpano.experiments import identity as identities
from syncpano.experiments.comparison import (
    Difference,
    Number,
    RowResult,
    Share,
    check_features,
    judge,
    paired,
    share_of_gain,
    summarise,
)
from syncpano.experiments.gallery import REFERENCE, Curator, whole_windows
from syncpano.experiments.identity import identity
from syncpano.experiments.reading import (
    experiments,
    find_experiment,
    paper_prompts,
    parse_experiment,
)
from syncpano.experiments.request import check_rows
from syncpano.experiments.spec import OF_COMMAND, Bar, BarKind, Row, config_of, only, varied
from syncpano.fingerprints import model_fingerprint
from syncpano.models.card import Card
from syncpano.models.folder import JUDGE
from syncpano.models.source import resolve_source
from syncpano.models.vocabulary import Vocabulary
from syncpano.plan import plan

SHARED = Path(__file__).parents[2] / "shared" / "paper"
FIGURES = [f"figure-s{n}" for n in (1, 2, 3, 5, 8)]
NAMES = [*FIGURES, "gradients", "pictures-s2", "table-s2", "table-s3"]
MINIMAL = {"title": "t", "kind": "table", "rows": [{"name": "a"}]}


def bar(kind: str, metric: str, *rows: str) -> dict[str, object]:
    return {"kind": kind, "metric": metric, "rows": list(rows)}


def test_every_table_and_figure_is_there() -> None:
    assert sorted(experiments()) == NAMES


def test_numbers_of_an_experiment_are_decimals() -> None:
    Path("mine.yaml").write_text("title: t\nkind: lines\nsamples: 010\nrows:\n- {name: a, x: 09}\n")
    experiment = find_experiment("mine.yaml")
    assert (experiment.samples, experiment.rows[0].x) == (10, 9)


@pytest.mark.parametrize("name", NAMES)
def test_every_row_of_every_experiment_can_be_painted(name: str) -> None:
    source = resolve_source("sd2", download=False)
    experiment = find_experiment(name)
    for layout in experiment.layouts:
        for row in experiment.rows:
            plan(config_of(experiment, row, layout, "a waterfall", 0, {"model": "sd2"}), source)


def test_the_pictures_of_table_s2_have_its_settings() -> None:
    table, pictures = find_experiment("table-s2"), find_experiment("pictures-s2")
    wide = [row for row in table.rows if "width" not in row.config]
    assert [row.config for row in pictures.rows] == [row.config for row in wide]
    assert pictures.base == table.base


def test_the_prompts_and_numbers_are_the_papers() -> None:
    if not SHARED.exists():
        pytest.skip("no ../shared/paper")
    assert paper_prompts() == (SHARED / "prompts.txt").read_text().splitlines()
    tables = json.loads((SHARED / "tables.json").read_text())
    for name in ("table_s2", "table_s3"):
        rows = find_experiment(name.replace("_", "-")).rows
        for row, published in zip(rows, tables[name], strict=True):
            ours = [
                row.paper[key]
                for key in ("intra_lpips", "intra_style", "giqa", "fid", "kid", "clip")
            ]
            assert ours == published["values"], row.name
    for row in find_experiment("table-s3").rows:
        assert row.paper["seconds"] == tables["table_s3_seconds"][row.name]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sampels": 3}, "did you mean"),
        ({"rows": []}, "different names"),
        ({"rows": [{"name": "a"}, {"name": "a"}]}, "different names"),
        ({"rows": [{"config": {}}]}, "required keys"),
        ({"rows": 3}, "a list"),
        ({"rows": [{"name": "a", "against": "b"}]}, "the name of a row"),
        ({"kind": "pie"}, "table, lines, grid"),
        ({"samples": "three"}, "a whole number"),
        ({"samples": True}, "a whole number"),
        ({"references": False}, "a whole number"),
        ({"base": {"model": "sd2"}}, "`--model`"),
        ({"rows": [{"name": "a", "config": {"seed": 3}}]}, "`--samples`"),
        ({"layouts": [{"name": "wide", "config": {"prompt": "a lake"}}]}, "`--prompts FILE`"),
        ({"bars": [{"kind": "flies", "metric": "fid", "rows": ["a"]}]}, "falls"),
        ({"bars": [bar("falls", "fid", "a", "z")]}, "the name of a row"),
        ({"bars": [bar("falls", "fid", "a")]}, "at least two rows"),
        ({"bars": [bar("keeps", "fid", "a", "a")]}, "three rows"),
        ({"bars": [bar("stays", "fid", "a", "a")]}, "pocket-fit"),
        ({"bars": [bar("stays", "seconds", "a", "a")]}, "pocket-fit"),
        ({"bars": [bar("falls", "fud", "a", "a")]}, "fid"),
        ({"bars": [bar("falls", "fud", "a", "a")]}, "seconds"),
        ({"rows": [{"name": "a", "paper": {"lpips": [1, 2]}}]}, "intra_lpips"),
        ({"rows": [{"name": "a", "paper": {"fid": 28.3}}]}, "a mean and its standard deviation"),
        ({"rows": [{"name": "a", "paper": 3}]}, "a mapping"),
        ({"rows": [{"name": "a", "config": 3}]}, "a mapping"),
        ({"rows": [{"name": 3}]}, "a text"),
        ({"rows": [{"name": "a", "x": "w"}]}, "a number"),
        ({"rows": [{"name": "a", "x": math.nan}]}, "a number"),
        ({"rows": [{"name": "a", "x": True}]}, "a number"),
        ({"rows": [{"name": "a", "paper": {"fid": [math.nan, 1]}}]}, "a mean and its"),
        ({"rows": [{"name": "a", "paper": {"fid": [1, math.inf]}}]}, "a mean and its"),
        ({"rows": [{"name": "a", "paper": {"fid": [True, 1]}}]}, "a mean and its"),
        ({"layouts": [{"name": "wide", "config": [1]}]}, "a mapping"),
        ({"layouts": []}, "layouts with different names"),
        ({"layouts": [{"name": "wide"}, {"name": "wide"}]}, "layouts with different names"),
        ({"base": "steps"}, "a mapping"),
        ({"base": {True: 10}}, "the name of a setting"),
        ({"rows": [{"name": "a", "config": {5: 10}}]}, "the name of a setting"),
        ({"title": None}, "a text"),
        ({"kind": "lines"}, "rows with an x"),
        ({"bars": [{**bar("drops", "fid", "a", "a"), "least": None}]}, "a number"),
        ({"bars": [{**bar("drops", "fid"), "rows": 3}]}, "a list"),
        ({"bars": [{**bar("drops", "fid", "a", "a"), "least": "half"}]}, "a number"),
        ({"bars": [{**bar("drops", "fid", "a", "a"), "least": True}]}, "a number"),
        ({"bars": [{**bar("drops", "fid", "a", "a"), "least": -math.inf}]}, "a number"),
    ],
)
def test_a_wrong_experiment_says_what_to_do(change: dict[str, object], message: str) -> None:
    with pytest.raises(SyncPanoError) as caught:
        parse_experiment(MINIMAL | change, "x")
    assert message in caught.value.hint


def test_settings_have_their_own_names_whatever_flags_a_file_calls_them_by() -> None:
    experiment = parse_experiment(
        MINIMAL
        | {
            "base": {"loss-weights": "trunk.pth"},
            "rows": [{"name": "a", "config": {"w": 5}}],
            "layouts": [{"name": "wide", "config": {"guidance-scale": 3}}],
        },
        "x",
    )
    assert experiment.base == {"loss_weights": "trunk.pth"}
    assert varied(experiment) == {"sync_weight", "guidance_scale"}


def test_a_setting_under_two_names_is_refused() -> None:
    rows = [{"name": "a", "config": {"w": 5, "sync_weight": 6}}]
    with pytest.raises(SyncPanoError, match="row 'a' of x has sync_weight twice"):
        parse_experiment(MINIMAL | {"rows": rows}, "x")


@pytest.mark.parametrize("name", OF_COMMAND)
def test_what_the_command_gives_is_no_rows_by_any_flag(name: str) -> None:
    for flag in settings()[name].flags:
        base = {flag.removeprefix("--"): "1"}
        with pytest.raises(SyncPanoError, match="all panoramas have what the command gives"):
            parse_experiment(MINIMAL | {"base": base}, "x")


def test_an_unknown_experiment_has_a_suggestion() -> None:
    with pytest.raises(SyncPanoError) as caught:
        find_experiment("table-s1")
    assert "table-s" in caught.value.hint


def test_some_rows_keep_only_what_can_be_said_of_them() -> None:
    whole = find_experiment("table-s3")
    some = only(whole, ["f=50", "init 3 steps"])
    assert [row.name for row in some.rows] == ["f=50", "init 3 steps"]
    assert [row.against for row in some.rows] == [None, None]
    assert some.bars == ()
    assert only(whole, [row.name for row in whole.rows]) == whole


def test_an_unknown_row_has_a_suggestion() -> None:
    with pytest.raises(SyncPanoError) as caught:
        only(find_experiment("table-s3"), ["f=51"])
    assert "did you mean `f=5" in caught.value.hint


@pytest.mark.parametrize("name", NAMES)
def test_the_references_of_the_papers_tables_keep_their_names(name: str) -> None:
    source, experiment = resolve_source("sd2", download=False), find_experiment(name)
    config = config_of(experiment, REFERENCE, experiment.layouts[0], "p", 0, {"model": "sd2"})
    assert whole_windows(config, source) == config


def test_weights_of_a_row_win_over_the_flag_which_is_for_vgg_alone(tmp_path: Path) -> None:
    flag, mine = tmp_path / "flag.pth", tmp_path / "mine.pth"
    for path in (flag, mine):
        path.write_text(path.name)
    losses = ["lpips-vgg", "style", "lpips-alex", "lpips-squeeze"]
    configs = [{"loss": loss} for loss in losses]
    configs += [{"loss": loss, "loss_weights": str(mine)} for loss in losses]
    rows = [{"name": str(number), "config": config} for number, config in enumerate(configs)]
    experiment = parse_experiment(MINIMAL | {"rows": rows}, "x")
    curator = Curator(
        resolve_source("sd2", download=False), tmp_path, {"model": "sd2"}, loss_weights=flag
    )
    painted = curator.lay_out(experiment, ["a lake"], []).measured.values()
    found = [paintings[0].config.loss_weights for paintings in painted]
    assert found == [str(flag), str(flag), None, None, *[str(mine)] * 4]


def test_what_is_wrong_with_a_layout_names_it() -> None:
    layouts = [{"name": "wide"}, {"name": "odd", "config": {"height": 2051}}]
    experiment = parse_experiment(MINIMAL | {"layouts": layouts}, "x")
    source = resolve_source("sd2", download=False)
    for check in (
        lambda: check_rows(experiment, source, {"model": "sd2"}, "a lake"),
        lambda: Curator(source, Path(), {"model": "sd2"}).lay_out(experiment, ["a lake"], []),
    ):
        with pytest.raises(SyncPanoError, match="row 'a' in layout 'odd': height 2051"):
            check()


def test_settings_of_a_row_win_over_the_base_and_flags_over_both() -> None:
    experiment = parse_experiment(
        MINIMAL
        | {"base": {"steps": 9, "width": 1024}, "rows": [{"name": "a", "config": {"steps": 7}}]},
        "x",
    )
    config = config_of(
        experiment, experiment.rows[0], experiment.layouts[0], "p", 3, {"height": 64}
    )
    assert (config.steps, config.width, config.height, config.seed) == (7, 1024, 64, 3)
    config = config_of(experiment, experiment.rows[0], experiment.layouts[0], "p", 3, {"steps": 2})
    assert config.steps == 2


SAME = [
    (PanoramaConfig("p", sync_weight=0), PanoramaConfig("p", method="multi")),
    (PanoramaConfig("p", method="multi", sync_freq=3), PanoramaConfig("p", method="multi")),
    (PanoramaConfig("p", sync_freq=50), PanoramaConfig("p")),
    (PanoramaConfig("p", initial_steps=60), PanoramaConfig("p")),
    (PanoramaConfig("p", sync_weight=0, initial_span=0.1), PanoramaConfig("p", sync_weight=0)),
    (PanoramaConfig("p", device="cuda", window_batch=3), PanoramaConfig("p")),
]
DIFFERENT = [
    PanoramaConfig("q"),
    PanoramaConfig("p", seed=1),
    PanoramaConfig("p", sync_weight=5),
    PanoramaConfig("p", initial_steps=3),
    PanoramaConfig("p", initial_steps=3, initial_span=0.1),
    PanoramaConfig("p", predict_once=True),
    PanoramaConfig("p", method="bld"),
    PanoramaConfig("p", dtype="float16"),
    PanoramaConfig("p", negative_prompt="x"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_settings_without_effect_do_not_make_another_panorama(
    one: PanoramaConfig, other: PanoramaConfig
) -> None:
    assert identity(one, "m", Card()) == identity(other, "m", Card())


def test_every_setting_with_an_effect_makes_another_panorama() -> None:
    names = {identity(config, "m", Card()) for config in [PanoramaConfig("p"), *DIFFERENT]}
    names.add(identity(PanoramaConfig("p"), "retrained", Card()))
    assert len(names) == len(DIFFERENT) + 2


def test_retrained_networks_beside_the_model_make_other_panoramas(
    tiny_model: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(tiny_model, tmp_path / "copy")
    source = replace(resolve_source(str(folder), download=False), family="pocket")
    found = {model_fingerprint(source)}
    (folder / "perceptual").mkdir()
    for name in ("perceptual/model.safetensors", "pocket.json"):
        (folder / name).write_text("{}")
        found.add(model_fingerprint(source))
    assert len(found) == 3


def test_another_judge_leaves_the_panoramas_as_they_are(tiny_model: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_model, tmp_path / "copy")
    source = replace(resolve_source(str(folder), download=False), family="pocket")
    before = model_fingerprint(source)
    (folder / JUDGE).mkdir()
    for name in ("config.json", "diffusion_pytorch_model.safetensors"):
        (folder / JUDGE / name).write_text("{}")
    assert model_fingerprint(source) == before


def test_weights_of_a_loss_may_lie_in_the_home_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "vgg.pth").write_text("weights")
    monkeypatch.setenv("HOME", str(tmp_path))
    short, long = (
        PanoramaConfig("p", loss="lpips-vgg", loss_weights=path)
        for path in ("~/vgg.pth", str(tmp_path / "vgg.pth"))
    )
    assert identity(short, "m", Card()) == identity(long, "m", Card())


def test_a_prompt_that_is_read_otherwise_is_another_panorama() -> None:
    card = Card(Vocabulary(frozenset({"a", "castle"})))
    assert identity(PanoramaConfig("a castle"), "m", card) == identity(
        PanoramaConfig("a castle"), "m", Card()
    )
    names = {identity(PanoramaConfig("castles"), "m", each) for each in (card, Card())}
    assert len(names) == 2


def test_changed_numerics_make_other_panoramas_and_the_changelog_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    changelog = (Path(__file__).parents[1] / "CHANGELOG.md").read_text()
    assert changelog.count("### Numerics") + 1 == identities.NUMERICS
    before = identity(PanoramaConfig("p"), "m", Card())
    monkeypatch.setattr(identities, "NUMERICS", identities.NUMERICS + 1)
    assert identity(PanoramaConfig("p"), "m", Card()) != before


VALUES = st.lists(st.floats(0.1, 10), min_size=2, max_size=9)


@given(VALUES)
def test_a_constant_shift_has_no_error(values: list[float]) -> None:
    found = paired([v + 1 for v in values], values)
    assert found is not None
    assert found.mean == pytest.approx(1)
    assert found.error == pytest.approx(0, abs=1e-12)


def test_paired_differences_by_hand() -> None:
    found = paired([1.0, 2.0, 6.0], [1.0, 1.0, 1.0])
    assert found == Difference(2.0, pytest.approx(math.sqrt(7) / math.sqrt(3)), 2.0, 3)


def test_pictures_without_a_value_are_left_out_of_pairs_and_means() -> None:
    found = paired([1.0, None, 3.0], [0.5, 2.0, None])
    assert found == Difference(0.5, None, 1.0, 1)
    assert paired([None], [1.0]) is None
    assert summarise([1.0, None, 3.0]) == Number(2.0, pytest.approx(math.sqrt(2)), 2)


def results(**rows: list[float | None]) -> list[RowResult]:
    return [
        RowResult(
            Row(name),
            "horizontal",
            {"clip": summarise(scores)},
            {"clip": scores},
            {"clip": "x"},
            {},
        )
        for name, scores in rows.items()
    ]


@pytest.mark.parametrize(
    ("bar", "rows", "holds"),
    [
        (Bar("falls", "clip", ("a", "b", "c")), {"a": 3, "b": 2, "c": 1}, True),
        (Bar("falls", "clip", ("a", "b", "c")), {"a": 3, "b": 1, "c": 2}, False),
        (Bar("drops", "clip", ("a", "b"), 0.19), {"a": 1, "b": 0.8}, True),
        (Bar("drops", "clip", ("a", "b"), 0.19), {"a": 1, "b": 0.82}, False),
        (Bar("drops", "clip", ("a", "b"), 0.19), {"a": 0, "b": 0}, False),
        (Bar("keeps", "clip", ("a", "b", "c"), 0.5), {"a": 1, "b": 0.7, "c": 0.5}, True),
        (Bar("keeps", "clip", ("a", "b", "c"), 0.5), {"a": 1, "b": 0.8, "c": 0.5}, False),
        (Bar("keeps", "clip", ("a", "b", "c"), 0.5), {"a": 1, "b": 2, "c": 3}, False),
        (Bar("fails_to_keep", "clip", ("a", "b", "c"), 0.2), {"a": 1, "b": 0.95, "c": 0.5}, True),
    ],
)
def test_claims_are_held_against_the_means(bar: Bar, rows: dict[str, float], holds: bool) -> None:
    verdict = judge(bar, results(**{name: [value] for name, value in rows.items()}))
    assert verdict is not None
    assert verdict.holds is holds


def test_the_share_of_a_gain_has_an_error_of_what_pairs_differ_in() -> None:
    first, last = [1.0, 2.0, 4.0], [0.0, 0.0, 0.0]
    assert share_of_gain(first, [0.5, 1.0, 2.0], last) == Share(0.5, 0.0)  # a half of every pair's
    uneven = share_of_gain(first, [0.5, 2.0, 1.0], last)
    assert uneven is not None
    assert uneven.value == pytest.approx(0.5)
    rest = [0.0, -1.0, 1.0]  # gains less half of the whole ones: standard deviation 1
    assert uneven.error == pytest.approx(stdev(rest) / math.sqrt(3) / fmean(first))
    assert str(uneven) == "50% ± 25%"
    assert share_of_gain([1.0, None], [0.5, 0.0], [0.0, 0.0]) == Share(0.5, None)
    assert share_of_gain([1.0], [0.5], [1.0]) is None


def test_a_drop_has_the_error_of_a_ratio_of_means() -> None:
    rows = results(a=[1.0, 2.0, 3.0], b=[0.5, 1.0, 1.5])
    verdict = judge(Bar("drops", "clip", ("a", "b"), 0.5), rows)
    assert verdict is not None
    assert verdict.found == "50.0% ± 0.0% (2, 1)"  # every pair halves
    verdict = judge(Bar("drops", "clip", ("a", "b"), 0.5), results(a=[1.0, 3.0], b=[1.0, 1.0]))
    assert verdict is not None
    assert verdict.found == "50.0% ± 25.0% (2, 1)"  # drops less half of the first: -0.5 and 0.5


def test_prompt_fit_stays_if_it_falls_by_less_than_its_standard_error() -> None:
    bar = Bar("stays", "clip", ("a", "b"))
    little = judge(bar, results(a=[1.0, 2.0, 3.0], b=[0.9, 2.1, 2.95]))
    much = judge(bar, results(a=[1.0, 2.0, 3.0], b=[0.5, 1.4, 2.5]))
    assert little is not None
    assert much is not None
    assert (little.holds, much.holds) == (True, False)


def test_a_claim_about_what_was_not_measured_is_left_out() -> None:
    assert judge(Bar("falls", "fid", ("a",)), results(a=[1.0])) is None


@pytest.mark.parametrize("kind", get_args(BarKind))
def test_a_claim_about_rows_without_a_value_does_not_hold(kind: BarKind) -> None:
    verdict = judge(Bar(kind, "clip", ("a", "b", "c")), results(a=[1.0], b=[None], c=[None, None]))
    assert verdict is not None
    assert verdict.holds is False
    assert verdict.found == "there are no values to tell, of b, c"


def test_numbers_of_two_networks_never_share_a_column() -> None:
    ours = results(a=[1.0])[0]
    theirs = RowResult(ours.row, ours.layout, ours.numbers, ours.scores, {"clip": "y"}, {})
    with pytest.raises(AssertionError, match="two networks"):
        check_features([ours, theirs])
