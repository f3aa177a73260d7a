"""Where a model comes from, without torch or diffusers.

A model is an alias, a folder in the diffusers layout, or a Hub id `owner/name`. Only JSON files and
the headers of safetensors files are read here, so that every refusal comes before any weight.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from pathlib import Path

from syncpano import files
from syncpano.errors import SyncPanoError, suggestion
from syncpano.models import hub
from syncpano.models.aliases import ALIASES, Alias
from syncpano.models.layout import Family, Layout, read_description, read_layout

POCKET_FOLDER = Path(__file__).parent.parent / "pocket"
_USABLE = f"{', '.join(ALIASES)}, a Hub id `owner/name` or a local folder"
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")


@dataclass(frozen=True)
class ModelSource:
    """A model that is found, checked and not yet loaded.

    Attributes:
        id: what a user would type to get it again: an alias, a Hub id or a folder.
        folder: its files; None where it is not downloaded.
        revision: the Hub commit; None for a local folder and the embedded model.
        family: "pocket" for the pocket model's autoencoder, "sd" for Stable Diffusion 1.x and 2.x.
        window: side of the native window in latent cells (the UNet's `sample_size`).
        vae_factor: image pixels per latent cell.
        latent_channels: channels of the latent.
        licence: of the weights, as far as it is known.
        trained_steps: timesteps of the noise schedule that it was trained on.
        clips: whether its schedule clips foreseen latents, which only DDIM can.
        has_refiner: whether a network of its own can draw the details after sampling.
    """

    id: str
    folder: Path | None
    revision: str | None
    family: Family
    window: int
    vae_factor: int
    latent_channels: int
    licence: str
    trained_steps: int
    clips: bool
    has_refiner: bool


@dataclass(frozen=True)
class ModelEntry:
    """One line of `syncpano models`: an alias and whether it is at hand.

    Attributes:
        alias: the short name.
        repo: the Hub id; None for the embedded model.
        licence: of the weights.
        about: one phrase.
        download_bytes: what a download takes; 0 for the embedded model.
        folder: where it lies; None where it is not downloaded.
    """

    alias: str
    repo: str | None
    licence: str
    about: str
    download_bytes: int
    folder: Path | None


def resolve_source(
    model: str, revision: str | None = None, *, download: bool, progress: bool = True
) -> ModelSource:
    """Find a model and check that it can be used.

    Args:
        model: an alias, a folder or a Hub id.
        revision: branch, tag or commit of a Hub repository.
        download: fetch what is not cached. Without it an alias that is not cached gives a source
            whose folder is None. What is cached is used as it is, without asking the Hub.
        progress: show a bar on stderr while fetching.

    Raises:
        SyncPanoError: unknown model, no model in the folder, an unsupported architecture, damaged
            or missing weights, the Hub cannot be reached or refuses.
    """
    if _is_local(model):
        if revision is not None:
            raise SyncPanoError(
                f"revision {revision!r} means nothing for {model}",
                hint="only models on the Hub have revisions",
            )
        return _local_source(model)
    alias = ALIASES.get(model)
    repo = _repo(model, alias)
    folder = hub.cached_folder(repo, revision)
    if folder is None and download:
        folder = _download(model, repo, revision, progress=progress)
    if folder is None:
        return _unfetched(model, alias)
    # A snapshot's folder is named by its commit.
    return _source(model, folder, folder.name, alias.licence if alias else "see its model card")


def resolve_early(
    model: str, revision: str | None = None, *, download: bool = True, progress: bool = True
) -> ModelSource:
    """`resolve_source` for checks before the download: of an alias they need no file."""
    return resolve_source(
        model, revision, download=download and model not in ALIASES, progress=progress
    )


def pull(model: str, revision: str | None = None, *, progress: bool = True) -> ModelSource:
    """Fetch a model from the Hub, or what is new of it, and check it.

    Raises:
        SyncPanoError: as `resolve_source`; also a model that is not on the Hub.
    """
    there = ", ".join(alias.name for alias in ALIASES.values() if alias.repo)
    usable = f"{there} or a Hub id `owner/name`"
    if _is_local(model):
        what = "comes with syncpano" if model in ALIASES else "is a path"
        raise SyncPanoError(
            f"{model} {what}: `models pull` fetches from the Hub", hint=f"use {usable}"
        )
    repo = _repo(model, ALIASES.get(model), usable)
    _download(model, repo, revision, progress=progress)
    return resolve_source(model, revision, download=False)


def list_models() -> list[ModelEntry]:
    """Every alias and whether it is at hand. The Hub is not asked."""
    return [
        ModelEntry(
            alias=alias.name,
            repo=alias.repo,
            licence=alias.licence,
            about=alias.about,
            download_bytes=alias.download_bytes,
            folder=hub.cached_folder(alias.repo) if alias.repo else _pocket_folder(),
        )
        for alias in ALIASES.values()
    ]


def comes_from_hub(model: str) -> bool:
    """Whether a model is one that would be fetched, by its alias or its id."""
    repo = ALIASES[model].repo if model in ALIASES else model
    return not _is_local(model) and repo is not None and _HUB_ID.fullmatch(repo) is not None


def _is_local(model: str) -> bool:
    """Whether a model is embedded or meant as a folder: no alias, and there, or like a path."""
    if model in ALIASES:
        return ALIASES[model].repo is None
    path = Path(model)
    looks_like_one = model.startswith((".", "/", "~", "\\"))
    return looks_like_one or (model != "" and (files.is_folder(path) or files.is_file(path)))


def _pocket_folder() -> Path | None:
    return POCKET_FOLDER if (POCKET_FOLDER / "model_index.json").is_file() else None


def _local_source(model: str) -> ModelSource:
    if model != "pocket":
        return _source(model, files.expanded(model), None, "unknown")
    folder = _pocket_folder()
    if folder is None:
        raise SyncPanoError(
            "this installation carries no pocket model",
            hint="reinstall syncpano, or use `--model sd2` or a local folder",
        )
    return _source(model, folder, None, ALIASES["pocket"].licence)


def _source(model: str, folder: Path, revision: str | None, licence: str) -> ModelSource:
    layout = read_layout(folder, model)
    return ModelSource(
        id=model, folder=folder, revision=revision, licence=licence, **asdict(layout)
    )


def _download(model: str, repo: str, revision: str | None, *, progress: bool) -> Path:
    """Fetch a model, whose weights are gigabytes, only if its description says that it works."""
    return hub.download(
        repo, revision, check=lambda folder: read_description(folder, model), progress=progress
    )


def _unfetched(model: str, alias: Alias | None) -> ModelSource:
    if alias is None:
        raise SyncPanoError(
            f"{model} is not downloaded, so its window size is unknown",
            hint=f"run `syncpano models pull {model}` first",
        )
    layout = Layout(
        "sd",
        alias.window,
        alias.vae_factor,
        alias.latent_channels,
        alias.trained_steps,
        clips=False,
        has_refiner=False,
    )
    return ModelSource(
        id=model, folder=None, revision=None, licence=alias.licence, **asdict(layout)
    )


def _repo(model: str, alias: Alias | None, usable: str = _USABLE) -> str:
    repo = alias.repo if alias else model
    if repo is not None and _HUB_ID.fullmatch(repo):
        return repo
    raise SyncPanoError(
        f"unknown model {model[:80]!r}",
        hint=suggestion(model[:80], ALIASES) or f"use {usable}",
    )
