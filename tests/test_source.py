"""Finding models: what is accepted, what is refused, and how fast; no network, no weights read."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from syncpano.config import PanoramaConfig
from syncpano.errors import BAD_INPUT, RUN_FAILED, SyncPanoError
from syncpano.fingerprints import model_fingerprint
from syncpano.models import hub
from syncpano.models.aliases import ALIASES
from syncpano.models.folder import content_hash
from syncpano.models.source import POCKET_FOLDER, list_models, pull, resolve_source
from syncpano.models.tiny_decoder import tiny_decoder_folder
from syncpano.resolving import gradient_decoder_of

SECONDS = 10.0


@pytest.fixture
def copied(tiny_model: Path, tmp_path: Path) -> Path:
    """A copy of the tiny checkpoint to spoil."""
    return Path(shutil.copytree(tiny_model, tmp_path / "copied"))


def edit(path: Path, **changes: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_a_folder_says_its_own_geometry(tiny_model: Path) -> None:
    source = resolve_source(str(tiny_model), download=False)
    assert (source.family, source.window, source.vae_factor) == ("sd", 8, 8)
    assert (source.latent_channels, source.trained_steps, source.clips) == (4, 1000, False)
    assert (source.folder, source.revision) == (tiny_model, None)


@pytest.mark.parametrize("alias", ["sd2", "sd1.5"])
def test_an_alias_that_is_not_cached_has_a_geometry_and_no_folder(alias: str) -> None:
    source = resolve_source(alias, download=False)
    assert source.folder is None
    assert (source.window, source.vae_factor, source.latent_channels) == (64, 8, 4)


def test_finding_a_model_imports_no_torch() -> None:
    code = (
        "import sys; from syncpano.models.source import list_models, resolve_source;"
        "resolve_source('sd2', download=False); list_models();"
        "assert not {'torch', 'diffusers', 'transformers'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("model", "words", "hint"),
    [
        ("pokcet", "unknown model", "pocket"),
        ("nothing", "unknown model", "owner/name"),
        ("x\0y", "unknown model", "owner/name"),
        ("a" * 10_000, "unknown model", "owner/name"),
        ("a/b/c", "unknown model", "owner/name"),
        ("", "unknown model", "owner/name"),
        ("./nowhere", "no such folder", "diffusers folder"),
        (".", "no model_index.json", "diffusers layout"),
        ("someone/something", "not downloaded", "models pull"),
    ],
)
def test_what_is_no_model_is_refused(model: str, words: str, hint: str) -> None:
    with pytest.raises(SyncPanoError, match=words) as refused:
        resolve_source(model, download=False)
    assert hint in refused.value.hint
    assert refused.value.exit_code == BAD_INPUT
    assert len(refused.value.message) < 200


def remove_weights(folder: Path) -> None:
    (folder / "unet" / "diffusion_pytorch_model.safetensors").unlink()


def leave_a_pickle(folder: Path) -> None:
    remove_weights(folder)
    (folder / "unet" / "diffusion_pytorch_model.bin").write_bytes(b"\x80\x04.")


def truncate(folder: Path) -> None:
    file = folder / "vae" / "diffusion_pytorch_model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])


def cut_the_header(folder: Path) -> None:
    file = folder / "vae" / "diffusion_pytorch_model.safetensors"
    file.write_bytes(file.read_bytes()[:100])


def fill_with_zeros(folder: Path) -> None:
    (folder / "vae" / "diffusion_pytorch_model.safetensors").write_bytes(b"\0" * 5000)


WEIGHTS = "diffusion_pytorch_model.safetensors"


def name_a_list_as_a_shard(folder: Path) -> None:
    (folder / "unet" / WEIGHTS).unlink()
    (folder / "unet" / f"{WEIGHTS}.index.json").write_text('{"weight_map": {"x": ["y"]}}')


def say_of_a_tensor(folder: Path, **entry: object) -> None:
    header = json.dumps({"x": entry}).encode()
    (folder / "vae" / WEIGHTS).write_bytes(len(header).to_bytes(8, "little") + header)


SPOILED: list[tuple[Callable[[Path], None], str]] = [
    (remove_weights, "unet has no weights"),
    (leave_a_pickle, "only as a pickle"),
    (truncate, "damaged: it has .* bytes where its header promises"),
    (cut_the_header, "it is cut off"),
    (fill_with_zeros, "damaged"),
    (name_a_list_as_a_shard, "names something as a file"),
    (lambda f: say_of_a_tensor(f, data_offsets=[0, 0]), "cannot be read .'shape' is missing"),
    (lambda f: say_of_a_tensor(f, data_offsets=[0, 0], shape=["a"]), "no list of numbers"),
    (lambda f: shutil.rmtree(f / "tokenizer"), "tokenizer/tokenizer_config.json is missing"),
    (lambda f: (f / "tokenizer/tokenizer.json").unlink(), "tokenizer/tokenizer.json is missing"),
    (lambda f: edit(f / "unet/config.json", sample_size=None), "sample_size = None"),
    (lambda f: edit(f / "unet/config.json", in_channels=9), "not a text-to-image model"),
    (lambda f: edit(f / "unet/config.json", addition_embed_type="text_time"), "conditioning"),
    (lambda f: edit(f / "unet/config.json", time_cond_proj_dim=256), "time_cond_proj_dim"),
    (lambda f: edit(f / "unet/config.json", num_class_embeds=10), "num_class_embeds"),
    (lambda f: edit(f / "unet/config.json", class_embed_type="timestep"), "class_embed_type"),
    (lambda f: edit(f / "unet/config.json", encoder_hid_dim_type="image_proj"), "hid_dim_type"),
    (lambda f: edit(f / "vae/config.json", _class_name="VQModel"), "VQModel"),
    (lambda f: edit(f / "scheduler/scheduler_config.json", prediction_type="flow"), "'flow'"),
    (
        lambda f: edit(f / "scheduler/scheduler_config.json", _class_name="FlowMatchEuler"),
        "a FlowMatchEuler schedule",
    ),
    (lambda f: edit(f / "scheduler/scheduler_config.json", thresholding=True), "thresholds"),
    (
        lambda f: edit(f / "scheduler/scheduler_config.json", rescale_betas_zero_snr=True),
        "ends in pure noise",
    ),
    (lambda f: edit(f / "scheduler/scheduler_config.json", beta_schedule="exp"), "'exp'"),
    (lambda f: edit(f / "scheduler/scheduler_config.json", timestep_spacing="log"), "'log'"),
    (lambda f: edit(f / "scheduler/scheduler_config.json", trained_betas=[0.1]), "another length"),
    (lambda f: edit(f / "unet/config.json", out_channels=8), "has out_channels 8"),
    (lambda f: edit(f / "unet/config.json", cross_attention_dim=7), "has cross_attention_dim 7"),
    (lambda f: edit(f / "model_index.json", text_encoder_2=["a", "b"]), "not supported yet"),
    (lambda f: edit(f / "model_index.json", transformer=["a", "b"]), "not supported yet"),
    (lambda f: (f / "unet/config.json").write_text("[1]"), "no JSON object"),
    (lambda f: (f / "unet/config.json").write_text("[" * 100_000), "cannot be read"),
    (lambda f: (f / "unet/config.json").write_bytes(b"\xff\xfe"), "cannot be read"),
]


@pytest.mark.parametrize(("spoil", "words"), SPOILED, ids=[words for _, words in SPOILED])
def test_a_damaged_or_foreign_folder_is_refused(
    copied: Path, spoil: Callable[[Path], None], words: str
) -> None:
    spoil(copied)
    with pytest.raises(SyncPanoError, match=words) as refused:
        resolve_source(str(copied), download=False)
    assert refused.value.hint


def test_sharded_and_half_precision_weights_are_found(copied: Path) -> None:
    plain = copied / "unet" / "diffusion_pytorch_model.safetensors"
    plain.rename(copied / "unet" / "diffusion_pytorch_model-00001-of-00001.safetensors")
    index = {"weight_map": {"x": "diffusion_pytorch_model-00001-of-00001.safetensors"}}
    (copied / "unet" / "diffusion_pytorch_model.safetensors.index.json").write_text(
        json.dumps(index)
    )
    vae = copied / "vae" / "diffusion_pytorch_model.safetensors"
    vae.rename(vae.with_name("diffusion_pytorch_model.fp16.safetensors"))
    assert resolve_source(str(copied), download=False).folder == copied


def test_the_content_hash_follows_the_weights(copied: Path, tiny_model: Path) -> None:
    before = content_hash(copied)
    assert before == content_hash(tiny_model)
    file = copied / "vae" / "diffusion_pytorch_model.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(bytes(content))
    assert content_hash(copied) != before


def test_of_a_small_decoder_only_what_is_loaded_decides_the_pixels(copied: Path) -> None:
    source = resolve_source(str(copied), download=False)
    alone = model_fingerprint(source)
    tiny = copied / "vae_tiny"
    shutil.copytree(copied / "vae", tiny)
    before = model_fingerprint(source)
    (tiny / ".cache").mkdir()
    (tiny / "old.json").mkdir()
    (tiny / "README.md").write_text("read")
    assert model_fingerprint(source) == before != alone
    edit(tiny / "config.json", scaling_factor=2)
    assert model_fingerprint(source) != before
    shutil.copy(copied / "vae" / "config.json", tiny)
    assert model_fingerprint(source) == before
    (tiny / WEIGHTS).write_bytes(b"other")
    assert model_fingerprint(source) != before


def test_a_revision_is_for_the_hub_only(tiny_model: Path) -> None:
    with pytest.raises(SyncPanoError, match="revision 'v2'"):
        resolve_source(str(tiny_model), "v2", download=False)


def test_offline_an_uncached_model_fails_within_seconds_and_says_what_works() -> None:
    started = time.monotonic()
    with pytest.raises(SyncPanoError, match="cannot be fetched") as failed:
        resolve_source("sd2", download=True)
    assert time.monotonic() - started < SECONDS
    assert "--model pocket" in failed.value.hint
    assert failed.value.exit_code == RUN_FAILED


def test_an_unreachable_hub_fails_within_seconds() -> None:
    """A refused connection, in a process of its own: the client reads its endpoint at import."""
    code = """
