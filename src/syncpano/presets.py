"""Named configs and YAML files."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from syncpano import files
from syncpano.config import preset_folder
from syncpano.errors import SyncPanoError, first_line, suggestion

if TYPE_CHECKING:
    import yaml

MAX_CONFIG_BYTES = 64 * 1024  # a hundred times what all settings need
MAX_NESTING = 8
_WHOLE = re.compile(r"[-+]?[0-9]+\Z")
_REAL = re.compile(  # as PyYAML has it, so 1e-3 is text, which settings take for a number
    r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+)([eE][-+][0-9]+)?\Z|[-+]?\.(inf|Inf|INF)\Z|\.(nan|NaN|NAN)\Z"
)


def presets() -> dict[str, Path]:
    """Name -> file of every named config."""
    return {path.stem: path for path in sorted(preset_folder().glob("*.yaml"))}


def is_config(name: str) -> bool:
    """Whether there is a named config, or what looks like a file of settings."""
    path = Path(name)
    return name in presets() or path.suffix in (".yaml", ".yml") or files.is_file(path)


def find_config(name: str) -> Path:
    """The file behind `--config NAME|FILE`."""
    named = presets()
    if is_config(name):
        return named.get(name, Path(name))
    raise SyncPanoError(
        f"{name[:80]!r} is no named config and no file",
        hint=suggestion(name, named) or f"named configs: {', '.join(named)}",
    )


def read_yaml(path: Path) -> dict[str, Any]:
    """A small, shallow YAML mapping with text keys, without aliases, of tags with YAML's own only.

    Its numbers are decimals: 010 is 10, and 1:30 is text.

    Raises:
        SyncPanoError: anything else.
    """
    import yaml  # not with the module: `--help` and runs without a file need not wait for it

    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_CONFIG_BYTES + 1)
    except OSError as error:
        raise SyncPanoError(
            f"{str(path)[:80]} cannot be read: {error.strerror or error}",
            hint=f"named configs: {', '.join(presets())}",
        ) from error
    if len(content) > MAX_CONFIG_BYTES:
        raise SyncPanoError(f"{path} is larger than {MAX_CONFIG_BYTES // 1024} KiB: no config")
    try:
        _check_shape(content.decode("utf-8"), path)
        loaded = yaml.load(content, Loader=_decimal_loader())
    except (yaml.YAMLError, UnicodeDecodeError, ValueError) as error:
        raise SyncPanoError(
            f"{path} is not valid YAML: {_reason(error)}", hint="write lines like `width: 3072`"
        ) from error
    if loaded is None:
        return {}
    if not isinstance(loaded, dict) or not all(isinstance(key, str) for key in loaded):
        raise SyncPanoError(
            f"{path} is not a mapping of settings", hint="write lines like `width: 3072`"
        )
    return loaded


@cache
def _decimal_loader() -> type[yaml.SafeLoader]:
    """PyYAML's safe loader, with numbers in decimals only.

    By YAML 1.1, which PyYAML follows, 010 is 8 and 1:30 is 90; but `seq -w` writes 010 for 10, and
    so does `--seed` read it.
    """
    import yaml

    whole, real = "tag:yaml.org,2002:int", "tag:yaml.org,2002:float"

    class DecimalLoader(yaml.SafeLoader):
        pass

    def construct_int(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> int:
        return int(loader.construct_scalar(node))

    DecimalLoader.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag not in (whole, real)]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    DecimalLoader.add_implicit_resolver(whole, _WHOLE, list("-+0123456789"))
    DecimalLoader.add_implicit_resolver(real, _REAL, list("-+.0123456789"))
    DecimalLoader.add_constructor(whole, construct_int)
    return DecimalLoader


def _reason(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    if mark is None:
        return first_line(error)
    return f"{getattr(error, 'problem', None)} in line {mark.line + 1}"


def _check_shape(text: str, path: Path) -> None:
    """Refuse deep nesting, aliases and repeated keys before anything is built from them."""
    import yaml

    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent):
            raise SyncPanoError(f"{path} uses YAML aliases, which a config does not need")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_NESTING:
            raise SyncPanoError(
                f"{path} nests deeper than {MAX_NESTING} levels", hint="a config is a flat mapping"
            )
    _check_keys(yaml.compose(text, Loader=yaml.SafeLoader), path)


def _check_keys(node: Any, path: Path) -> None:
    """Refuse a mapping that has a key twice, of which YAML would keep the last."""
    for child in node.value if node is not None and node.id != "scalar" else []:
        for part in child if isinstance(child, tuple) else [child]:
            _check_keys(part, path)
    if node is not None and node.id == "mapping":
        keys = [key.value for key, _ in node.value if key.id == "scalar"]
        for key in keys:
            if keys.count(key) > 1:
                raise SyncPanoError(f"{path} has {key[:40]!r} twice", hint="keep one of them")
