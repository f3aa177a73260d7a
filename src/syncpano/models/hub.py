"""Models on the Hugging Face Hub: what is cached, and the download of what is needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

from syncpano import files
from syncpano.errors import RUN_FAILED, SyncPanoError, first_line
from syncpano.models.folder import PARTS, WEIGHT_STEMS, weight_files

TIMEOUT_SECONDS = 5.0
PICKLE = "pytorch_model.bin"
_OFFLINE_HINT = "`--model pocket` and a local folder work offline"


def cached_folder(repo: str, revision: str | None = None) -> Path | None:
    """The complete snapshot of a repository in the Hub's cache; None where there is none.

    The Hub is not asked, so a cached model needs no network and does not change unnoticed.
    """
    folder = _snapshot(repo, revision)
    return folder if folder is not None and _is_complete(folder) else None


def cached_component(repo: str) -> Path | None:
    """The snapshot of a repository that is one single part (config and weights)."""
    folder = _snapshot(repo, None)
    return folder if folder is not None and _has_weights(folder) else None


def download(
    repo: str,
    revision: str | None = None,
    *,
    check: Callable[[Path], object] | None = None,
    progress: bool = True,
) -> Path:
    """Fetch the safetensors, JSON and tokenizer files of a diffusers repository.

    Args:
        check: refuses, by an error, the snapshot of a model that cannot be used; it is called
            before any weights are fetched, and looks at the other files only.
        progress: show a bar on stderr.

    Raises:
        SyncPanoError: the Hub cannot be reached, refuses, or holds no usable model.
    """
    return _download(repo, revision, _wanted, check=check, progress=progress)


def download_component(repo: str, *, progress: bool = True) -> Path:
    """Fetch a repository that is one single part (config and safetensors)."""

    def wanted(listed: list[str]) -> list[str]:
        return ["config.json", *_weights(listed, "")]

    return _download(repo, None, wanted, progress=progress)


def cached_clip(repo: str) -> Path | None:
    """The snapshot of a transformers repository with its weights, a pickle included."""
    folder = _snapshot(repo, None)
    if folder is None:
        return None
    return folder if _has_weights(folder) or files.is_file(folder / PICKLE) else None


def download_clip(repo: str) -> Path:
    """Fetch a network of transformers and its tokenizer; a pickle where there is nothing else."""

    def wanted(listed: list[str]) -> list[str]:
        texts = [name for name in listed if "/" not in name and name.endswith((".json", ".txt"))]
        only_pickle = PICKLE in listed and not any(name.endswith(".safetensors") for name in listed)
        return [*texts, *([PICKLE] if only_pickle else _weights(listed, ""))]

    return _download(repo, None, wanted, progress=True)


def _download(
    repo: str,
    revision: str | None,
    wanted: Callable[[list[str]], list[str]],
    *,
    check: Callable[[Path], object] | None = None,
    progress: bool,
) -> Path:
    from huggingface_hub import HfApi

    with _hub_errors(repo, revision):
        info = HfApi().model_info(repo, revision=revision, timeout=TIMEOUT_SECONDS)
        names = wanted([file.rfilename for file in info.siblings or []])
    if check is not None:
        texts = [name for name in names if not name.endswith(".safetensors")]
        check(_fetch(repo, revision, texts, progress=False))
    return _fetch(repo, revision, names, progress=progress)


def _fetch(repo: str, revision: str | None, names: list[str], *, progress: bool) -> Path:
    """Bring files of a repository into the cache; what is there already is not fetched again."""
    from huggingface_hub import snapshot_download

    with _hub_errors(repo, revision), _bars(progress):
        folder = snapshot_download(
            repo,
            # The branch's name lets the cache remember which commit it stands for.
            revision=revision or "main",
            allow_patterns=names,
            etag_timeout=TIMEOUT_SECONDS,
        )
    return Path(folder)


def _wanted(listed: list[str]) -> list[str]:
    """What a Stable Diffusion model needs of a repository's files; never a pickle."""
    chosen = ["model_index.json"]
    for part in PARTS:
        chosen += [
            name
            for name in listed
            if name.startswith(f"{part}/")
            and name.endswith((".json", ".txt"))
            and ".safetensors.index" not in name
        ]
    for part in ("unet", "vae", "text_encoder"):
        chosen += _weights(listed, f"{part}/")
    return chosen