import os, sys
os.environ["HF_HUB_OFFLINE"] = "0"
os.environ["HF_ENDPOINT"] = "http://127.0.0.1:9"
from syncpano.errors import SyncPanoError
from syncpano.models.source import pull
try:
    pull("someone/something")
except SyncPanoError as error:
    sys.exit(0 if "cannot be fetched" in error.message and error.hint else 1)
sys.exit(2)
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=SECONDS * 3)


@pytest.fixture
def cached(tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The tiny checkpoint in a Hub cache as `sd2`, of commit 111...; gives the snapshot."""
    storage = tmp_path / "hub" / "models--sd2-community--stable-diffusion-2-base"
    commit = "1" * 40
    shutil.copytree(tiny_model, storage / "snapshots" / commit)
    (storage / "refs").mkdir()
    (storage / "refs" / "main").write_text(commit)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    return storage / "snapshots" / commit


def test_a_cached_model_is_used_without_the_network_and_tells_its_commit(cached: Path) -> None:
    source = resolve_source("sd2", download=True)
    assert (source.folder, source.revision) == (cached, "1" * 40)
    assert source.licence == ALIASES["sd2"].licence
    assert source.window == 8  # of the files, not of the alias
    assert resolve_source("sd2", "1" * 40, download=False).folder == cached


def test_an_incomplete_download_is_not_taken_for_a_model(cached: Path) -> None:
    (cached / "unet" / "diffusion_pytorch_model.safetensors").unlink()
    assert resolve_source("sd2", download=False).folder is None


def test_the_list_of_models_knows_what_is_cached(cached: Path) -> None:
    folders = {entry.alias: entry.folder for entry in list_models()}
    assert set(folders) == {"pocket", "sd2", "sd1.5"}
    assert folders["sd2"] == cached
    assert folders["sd1.5"] is None


def test_a_shard_that_is_still_being_fetched_is_missing(tmp_path: Path) -> None:
    shards = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
    index = {"weight_map": dict(zip("ab", shards, strict=True))}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    found = []
    for shard in shards:
        found.append(hub._has_weights(tmp_path))
        (tmp_path / shard).touch()
    assert [*found, hub._has_weights(tmp_path)] == [False, False, True]


def test_only_safetensors_json_and_tokenizer_files_are_fetched() -> None:
    stems = ("unet/diffusion_pytorch_model", "vae/diffusion_pytorch_model", "text_encoder/model")
    weights = [f"{stem}.safetensors" for stem in stems]
    needed = [
        "model_index.json",
        "unet/config.json",
        "vae/config.json",
        "text_encoder/config.json",
        "tokenizer/vocab.json",
        "tokenizer/merges.txt",
        "scheduler/scheduler_config.json",
    ]
    useless = [f"{stem}{end}" for stem in stems for end in (".bin", ".fp16.safetensors")]
    useless += ["sd.ckpt", "sd.safetensors", "README.md", "safety_checker/model.safetensors"]
    assert set(hub._wanted(needed + useless + weights)) == {*needed, *weights}


def test_a_repository_with_pickles_only_is_refused() -> None:
    with pytest.raises(SyncPanoError, match="no safetensors"):
        hub._wanted(["model_index.json", "unet/diffusion_pytorch_model.bin"])


def test_what_is_local_cannot_be_pulled(tiny_model: Path) -> None:
    for model, what in (
        ("pocket", "comes with syncpano"),
        (str(tiny_model), "is a path"),
        ("./nothere", "is a path"),
    ):
        with pytest.raises(SyncPanoError) as caught:
            pull(model)
        assert caught.value.message == f"{model} {what}: `models pull` fetches from the Hub"
        assert caught.value.hint == "use sd2, sd1.5 or a Hub id `owner/name`"


def test_the_tiny_decoder_is_the_folders_own_or_taesd(copied: Path) -> None:
    source = resolve_source(str(copied), download=False)
    assert tiny_decoder_folder(source, download=False) is None  # TAESD fits and is not cached
    shutil.copytree(copied / "vae", copied / "vae_tiny")
    assert tiny_decoder_folder(source, download=False) == copied / "vae_tiny"


def test_the_gradient_takes_the_full_decoder_of_a_pocket_model_without_a_small_one(
    tmp_path: Path,
) -> None:
    folder = shutil.copytree(POCKET_FOLDER, tmp_path / "pocket")
    config, copied = PanoramaConfig("A waterfall"), str(folder)
    assert gradient_decoder_of(config, resolve_source("pocket", download=False)) == "tiny"
    shutil.rmtree(folder / "vae_tiny")
    assert gradient_decoder_of(config, resolve_source(copied, download=False)) == "full"
