"""Compressed pictures in buffers: what a model remembers travels with its weights."""

from __future__ import annotations

import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from PIL import AvifImagePlugin, Image
from torch import Tensor, nn

# Pillow would start threads for every file, which takes longer than to decode a small one; a module
# global is its only way to be told.
AvifImagePlugin.DEFAULT_MAX_THREADS = 1


class Album(nn.Module):
    """Picture files, end to end in one buffer; each is decoded when it is asked for.

    Args:
        count: pictures.
        size: bytes of all of them.
    """

    codes: Tensor
    ends: Tensor

    def __init__(self, count: int, size: int) -> None:
        super().__init__()
        self.register_buffer("codes", torch.zeros(size, dtype=torch.uint8))
        self.register_buffer("ends", torch.zeros(count, dtype=torch.int64))

    def fill(self, files: Sequence[bytes]) -> None:
        """Put files in: as many, and as many bytes, as there is room for."""
        self.codes.copy_(torch.frombuffer(bytearray(b"".join(files)), dtype=torch.uint8))
        self.ends.copy_(torch.tensor([len(file) for file in files]).cumsum(0))

    def picture(self, index: int) -> Tensor:
        """uint8 3 H W."""
        start = int(self.ends[index - 1]) if index else 0
        file = self.codes[start : int(self.ends[index])].cpu().numpy().tobytes()
        with Image.open(io.BytesIO(file)) as image:
            pixels = np.array(image.convert("RGB"))
        return torch.from_numpy(pixels).permute(2, 0, 1)

    def pictures(self, indices: Sequence[int]) -> Tensor:
        """uint8 N 3 H W, of pictures of one size."""
        with ThreadPoolExecutor() as pool:
            return torch.stack(list(pool.map(self.picture, indices)))


def as_file(pixels: np.ndarray, quality: int) -> bytes:
    """uint8 H W 3 -> an AVIF file; `quality` in 0..100."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "AVIF", quality=quality, speed=6)
    return buffer.getvalue()
