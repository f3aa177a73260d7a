"""SyncDiffusion as a tool: coherent text-to-image panoramas of any width.

    from syncpano import PanoramaConfig, generate

    panorama = generate("A waterfall", width=2048, seed=3)
    panorama.save("waterfall.png")

Importing the package is instant; torch is imported by the first call of `generate`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from syncpano.config import PanoramaConfig
    from syncpano.errors import SyncPanoError
    from syncpano.layers import preset
    from syncpano.panorama import Panorama
    from syncpano.pipeline import Studio, generate

__version__ = "0.1.0"
__all__ = [
    "Panorama",
    "PanoramaConfig",
    "Studio",
    "SyncPanoError",
    "__version__",
    "generate",
    "preset",
]

_HOMES = {
    "Panorama": "syncpano.panorama",
    "PanoramaConfig": "syncpano.config",
    "Studio": "syncpano.pipeline",
    "SyncPanoError": "syncpano.errors",
    "generate": "syncpano.pipeline",
    "preset": "syncpano.layers",
}


def __getattr__(name: str) -> object:
    """Import what is asked for, and only then what it needs."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
