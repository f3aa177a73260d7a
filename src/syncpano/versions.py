"""Which versions of packages are installed. No torch."""

from __future__ import annotations

from collections.abc import Iterable


def versions_of(packages: Iterable[str]) -> dict[str, str]:
    """Package -> version, of those that are installed."""
    from importlib import metadata  # imports the email package, which `--help` need not wait for

    found = {}
    for name in packages:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
