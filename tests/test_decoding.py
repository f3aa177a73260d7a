"""Long panoramas decode in tiles that show no seam, and loops close in pixels."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from syncpano.models.decoding import decode_tiled
from syncpano.models.load import load_model
from syncpano.models.source import resolve_source
from syncpano.models.stable_diffusion import LatentDiffusion
from tests.tiny import tiny_checkpoint

WINDOW, FACTOR = 8, 4
EXACT = 1e-5
# Group normalisation and attention see their tile alone. On random weights and latents of noise,
# where no tile is like the whole, this is what that does to pixels whose deviation is 0.3.
MEAN_EFFECT, LARGEST_EFFECT = 0.05, 1.0


@pytest.fixture(scope="module")
def convolutions() -> nn.Module:
    """A decoder without any global operation, which sees two cells to each side."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(
            nn.Conv2d(4, 16, 3, padding=1),
            nn.SiLU(),
            nn.Conv2d(16, 3 * FACTOR**2, 3, padding=1),
            nn.PixelShuffle(FACTOR),
        ).requires_grad_(False)


def latent(height: int, width: int) -> Tensor:
    return torch.randn((1, 4, height, width), generator=torch.Generator().manual_seed(0))


@given(st.integers(8, 40), st.integers(8, 60))
def test_an_open_panorama_decodes_as_in_one_piece(
    convolutions: nn.Module, height: int, width: int
) -> None:
    z = latent(height, width)
    tiled = decode_tiled(z, convolutions, WINDOW, FACTOR, loop=False)
    torch.testing.assert_close(tiled, convolutions(z), atol=EXACT, rtol=0)


@given(st.integers(8, 60), st.integers(0, 60))
def test_a_decoded_loop_rotates_with_its_latent(
    convolutions: nn.Module, width: int, shift: int
) -> None:
    z = latent(8, width)
    straight = decode_tiled(z, convolutions, WINDOW, FACTOR, loop=True)
    turned = decode_tiled(z.roll(shift, -1), convolutions, WINDOW, FACTOR, loop=True)
    torch.testing.assert_close(turned, straight.roll(shift * FACTOR, -1), atol=EXACT, rtol=0)


@given(st.integers(8, 60))
def test_no_tile_is_longer_than_three_windows_however_long_the_panorama(width: int) -> None:
    sizes: list[int] = []

    def decode(tile: Tensor) -> Tensor:
        sizes.append(tile.shape[-1])
        return tile[:, :3].repeat_interleave(FACTOR, -1).repeat_interleave(FACTOR, -2)

    for loop in (False, True):
        decode_tiled(latent(8, width), decode, WINDOW, FACTOR, loop=loop)
    assert max(sizes) <= 3 * WINDOW


@pytest.mark.parametrize(("limit", "tries"), [(9, 1), (5, 2), (3, 3), (1, 4)])
def test_a_tile_that_does_not_fit_is_decoded_in_smaller_ones(
    convolutions: nn.Module, limit: int, tries: int, caplog: pytest.LogCaptureFixture
) -> None:
    def decode(tile: Tensor) -> Tensor:
        if tile[0, 0].numel() > limit * WINDOW**2:  # windows
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate")
        return convolutions(tile)  # type: ignore[no-any-return]

    z = latent(24, 40)
    tiled = decode_tiled(z, decode, WINDOW, FACTOR, loop=False)
    torch.testing.assert_close(tiled, convolutions(z), atol=EXACT, rtol=0)
    assert len(caplog.records) == tries - 1


def test_a_window_that_does_not_fit_cannot_be_decoded() -> None:
    def decode(tile: Tensor) -> Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate")

    with pytest.raises(torch.OutOfMemoryError):
        decode_tiled(latent(8, 8), decode, WINDOW, FACTOR, loop=True)


@pytest.fixture(scope="module", params=[False, True], ids=["without_attention", "with_attention"])
def model(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> LatentDiffusion:
    folder: Path = tmp_path_factory.mktemp("decoders") / str(request.param)
    tiny_checkpoint(folder, attention=request.param)
    return load_model(resolve_source(str(folder), download=False), "cpu", "float32")


def test_the_edge_of_a_decoded_loop_is_as_rough_as_the_same_place_inside(
    model: LatentDiffusion,
) -> None:
    z = torch.nn.functional.interpolate(latent(4, 16), scale_factor=2.0, mode="bilinear")
    z = (z + z.roll(16, -1)) / 2

    def step_before(column: int, latent: Tensor, *, loop: bool) -> float:
        image = model.decode_panorama(latent, loop=loop)
        return float((image[..., column] - image[..., column - 1]).abs().mean())

    inside = step_before(16 * model.vae_factor, z.roll(16, -1), loop=True)
    assert step_before(0, z, loop=True) == pytest.approx(inside, rel=0.2)
    assert step_before(0, z, loop=False) != pytest.approx(inside, rel=0.2)


def test_a_real_decoder_rotates_with_its_latent_nearly(model: LatentDiffusion) -> None:
    z, shift = latent(8, 40), 12
    straight = model.decode_panorama(z, loop=True)
    turned = model.decode_panorama(z.roll(shift, -1), loop=True)
    difference = (turned - straight.roll(shift * model.vae_factor, -1)).abs()
    assert difference.mean() < MEAN_EFFECT
    assert difference.max() < LARGEST_EFFECT


def test_tiles_of_a_real_decoder_stay_near_the_whole(model: LatentDiffusion) -> None:
    z = latent(8, 48)
    whole = model.decode(z, model._parts.vae).detach()
    difference = (model.decode_panorama(z) - whole).abs()
    assert difference.mean() < MEAN_EFFECT
    assert difference.max() < LARGEST_EFFECT
