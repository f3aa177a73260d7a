"""What a run gives: the picture, its log and its latent.

# C latent channels, H W the panorama's latent
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from torch import Tensor

from syncpano import runlog, saving


@dataclass(frozen=True)
class Panorama:
    """A finished panorama.

    Attributes:
        image: RGB.
        log: what made it (schema `syncpano.run/1`, see docs/runlog.md).
        latent: z_0, 1 C H W, float32 on the CPU.
    """

    image: Image.Image
    log: runlog.Log
    latent: Tensor

    def save(self, path: str | Path, *, overwrite: bool = False) -> runlog.Log:
        """Write PNG and run log side by side, each whole; the log as it was written.

        Raises:
            SyncPanoError: a file exists and `overwrite` is False, or cannot be written.
        """
        return saving.save(self.image, self.log, Path(path), overwrite=overwrite)
