"""Where the small decoder of the gradient path lies. No torch.

A model folder may bring its own in `vae_tiny/`; Stable Diffusion's is TAESD on the Hub.
"""

from __future__ import annotations

from pathlib import Path

from syncpano import files
from syncpano.errors import SyncPanoError
from syncpano.models import hub
from syncpano.models.folder import require_weights
from syncpano.models.source import ModelSource

TAESD = "madebyollin/taesd"  # MIT


def own_tiny_decoder(source: ModelSource) -> Path | None:
    """The folder of the small decoder that the model itself brings along, if it does."""
    if source.folder is None or not files.is_file(source.folder / "vae_tiny" / "config.json"):
        return None
    return source.folder / "vae_tiny"


def tiny_decoder_folder(source: ModelSource, *, download: bool) -> Path | None:
    """The folder of the small decoder; None where it is not cached and `download` is False.

    Raises:
        SyncPanoError: there is none for this model, it is damaged, or the Hub cannot be reached.
    """
    own = own_tiny_decoder(source)
    if own is not None:
        require_weights(own, source.id)
        return own
    if source.family != "sd" or (source.vae_factor, source.latent_channels) != (8, 4):
        raise SyncPanoError(
            f"{source.id} has no small decoder",
            hint="use `--gradient-decoder full`, or add one as vae_tiny/ in the model folder",
        )
    folder = hub.cached_component(TAESD)
    if folder is None and download:
        folder = hub.download_component(TAESD)
    return folder