def _weights(listed: list[str], prefix: str) -> list[str]:
    """One precision of one part's safetensors: full where there is, else fp16; shards included."""
    for suffix in ("", ".fp16"):
        for stem in WEIGHT_STEMS:
            single = f"{prefix}{stem}{suffix}.safetensors"
            if single in listed:
                return [single]
            index = f"{prefix}{stem}.safetensors.index{suffix}.json"
            if index in listed:
                start = f"{prefix}{stem}{suffix}-"
                shards = [
                    name
                    for name in listed
                    if name.startswith(start) and name.endswith(".safetensors")
                ]
                return [index, *shards]
    raise SyncPanoError(
        f"the repository has no safetensors weights for {prefix.rstrip('/') or 'the model'}",
        hint="choose a model that has them: pickles can run code and are not loaded",
    )


def _snapshot(repo: str, revision: str | None) -> Path | None:
    from huggingface_hub.constants import HF_HUB_CACHE

    storage = Path(HF_HUB_CACHE) / f"models--{repo.replace('/', '--')}"
    reference = storage / "refs" / (revision or "main")
    commit = reference.read_text().strip() if files.is_file(reference) else revision
    if commit is None:
        return None
    folder = storage / "snapshots" / commit
    return folder if files.is_folder(folder) else None


def _is_complete(folder: Path) -> bool:
    parts = all(files.is_file(folder / part / file) for part, file in PARTS.items())
    if not parts or not files.is_file(folder / "model_index.json"):
        return False
    return all(_has_weights(folder / part) for part in ("unet", "vae", "text_encoder"))


def _has_weights(part: Path) -> bool:
    """Whether all of them are there: a file that is still being downloaded has no link yet."""
    _, weights = weight_files(part)
    return bool(weights) and all(map(files.is_file, weights))


@contextmanager
def _bars(shown: bool) -> Iterator[None]:
    """Silence the Hub client's progress bars unless they are wanted."""
    from huggingface_hub import utils

    silenced = not shown and not utils.are_progress_bars_disabled()  # type: ignore[attr-defined]
    if silenced:
        utils.disable_progress_bars()  # type: ignore[attr-defined]
    try:
        yield
    finally:
        if silenced:
            utils.enable_progress_bars()  # type: ignore[attr-defined]


@contextmanager
def _hub_errors(repo: str, revision: str | None) -> Iterator[None]:
    """Say in our words what the Hub, the network or the disk refused."""
    from huggingface_hub import errors

    unreachable: tuple[type[Exception], ...] = (
        # The bases are the HTTP library's own error, which connection errors share, and OSError.
        *cast(tuple[type[Exception], ...], errors.HfHubHTTPError.__bases__),
        errors.LocalEntryNotFoundError,
        errors.OfflineModeIsEnabled,
    )
    try:
        yield
    except errors.GatedRepoError as error:
        raise SyncPanoError(
            f"{repo} is gated: its owner wants its licence accepted first",
            hint=f"accept it on the model's page and run `hf auth login`; {_OFFLINE_HINT}",
            exit_code=RUN_FAILED,
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise SyncPanoError(
            f"{repo} does not exist on the Hub, or is private",
            hint=f"check the spelling; {_OFFLINE_HINT}",
        ) from error
    except errors.RevisionNotFoundError as error:
        raise SyncPanoError(
            f"{repo} has no revision {revision!r}", hint="give a branch, a tag or a full commit"
        ) from error
    except errors.HFValidationError as error:
        raise SyncPanoError(f"{repo!r} is no Hub id", hint="a Hub id is `owner/name`") from error
    except unreachable as error:
        raise SyncPanoError(
            f"{repo} is not cached and cannot be fetched from the Hub: {first_line(error)}",
            hint=_OFFLINE_HINT,
            exit_code=RUN_FAILED,
        ) from error
