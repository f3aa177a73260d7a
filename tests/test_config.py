"""Settings: one declaration, five layers, and values of the right type or a helpful error."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from syncpano import layers, presets, runlog
from syncpano.checks import check_values
from syncpano.commands.request import resolve_settings
from syncpano.config import PanoramaConfig, Setting, settings
from syncpano.errors import SyncPanoError
from syncpano.models.source import resolve_source
from syncpano.plan import plan


def test_every_setting_has_a_help_text_and_a_flag() -> None:
    for item in settings().values():
        assert item.help.endswith(".")
        assert item.flags[0] == "--" + item.name.replace("_", "-")


def test_a_config_cannot_be_changed() -> None:
    config = PanoramaConfig(prompt="A waterfall")
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.width = 1024  # type: ignore[misc]


def test_paper_is_equal_to_the_defaults_but_for_the_blend() -> None:
    resolved = layers.resolve([layers.config_layer("paper")])
    defaults = PanoramaConfig(prompt="A waterfall")
    paper = resolved.config(prompt="A waterfall")
    assert defaults.blend == "tapered"
    assert paper == dataclasses.replace(defaults, blend="uniform")


def test_every_named_config_resolves() -> None:
    assert {"paper", "first3", "loop", "tiny"} <= set(presets.presets())
    for name in presets.presets():
        assert layers.resolve([layers.config_layer(name)]).config(prompt="A waterfall")


# Named configs that are meant to be added to another; all others are whole.
ADDED = {"first3", "loop", "tiny"}
WHOLE = sorted(set(presets.presets()) - ADDED)


@pytest.mark.parametrize("below", WHOLE)
@pytest.mark.parametrize("name", WHOLE)
def test_a_whole_config_on_top_of_another_is_what_it_is_alone(name: str, below: str) -> None:
    alone = layers.resolve([layers.config_layer(name)])
    added = layers.resolve([layers.config_layer(name), layers.config_layer(below)])
    assert added.values == alone.values


@pytest.mark.parametrize("below", presets.presets())
@pytest.mark.parametrize("name", presets.presets())
def test_named_configs_add_up_to_one_that_works(name: str, below: str) -> None:
    added = layers.resolve([layers.config_layer(name), layers.config_layer(below)])
    check_values(added.config(prompt="A waterfall"))


OF_THE_USER = {*("prompt", "negative_prompt", "seed", "model", "revision", "loss", "loss_weights")}


def test_named_configs_leave_the_model_and_what_depends_on_it_to_the_user() -> None:
    for name in presets.presets():
        values = layers.config_layer(name).values
        assert not OF_THE_USER & set(values)
        assert values.get("guidance_scale") is None


NUMBERS = [item for item in settings().values() if item.kind in (int, float)]


@pytest.mark.parametrize("item", NUMBERS, ids=lambda item: str(item.name))
def test_a_word_for_a_number_is_refused_with_a_number_that_is_one(item: Setting) -> None:
    with pytest.raises(SyncPanoError, match="is not a") as caught:
        layers.flag_layer({item.name: "many"})
    example = caught.value.hint.split()[-1].strip("`")
    assert layers.flag_layer({item.name: example}).values[item.name] is not None


def test_stronger_layers_win_and_every_value_knows_its_origin(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("width: 1024\nsteps: 10\nseed: 3\n")
    resolved = layers.resolve(
        [
            layers.flag_layer({"width": "2048"}),
            layers.environment_layer({"SYNCPANO_STEPS": "20", "SYNCPANO_WIDTH": "4096"}),
            layers.config_layer("mine.yaml"),
        ]
    )
    found = {name: (resolved.values[name], resolved.origins[name]) for name in resolved.values}
    assert found["width"] == (2048, "flag")
    assert found["steps"] == (20, "environment")
    assert found["seed"] == (3, "config mine.yaml")
    assert found["height"] == (512, "default")


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("width", "2048", 2048),
        ("sync_weight", "7", 7.0),
        ("sync_weight", "1e2", 100.0),
        ("stride", "auto", None),
        ("stride", "AUTO", None),
        ("loop", "true", True),
        ("loop", "0", False),
        ("scheduler", "unipc", "unipc"),
        ("prompt", "true", "true"),
    ],
)
def test_text_becomes_the_settings_type(name: str, text: str, value: object) -> None:
    variable = settings()[name].variables[0]
    assert layers.environment_layer({variable: text}).values == {name: value}


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("width", "wide", "not a whole number"),
        ("width", 1024.5, "not a whole number"),
        ("width", True, "not a whole number"),
        ("width", np.float64(1024), "not a whole number"),
        ("width", np.bool_(True), "not a whole number"),
        ("sync_weight", np.bool_(True), "not a number"),
        ("sync_weight", 3j, "not a number"),
        ("width", None, "has no value"),
        ("width", [1], "not a whole number"),
        ("width", "9" * 5000, "not a whole number"),
        ("sync_weight", {"a": 1}, "not a number"),
        ("loop", "perhaps", "not true or false"),
        ("loop", 1, "not true or false"),
        ("scheduler", "euler", "not one of ddim"),
        ("prompt", 7, "not text"),
    ],
)
def test_a_value_of_the_wrong_type_is_refused_with_an_example(
    name: str, value: object, said: str
) -> None:
    with pytest.raises(SyncPanoError, match=said) as caught:
        layers.values_layer("test", {name: value})
    assert caught.value.hint
    assert len(caught.value.message) < 200


def test_an_unknown_key_is_refused_with_the_one_that_is_meant() -> None:
    with pytest.raises(SyncPanoError, match="'sync-wieght'") as caught:
        layers.values_layer("test", {"sync-wieght": 3})
    assert caught.value.hint == "did you mean `sync_weight`?"


def test_an_unknown_variable_is_found_with_the_one_that_is_meant() -> None:
    assert layers.unknown_variables({"SYNCPANO_WDTH": "1", "PATH": ""}) == {
        "SYNCPANO_WDTH": "SYNCPANO_WIDTH"
    }


@pytest.mark.parametrize("name", ["SYNCPANO_HOME", "SYNCPANO_CACHE", "SYNCPANO_", "SYNCPANO_X"])
def test_a_variable_that_is_like_no_setting_is_taken_for_none(name: str) -> None:
    assert layers.unknown_variables({name: "1"}) == {name: None}


def test_two_variables_for_one_setting_are_refused() -> None:
    with pytest.raises(SyncPanoError, match="both set sync_weight") as caught:
        layers.environment_layer({"SYNCPANO_W": "5", "SYNCPANO_SYNC_WEIGHT": "6"})
    assert "SYNCPANO_W " in caught.value.message
    assert "SYNCPANO_SYNC_WEIGHT" in caught.value.message
    only = layers.environment_layer({"SYNCPANO_W": "5", "SYNCPANO_SYNC_WEIGHT": ""})
    assert only.values == {"sync_weight": 5.0}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("- width\n- height\n", "not a mapping"),
        ("3072\n", "not a mapping"),
        ("1: 2\n", "not a mapping"),
        ("width: [", "not valid YAML"),
        ("width: !!python/object/apply:os.system ['true']\n", "not valid YAML"),
        ("a: &a [1]\nb: *a\n", "aliases"),
        ("width: " + "[" * 100 + "]" * 100 + "\n", "nests deeper"),
        ("width: " + "{a: " * 100 + "1" + "}" * 100 + "\n", "nests deeper"),
        ("width: " + "[" * 10_000_000, "larger than"),
        ("width: 1\x00\n", "not valid YAML"),
        ("a: 2024-99-99\n", "not valid YAML"),
    ],
    ids=lambda text: text[:24].encode("unicode_escape").decode(),
)
def test_a_file_that_is_no_flat_mapping_is_refused(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "mine.yaml").write_text(content)
    with pytest.raises(SyncPanoError, match=said):
        layers.config_layer("mine.yaml")


def test_a_file_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_bytes(b"prompt: \xff\xfe\n")
    with pytest.raises(SyncPanoError, match="not valid YAML"):
        layers.config_layer("mine.yaml")


@pytest.mark.parametrize(
    ("text", "value"),
    [("010", 10), ("09", 9), ("-0", 0), ("+7", 7), ("'010'", 10), ("1_000", 1000)],
)
def test_a_number_in_a_file_is_the_one_that_a_flag_would_be(text: str, value: int) -> None:
    Path("mine.yaml").write_text(f"seed: {text}\n")
    given = layers.config_layer("mine.yaml").values
    assert given == layers.flag_layer({"seed": text.strip("'")}).values == {"seed": value}


@pytest.mark.parametrize("text", ["1:30", "190:20:30", "0x10", "0o17", "0b11", "!!int 1:30"])
def test_a_number_that_is_no_decimal_is_refused(text: str) -> None:
    Path("mine.yaml").write_text(f"seed: {text}\n")
    with pytest.raises(SyncPanoError, match=r"whole number|not valid YAML"):
        layers.config_layer("mine.yaml")


@pytest.mark.parametrize(
    ("text", "value"),
    [("1.5", 1.5), ("2.", 2.0), (".5", 0.5), ("1e2", 100.0), ("1.0e-3", 0.001), ("010.5", 10.5)],
)
def test_a_real_number_in_a_file_is_the_one_that_a_flag_would_be(text: str, value: float) -> None:
    Path("mine.yaml").write_text(f"w: {text}\n")
    assert layers.config_layer("mine.yaml").values == {"sync_weight": value}
    Path("mine.yaml").write_text("w: 1:30.5\n")
    with pytest.raises(SyncPanoError, match=r"'1:30\.5' is not a number"):
        layers.config_layer("mine.yaml")


@pytest.mark.parametrize(
    ("content", "variables", "said"),
    [
        ("seed: -4", {}, "`seed: -4` in mine.yaml is out of range"),
        ("w: .nan", {}, "`w: nan` in mine.yaml is not a finite number"),
        ("", {"SYNCPANO_SEED": "-4"}, "`SYNCPANO_SEED=-4` is out of range"),
        ("", {"SYNCPANO_W": "-1"}, "`SYNCPANO_W=-1` is out of range"),
        ("", {"SYNCPANO_SYNC_WEIGHT": "-1"}, "`SYNCPANO_SYNC_WEIGHT=-1` is out of range"),
        ("steps: -4", {"SYNCPANO_STEPS": "2000"}, "`SYNCPANO_STEPS=2000` is out of range"),
        (
            "sync_freq: 5",
            {"SYNCPANO_INITIAL_STEPS": "3"},
            "`sync_freq: 5` in mine.yaml descends for the first time at step 10, "
            "after `SYNCPANO_INITIAL_STEPS=3`",
        ),
        (
            "windows: shifted",
            {"SYNCPANO_METHOD": "bld"},
            "`windows: shifted` in mine.yaml does not go with `SYNCPANO_METHOD=bld`",
        ),
        ("sync_every: 24\nloop: true", {}, "`sync_every: 24` in mine.yaml leaves no window"),
    ],
)
def test_a_value_out_of_range_is_named_where_it_stands(
    content: str, variables: dict[str, str], said: str
) -> None:
    Path("mine.yaml").write_text(content)
    weaker = [layers.environment_layer(variables), layers.config_layer("mine.yaml")]
    resolved, source = layers.resolve(weaker), resolve_source("sd2", download=False)
    with pytest.raises(SyncPanoError) as caught:
        plan(resolved.config(prompt="A lake"), source, resolved.written)
    assert said in caught.value.message


def test_a_flag_over_a_file_is_what_is_named() -> None:
    Path("mine.yaml").write_text("seed: -4\n")
    file = layers.config_layer("mine.yaml")
    resolved = layers.resolve([layers.flag_layer({"seed": "-5"}), file])
    with pytest.raises(SyncPanoError, match="`--seed -5` is out of range"):
        check_values(resolved.config(prompt="A lake"), resolved.written)


def test_a_value_of_a_run_that_is_out_of_range_is_named_where_it_stands() -> None:
    values = {name: item.default for name, item in settings().items()}
    log = runlog.begin({**values, "prompt": "A lake", "seed": -4}, {})
    resolved = layers.resolve([layers.log_layer(log, Path("a.json"))])
    with pytest.raises(SyncPanoError, match=r"`seed: -4` in a\.json is out of range"):
        check_values(resolved.config(), resolved.written)


@pytest.mark.parametrize("origin", ["flag", "default"], ids=["typed", "found"])
@pytest.mark.parametrize(
    ("variables", "revision"),
    [
        ({}, "fp16"),
        ({"SYNCPANO_MODEL": "sd2"}, "fp16"),
        ({"SYNCPANO_MODEL": "sd1.5"}, None),
        ({"SYNCPANO_MODEL": "sd1.5", "SYNCPANO_REVISION": "v1"}, "v1"),
    ],
    ids=["none", "same", "other", "other with its own"],
)
def test_a_revision_of_a_run_goes_with_its_model(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], revision: str | None, origin: str
) -> None:
    values = {name: item.default for name, item in settings().items()}
    values |= {"prompt": "A lake", "model": "sd2", "revision": "fp16"}
    runlog.write(Path("a.json"), runlog.begin(values, {"model": "flag", "revision": origin}))
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert resolve_settings({}, [], Path("a.json")).values["revision"] == revision


def test_the_strongest_of_the_layers_says_which_model_a_run_starts_with(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    values = {name: item.default for name, item in settings().items()}
    values |= {"prompt": "A lake", "model": "sd2", "revision": "fp16"}
    runlog.write(Path("a.json"), runlog.begin(values, dict.fromkeys(values, "flag")))
    Path("mine.yaml").write_text("model: sd1.5\n")
    monkeypatch.setenv("SYNCPANO_MODEL", "sd2")
    found = resolve_settings({}, ["mine.yaml"], Path("a.json")).values
    assert (found["model"], found["revision"]) == ("sd2", "fp16")


def test_an_empty_file_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("# nothing\n")
    assert layers.config_layer("mine.yaml").values == {}


def test_a_missing_config_is_named_with_the_one_that_is_meant() -> None:
    with pytest.raises(SyncPanoError, match="'papr'") as caught:
        layers.config_layer("papr")
    assert caught.value.hint == "did you mean `paper`?"


def test_w_is_the_weights_name_everywhere() -> None:
    assert layers.values_layer("python", {"w": 3}).values == {"sync_weight": 3.0}
    assert layers.environment_layer({"SYNCPANO_W": "3"}).values == {"sync_weight": 3.0}
    assert layers.unknown_variables({"SYNCPANO_W": "3"}) == {}
    with pytest.raises(SyncPanoError, match="has sync_weight twice, as sync_weight and as w"):
        layers.values_layer("mine.yaml", {"sync_weight": 3, "w": 4})


def test_an_empty_variable_is_not_set() -> None:
    assert layers.environment_layer({"SYNCPANO_MODEL": "", "SYNCPANO_WIDTH": ""}).values == {}
