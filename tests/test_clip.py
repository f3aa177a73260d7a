"""CLIP score and Inception features: real classes at tiny size, random weights, no network."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from syncpano.errors import BAD_INPUT, SyncPanoError
from syncpano.metrics.clip import ClipScore
from syncpano.metrics.features import InceptionFeatures
from syncpano.metrics.measures import to_tensor
from syncpano.models.layout import WORDS
from tests.conftest import Outcome
from tests.pictures import save, scene
from tests.tiny import tiny_clip

# Antialiased resizing on floats and on 8-bit levels differ by less than a level.
RESIZING = 0.05


@pytest.fixture(scope="module")
def clip_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_clip(tmp_path_factory.mktemp("clip"))


def test_the_score_is_a_hundred_times_the_cosine_of_transformers_own_pipeline(
    clip_folder: Path,
) -> None:
    from transformers import CLIPImageProcessorPil, CLIPModel, CLIPTokenizer

    pixels = scene(1, 1)
    processor = CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size=32)
    model = CLIPModel.from_pretrained(clip_folder).eval()
    tokens = CLIPTokenizer.from_pretrained(clip_folder)(["a waterfall"], return_tensors="pt")
    images = processor(Image.fromarray(pixels), return_tensors="pt")
    with torch.no_grad():
        output = model(**images, **tokens)
    expected = 100 * float((output.image_embeds * output.text_embeds).sum())
    scorer = ClipScore("cpu", str(clip_folder))
    assert scorer(to_tensor([pixels]), "a waterfall") == pytest.approx([expected], abs=RESIZING)
    assert scorer.name.startswith(f"{clip_folder.name}@")


def test_a_clip_that_is_not_there_says_what_works_offline() -> None:
    with pytest.raises(SyncPanoError) as caught:
        ClipScore("cpu", "syncpano/nothing-of-this-name")
    assert "pocket-fit" in caught.value.hint


def test_a_folder_that_holds_no_clip_is_not_looked_for_on_the_hub(tmp_path: Path) -> None:
    with pytest.raises(SyncPanoError, match="cannot be loaded as CLIP") as caught:
        ClipScore("cpu", str(tmp_path))
    assert caught.value.exit_code == BAD_INPUT


def test_a_clip_may_be_in_the_home_folder(
    cli: Callable[..., Outcome],
    clip_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    shutil.copytree(clip_folder, tmp_path / "home" / "clip")
    save(scene(1, 1), Path("a.png"))
    flags = ("--metrics", "clip", "--prompt", "a lake", "--device", "cpu", "-q")
    done = cli("evaluate", "a.png", *flags, "--clip-model", "~/clip")
    assert (done.code, done.err) == (0, "")
    assert "clip@" in done.out


def test_a_damaged_clip_is_an_error(clip_folder: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(clip_folder, tmp_path / "clip")
    (folder / "model.safetensors").write_bytes(b"no tensors")
    with pytest.raises(SyncPanoError, match="cannot be loaded as CLIP"):
        ClipScore("cpu", str(folder))


def test_a_clip_whose_tokenizer_does_not_fit_its_merges_is_an_error(
    clip_folder: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(clip_folder, tmp_path / "clip")
    file = folder / "tokenizer.json"
    model = {"type": "BPE", "vocab": {"a": 0}, "merges": ["no pair"]}
    file.write_text(json.dumps(json.loads(file.read_text()) | {"model": model}))
    with pytest.raises(SyncPanoError, match=r"tokenizer of .* cannot be loaded: "):
        ClipScore("cpu", str(folder))


def test_a_clip_that_lacks_weights_is_refused(clip_folder: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(clip_folder, tmp_path / "clip")
    weights = load_file(folder / "model.safetensors")
    text = {name: tensor for name, tensor in weights.items() if not name.startswith("vision_model")}
    save_file(text, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(
        SyncPanoError, match=r"clip is no whole CLIP: \d+ weights .* vision_model"
    ) as at:
        ClipScore("cpu", str(folder))
    assert at.value.exit_code == BAD_INPUT
    assert "--clip-model" in at.value.hint


def test_a_clip_with_a_weight_of_another_shape_is_refused(
    clip_folder: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(clip_folder, tmp_path / "clip")
    weights = load_file(folder / "model.safetensors")
    weights["visual_projection.weight"] = torch.zeros(3, 3)
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(SyncPanoError, match=r"is no whole CLIP: 1 weights .* visual_projection"):
        ClipScore("cpu", str(folder))


def test_a_clip_without_its_words_is_refused(clip_folder: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(clip_folder, tmp_path / "clip")
    for name in WORDS:
        (folder / name).unlink(missing_ok=True)
    with pytest.raises(SyncPanoError, match=r"is no whole CLIP: tokenizer\.json is missing"):
        ClipScore("cpu", str(folder))


def test_a_text_encoder_of_stable_diffusion_is_no_clip(
    cli: Callable[..., Outcome], tiny_model: Path
) -> None:
    save(scene(1, 1), Path("a.png"))
    folder = tiny_model / "text_encoder"
    flags = ("--metrics", "clip", "--prompt", "a lake", "--clip-model", folder, "--device", "cpu")
    outcome = cli("evaluate", "a.png", *flags, "-q")
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith(f"error: {folder} is no whole CLIP: ")
    assert outcome.err.count("\n") == 3  # and a hint: nothing of what transformers says


@pytest.mark.filterwarnings("ignore:Cannot enable progress bars")
def test_a_clip_of_half_precision_measures_in_float32_and_loads_in_silence(
    clip_folder: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from transformers.utils import logging

    folder = shutil.copytree(clip_folder, tmp_path / "clip")
    weights = load_file(folder / "model.safetensors")
    halves = {name: tensor.half() for name, tensor in weights.items()}
    save_file(halves, folder / "model.safetensors", {"format": "pt"})
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"dtype": "float16"}))
    monkeypatch.setattr(logging, "_tqdm_active", True)  # tests run without bars, people do not
    scorer = ClipScore("cpu", str(folder))
    assert {weight.dtype for weight in scorer._network.parameters()} == {torch.float32}
    assert capfd.readouterr() == ("", "")


def test_of_a_pickle_only_the_tensors_are_read(clip_folder: Path, tmp_path: Path) -> None:
    from transformers import CLIPModel

    folder = shutil.copytree(clip_folder, tmp_path / "clip")
    (folder / "model.safetensors").unlink()
    torch.save(CLIPModel.from_pretrained(clip_folder).state_dict(), folder / "pytorch_model.bin")
    fingerprint = ClipScore("cpu", str(clip_folder)).name.partition("@")[2]
    assert ClipScore("cpu", str(folder)).name.partition("@")[2] == fingerprint
    torch.save({"logit_scale": Path("code that would run")}, folder / "pytorch_model.bin")
    with pytest.raises(SyncPanoError, match="cannot be loaded as CLIP"):
        ClipScore("cpu", str(folder))


def test_inception_that_cannot_be_had_says_what_works_offline(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("torch_fidelity", reason="needs the extra `eval`")
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # nothing listens there
    with pytest.raises(SyncPanoError) as caught:
        InceptionFeatures("cpu")
    assert "--features pocket" in caught.value.hint


@pytest.mark.slow
def test_inception_features_come_from_torchs_cache(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    module = pytest.importorskip(
        "torch_fidelity.feature_extractor_inceptionv3", reason="needs the extra `eval`"
    )
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with contextlib.suppress(Exception), monkeypatch.context() as patched:
        # The real class, stopped where it asks for its weights, tells their names and shapes.
        shapes: dict[str, torch.Tensor] = {}

        def keep(self: torch.nn.Module, *_: object, **__: object) -> None:
            torch.manual_seed(0)
            shapes.update({k: torch.rand(v.shape) * 0.1 for k, v in self.state_dict().items()})

        patched.setattr(module.FeatureExtractorInceptionV3, "load_state_dict", keep)
        patched.setattr(module, "load_state_dict_from_url", lambda *_, **__: {})
        module.FeatureExtractorInceptionV3("inception-v3-compat", ["2048"], verbose=False)
    cached = tmp_path / "hub" / "checkpoints" / Path(module.URL_INCEPTION_V3).name
    cached.parent.mkdir(parents=True)
    torch.save(shapes, cached)
    extractor = InceptionFeatures("cpu")
    crops = to_tensor([scene(1, 1), scene(2, 1)])
    features = extractor(crops)
    assert features.shape == (2, 2048)
    assert extractor.name.startswith("inception-v3@")
    one_by_one = torch.cat([extractor(crop[None]) for crop in crops])
    np.testing.assert_allclose(features, one_by_one, rtol=1e-3, atol=1e-4)
