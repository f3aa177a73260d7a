"""Imports point one way, and only what needs torch imports it."""

from __future__ import annotations

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "src" / "syncpano"

# Lower layers never import higher ones at module level. A folder stands for all in it that is not
# named itself.
LAYERS = [
    # 0: what settings, geometry, files and models' descriptions are; no torch
    {
        *("__init__", "errors", "choices", "windows", "schedule", "extension", "config", "values"),
        *(
            "presets",
            "versions",
            "layers",
            "lists",
            "files",
            "png",
            "runlog",
            "interrupts",
            "checks",
            "advice",
            "plan",
            "resolving",
        ),
        *("models.__init__", "models.source", "models.layout", "models.aliases", "models.folder"),
        *("models.hub", "models.memory", "models.card", "models.wording"),
        *("models.near_words", "models.vocabulary", "models.word_forms"),
        *("models.clock", "models.tokens", "models.negations", "models.tiny_decoder"),
        *("losses.__init__", "losses.trunk_files"),
    },
    # 1: the algorithm and the clock; torch only
    {
        *("montage", "batching", "sampler", "baselines", "machine"),
        *("models.denoiser", "losses.perceptual"),
    },
    # 2: model families, losses, metrics
    {"models", "losses", "metrics"},
    # 3: what joins them, and the command line
    set(),
]
TORCH = {"torch", "torchvision", "diffusers", "transformers", "lpips", "numpy"}
# The command line is in layer 3 but torch-free as well: its commands import it when they run.
TORCH_FREE = {"cli", "console", "batch", "kept", "downloads", "fingerprints", "saving", "__main__"}


def modules() -> list[str]:
    return sorted(
        ".".join(path.relative_to(PACKAGE).with_suffix("").parts) for path in PACKAGE.rglob("*.py")
    )


def layer(module: str) -> int:
    for number, names in enumerate(LAYERS):
        if module in names:
            return number
    for number, names in enumerate(LAYERS):
        if module.split(".")[0] in names:
            return number
    return len(LAYERS) - 1


def imports(module: str, lazy: bool = False) -> set[str]:
    """Names that a module imports at once, or, if `lazy`, wherever in its code."""
    path = PACKAGE.joinpath(*module.split(".")).with_suffix(".py")
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found: set[str] = set()
    for node in ast.walk(tree) if lazy else tree.body:
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.update({node.module} | {f"{node.module}.{alias.name}" for alias in node.names})
    return found


def own_imports(module: str, lazy: bool = False) -> set[str]:
    names = {
        name.removeprefix("syncpano.")
        for name in imports(module, lazy)
        if name.startswith("syncpano.")
    }
    known = set(modules())
    return {name for name in names if name in known} | {
        f"{name}.__init__" for name in names if f"{name}.__init__" in known
    }


@pytest.mark.parametrize("module", modules())
def test_a_module_imports_only_its_own_layer_and_lower_ones(module: str) -> None:
    upward = {name for name in own_imports(module) if layer(name) > layer(module)}
    assert not upward


def test_no_modules_import_each_other_in_a_circle_not_even_late() -> None:
    TopologicalSorter({module: own_imports(module, lazy=True) for module in modules()}).prepare()


@pytest.mark.parametrize(
    "module",
    [
        name
        for name in modules()
        if layer(name) == 0 or name in TORCH_FREE or name.startswith("commands.")
    ],
)
def test_a_torch_free_module_does_not_import_torch(module: str) -> None:
    assert not TORCH & {name.split(".")[0] for name in imports(module)}


def says_no_torch() -> list[str]:
    texts = {
        name: ast.get_docstring(
            ast.parse(PACKAGE.joinpath(*name.split(".")).with_suffix(".py").read_text())
        )
        for name in modules()
    }
    return [name for name, text in texts.items() if "No torch." in (text or "")]


@pytest.mark.parametrize("module", says_no_torch())
def test_a_module_that_says_no_torch_brings_none_by_others_either(module: str) -> None:
    reached, waiting = set(), {module}
    while waiting:
        name = waiting.pop()
        reached.add(name)
        assert not (TORCH - {"numpy"}) & {found.split(".")[0] for found in imports(name)}, name
        waiting |= own_imports(name) - reached


def test_importing_the_package_and_its_config_imports_no_torch() -> None:
    code = (
        "import sys, syncpano; from syncpano import PanoramaConfig, SyncPanoError; "
        "assert not {'torch', 'numpy', 'PIL', 'yaml'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_nothing_in_the_package_imports_scripts_or_tests() -> None:
    for module in modules():
        found = {name.split(".")[0] for name in imports(module, lazy=True)}
        assert not {"scripts", "tests"} & found
