"""Presets, and what `syncpano bench` measures: properties, never times."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from itertools import accumulate, chain, repeat
from pathlib import Path

import jsonschema
import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from syncpano import bench, bench_case
from syncpano.bench import Case
from syncpano.bench_case import OperationCounter, count_flops, measure
from syncpano.config import PanoramaConfig
from syncpano.errors import SyncPanoError
from syncpano.layers import FOUND
from syncpano.models.source import resolve_source
from syncpano.pipeline import Studio
from syncpano.presets import presets
from tests.conftest import Outcome

SCHEMA = json.loads(Path(bench.__file__).with_name("bench.schema.json").read_text())

Cli = Callable[..., Outcome]
SPEED_PRESETS = ("multidiffusion", "exact", "balanced", "fast", "draft")


def config(model: Path, trunk: Path, **changes: object) -> PanoramaConfig:
    values = {
        "prompt": "A waterfall",
        "model": str(model),
        "width": 96,
        "height": 64,
        "steps": 2,
        "device": "cpu",
        "dtype": "float32",
        "loss": "lpips-squeeze",
        "loss_weights": str(trunk),
        **changes,
    }
    return PanoramaConfig(**values)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", SPEED_PRESETS)
def test_every_preset_is_a_valid_plan(cli: Cli, name: str) -> None:
    done = cli("generate", "a", "--config", name, "--model", "sd2", "--dry-run", "--json")
    assert (done.code, done.err) == (0, "")
    planned = json.loads(done.out)
    origins = {origin.removesuffix(FOUND) for origin in planned["source"].values()}
    assert origins == {"default", "flag", f"config {name}"}


@pytest.mark.parametrize("model", ["pocket", "sd2"])
@pytest.mark.parametrize("name", SPEED_PRESETS)
def test_every_preset_closes_a_loop_of_the_default_width(cli: Cli, name: str, model: str) -> None:
    done = cli("generate", "a", "--config", name, "--model", model, "--loop", "--dry-run")
    assert done.code == 0, done.err


def test_presets_cost_less_and_less(cli: Cli) -> None:
    def passes(name: str) -> int:
        done = cli("generate", "a", "--config", name, "--model", "sd2", "--dry-run", "--json")
        calls = json.loads(done.out)["calls"]
        return int(calls["predictions"] + 2 * calls["gradients"])

    exact, balanced, fast, draft = map(passes, SPEED_PRESETS[1:])
    assert exact > balanced > fast > draft
    assert fast < passes("multidiffusion") / 2


def test_exact_is_the_papers_plan(cli: Cli) -> None:
    plans = [
        json.loads(
            cli("generate", "a", "--config", name, "--model", "sd2", "--dry-run", "--json").out
        )
        for name in ("exact", "paper")
    ]
    for key in ("windows", "sync", "calls"):
        assert plans[0][key] == plans[1][key]


def test_a_measured_case_follows_the_schema(tiny_model: Path, squeeze_trunk: Path) -> None:
    case = Case("two", config(tiny_model, squeeze_trunk))
    source = resolve_source(str(tiny_model), download=False)
    timed = bench.lay_out(
        [case, Case("none", config(tiny_model, squeeze_trunk, sync_weight=0.0))], source
    )
    for item in timed:
        item.runs += [measure(item.case.config)] * 2
    report = bench.summarise(timed, "syncpano bench")
    report = json.loads(json.dumps(report))
    jsonschema.validate(report, SCHEMA, cls=jsonschema.Draft202012Validator)
    first, second = report["cases"]
    assert first["ratio_to_first"] == {"median": 1, "least": 1, "most": 1}
    assert first["flops"] > second["flops"] > 0
    assert first["config"] == asdict(case.config)
    page = bench.to_markdown(report)
    assert "| two | 96 x 64 | 3 |" in page


def test_measuring_paints_what_generate_paints(tiny_model: Path, squeeze_trunk: Path) -> None:
    wanted = config(tiny_model, squeeze_trunk)
    painted = Studio().generate(wanted)
    assert measure(wanted)["pixels"] == painted.log["image"]["sha256"]


def test_operations_add_up_to_those_of_a_counted_run(tiny_model: Path, squeeze_trunk: Path) -> None:
    for changes in (
        {},
        {"sync_weight": 0.0},
        {"gradient": "cond"},
        {"gradient": "x0"},
        {"compare": "noisy"},
        {"sync_every": 2, "stride": 8},
        {"guidance_scale": 1.0},
        {"guided_share": 0.5},
        {"window_batch": 2},
    ):
        wanted = config(tiny_model, squeeze_trunk, **changes)
        studio = Studio()
        studio.loaded(wanted)  # the text is encoded under the counter, the weights are not read
        with OperationCounter() as counted:
            painted = studio.generate(wanted)
        estimate = count_flops(studio, wanted, painted)
        assert estimate == pytest.approx(counted.total, rel=0.01), changes


def test_the_embedded_models_operations_are_those_of_what_draws_its_picture() -> None:
    wanted = PanoramaConfig("A waterfall", width=640, steps=2, initial_steps=1, device="cpu")
    for changes in ({}, {"refine": False}):
        config = replace(wanted, **changes)
        studio = Studio()
        studio.loaded(config)
        with OperationCounter() as counted:
            painted = studio.generate(config)
        assert count_flops(studio, config, painted) == pytest.approx(counted.total, rel=0.02)


def test_fused_attention_costs_what_its_products_do() -> None:
    query, key, value = (torch.randn(1, 2, 32, 16, requires_grad=True) for _ in range(3))
    with OperationCounter() as fused:
        torch.nn.functional.scaled_dot_product_attention(query, key, value).sum().backward()
    with OperationCounter() as plain:
        (((query @ key.mT) / 4).softmax(-1) @ value).sum().backward()
    # Backwards the fused one makes the attention map again: a fifth product beside four.
    assert fused.total == plain.total * 7 / 6


def test_a_failing_case_fails_with_its_own_words(tiny_model: Path) -> None:
    wanted = PanoramaConfig("A waterfall", model=str(tiny_model), width=40)
    with pytest.raises(SyncPanoError, match="width 40"):
        bench.lay_out([Case("narrow", wanted)], resolve_source(str(tiny_model), download=False))


@pytest.fixture
def run_as_case(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], dict[str, object]]:
    """A process of `syncpano bench` whose program is another."""

    def call(program: str) -> dict[str, object]:
        package = Path("elsewhere/syncpano")
        package.mkdir(parents=True)
        (package / "__init__.py").touch()
        (package / "bench_case.py").write_text(program)
        monkeypatch.setenv("PYTHONPATH", str(package.parent.absolute()))
        return bench.run_case(PanoramaConfig("A waterfall"))

    return call


def test_a_file_in_the_current_folder_is_no_module_of_a_case(
    run_as_case: Callable[[str], dict[str, object]],
) -> None:
    Path("queue.py").write_text("raise SystemExit('mine')")
    found = run_as_case("import json, queue; print(json.dumps({'file': queue.__file__}))")
    assert Path(str(found["file"])).parent != Path.cwd()


@pytest.mark.parametrize(
    ("program", "said", "hint"),
    [
        ("import os; os.kill(os.getpid(), 9)", "code -9: it said nothing", "free some memory"),
        ("raise MemoryError", "code 1: MemoryError", "free some memory"),
        ("import nothing_of_this_name", "code 1: ModuleNotFoundError", "`syncpano generate`"),
        ("print(3)", "code 0: it said nothing", "`syncpano generate`"),
        ("print([])", "code 0: it said nothing", "`syncpano generate`"),
    ],
)
def test_a_case_without_numbers_says_how_it_ended_and_what_to_do(
    run_as_case: Callable[[str], dict[str, object]], program: str, said: str, hint: str
) -> None:
    with pytest.raises(SyncPanoError, match=said) as caught:
        run_as_case(program)
    assert caught.value.hint.startswith(hint)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--presets", ","], "no preset"),
        (["--presets", "exat"], "'exat' is no named config"),
        (["--widths", "wide"], "widths 'wide'"),
        (["--widths", "96", "--width", "96"], "`--width` and `--widths`"),
        (["--presets", "exact", "--widths", "8"], "hint: use `--widths 64` or more"),
        (["--presets", "exact", "--width", "8"], "hint: use `--width 64` or more"),
        (["--presets", "exact,tiny"], "exact and tiny differ in device"),
    ],
)
def test_bad_input_ends_before_anything_is_timed(
    cli: Cli, tiny_model: Path, arguments: list[str], said: str
) -> None:
    done = cli("bench", "--model", tiny_model, "--height", 64, "--stride", 16, *arguments)
    assert (done.code, done.out) == (2, "")
    assert said in done.err


def test_widths_are_stronger_than_a_variable_of_the_environment(
    cli: Cli, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYNCPANO_WIDTH", "96")
    done = cli("bench", "--model", tiny_model, "--presets", "exact", "--widths", "8")
    assert done.code == 2
    assert "width 8" in done.err


def test_bad_input_ends_before_anything_is_downloaded(cli: Cli) -> None:
    Path("page.md").write_text("mine")
    for arguments, said in ((["--width", 3001], "width 3001"), (["--markdown", "page.md"], "page")):
        done = cli("bench", "--model", "sd2", "--presets", "exact", *arguments)
        assert done.code == 2
        assert said in done.err


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--markdown", "page.md"), "page.md exists already"),
        (("--markdown", "page.md/page.md"), "page.md cannot be written"),
        (("--dtype", "float16"), "float16 does not work well on a CPU"),
        (("--device", "mps"), "device 'mps' is not available here"),
    ],
)
def test_nothing_is_fetched_for_a_table_that_is_refused(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, flags: tuple[str, ...], said: str
) -> None:
    def fetched(*_: object, **__: object) -> None:
        raise AssertionError("the Hub was asked")

    monkeypatch.setattr("syncpano.models.hub.download", fetched)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: False)
    Path("page.md").touch()
    done = cli("bench", "--model", "someone/model", "--device", "cpu", *flags)
    assert done.code == 2
    assert said in done.err


def test_a_page_that_exists_is_kept(cli: Cli, tiny_flags: list[str]) -> None:
    Path("page.md").write_text("mine")
    done = cli("bench", "--presets", "tiny", "--markdown", "page.md", *tiny_flags)
    assert done.code == 2
    assert "--overwrite" in done.err
    assert Path("page.md").read_text() == "mine"


@pytest.fixture
def untimed(monkeypatch: pytest.MonkeyPatch) -> None:
    """No process is started: every case has taken a second."""
    run = {
        "seconds": 1.0,
        "cpu_seconds": 1.0,
        "load_seconds": 1.0,
        "flops": 1,
        "matmul_flops_per_second": 1.0,
    }
    run |= {"process_bytes": 1, "device_bytes": None, "model": {"id": "x", "hash": "0" * 64}}
    versions = dict.fromkeys(("python", "syncpano", "torch", "diffusers"), "1")
    where = dict.fromkeys(("dtype", "device", "device_name", "threads", "platform"), "x")
    run |= {"environment": where | {"versions": versions}}
    monkeypatch.setattr(bench, "run_case", lambda _: run)


def test_a_page_repeats_what_the_environment_set(
    cli: Cli, tiny_flags: list[str], untimed: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SYNCPANO_GUIDANCE_SCALE", "3")
    done = cli("bench", "--presets", "first3", "--json", *tiny_flags)
    assert "--guidance-scale 3" in json.loads(done.out)["command"]


def test_a_page_repeats_values_as_they_were_given(
    cli: Cli, tiny_flags: list[str], tiny_model: Path, untimed: None
) -> None:
    given = ("--guidance-scale", "7.1234567", "--negative-prompt", "", "--stride", "auto")
    done = cli("bench", "--presets", "first3", "--json", *tiny_flags, *given)
    command = json.loads(done.out)["command"]
    for words in ("--guidance-scale 7.1234567", "--negative-prompt ''", "--stride auto"):
        assert words in command
    assert f"--model {tiny_model.name}" in command


def test_a_flag_without_effect_is_named(cli: Cli, tiny_flags: list[str], untimed: None) -> None:
    done = cli("bench", "--presets", "multidiffusion,first3", "--gradient", "x0", *tiny_flags)
    assert "multidiffusion: `--gradient` has no effect" in done.err
    assert "first3: `--gradient`" not in done.err


@pytest.mark.parametrize(
    ("flags", "unheeded"),
    [
        (("--overwrite",), ["--overwrite"]),
        (("--overwrite", "--title", "Mine", "--json"), ["--overwrite", "--title"]),
        (("--title", "Mine"), []),  # which the printed page has
        (("--overwrite", "--title", "Mine", "--markdown", "page.md", "--json"), []),
    ],
    ids=" ".join,
)
def test_a_flag_of_a_page_that_is_not_written_is_named(
    cli: Cli, tiny_flags: list[str], untimed: None, flags: tuple[str, ...], unheeded: list[str]
) -> None:
    done = cli("bench", "--presets", "first3", *tiny_flags, *flags)
    warned = [line.split("`")[1] for line in done.err.splitlines() if "without `--mark" in line]
    assert (done.code, warned) == (0, unheeded)
    assert ("# Mine" in done.out) == (flags == ("--title", "Mine"))


@pytest.mark.slow
def test_bench_from_the_command_line(cli: Cli, tiny_flags: list[str]) -> None:
    done = cli(
        *("bench", "--presets", "multidiffusion,first3", "--repeats", 2, "--json"),
        *("--markdown", "speed/page.md", "--quiet", *tiny_flags),
    )
    assert (done.code, done.err) == (0, "")
    report = json.loads(done.out)
    jsonschema.validate(report, SCHEMA, cls=jsonschema.Draft202012Validator)
    assert [case["preset"] for case in report["cases"]] == ["multidiffusion", "first3"]
    assert all(case["peak_bytes"]["process"] > 2**20 for case in report["cases"])
    assert "syncpano bench --presets multidiffusion,first3" in Path("speed/page.md").read_text()


def test_the_matmul_peak_is_the_fastest_of_its_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = accumulate(chain([0, 4, 0, 2], repeat(3)))
    monkeypatch.setattr(bench_case, "now", lambda _: next(moments))
    side = bench_case._MATMUL_SIDE["cpu"]
    peak = bench_case.matmul_flops_per_second(torch.device("cpu"), torch.float32)
    assert peak == 2 * side**3 / 2


@hypothesis_settings(max_examples=25)
@given(
    st.fixed_dictionaries(
        {
            "method": st.sampled_from(["sync", "multi", "bld", "independent"]),
            "windows": st.sampled_from(["overlapping", "shifted"]),
            "compare": st.sampled_from(["foreseen", "noisy"]),
            "gradient": st.sampled_from(["exact", "cond", "x0"]),
            "scheduler": st.sampled_from(["ddim", "dpmsolver++", "unipc"]),
            "loop": st.booleans(),
            "sync_every": st.integers(1, 3),
            "sync_freq": st.sampled_from([None, 1, 2]),
            "initial_steps": st.sampled_from([None, 1]),
            "initial_span": st.sampled_from([None, 0.2]),
            "predict_once": st.booleans(),
            "guidance_scale": st.sampled_from([1.0, 7.5]),
            "loss_size": st.sampled_from([None, 32]),
            "window_batch": st.sampled_from([None, 2]),
            "gradient_decoder": st.sampled_from(["auto", "full", "tiny"]),
            "width": st.sampled_from([64, 96, 104, 128]),
            "stride": st.sampled_from([None, 16, 24, 64]),
        }
    )
)
def test_every_combination_of_options_paints_or_is_refused(
    studio: Studio, tiny_model: Path, squeeze_trunk: Path, changes: dict[str, object]
) -> None:
    try:
        painted = studio.generate(config(tiny_model, squeeze_trunk, **changes))
    except SyncPanoError as error:
        assert error.hint  # noqa: PT017
    else:
        assert painted.image.size == (changes["width"], 64)


@pytest.fixture(scope="module")
def studio() -> Studio:
    return Studio()


def test_presets_are_listed_by_name() -> None:
    assert set(SPEED_PRESETS) <= set(presets())
