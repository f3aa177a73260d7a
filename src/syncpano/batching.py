"""Run a function over many windows in batches that fit the memory; say what stops a run."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch
from torch import Tensor

from syncpano.errors import OUT_OF_MEMORY, RUN_FAILED, SyncPanoError, first_line

logger = logging.getLogger(__name__)
Result = TypeVar("Result", bound=tuple[Tensor, ...])


class Batcher:
    """Splits N windows into even batches of at most `size`, halved when memory runs out."""

    def __init__(self, size: int) -> None:
        assert size >= 1
        self.size = size

    def __call__(self, function: Callable[[Tensor], Result], views: Tensor) -> Result:
        """Apply `function` to slices of `views` (N ...); concatenate each of its results.

        Raises:
            torch.OutOfMemoryError, RuntimeError: a single window does not fit.
        """
        results: list[Result] = []
        start = 0
        while start < len(views):
            left = len(views) - start
            batch = views[start : start + -(-left // -(-left // self.size))]  # 20 by 16: 10 and 10
            try:
                result = function(batch)
            except RuntimeError as error:
                if len(batch) == 1 or not is_out_of_memory(error):
                    raise
                result = None
            # Outside `except`, where the error no longer keeps the failed batch's tensors alive.
            if result is None:
                self._halve(len(batch))
                continue
            results.append(result)
            start += len(batch)
        return tuple(torch.cat(column) for column in zip(*results, strict=True))  # type: ignore[return-value]

    def _halve(self, failed: int) -> None:
        self.size = (failed + 1) // 2
        logger.warning("out of memory with %d windows at once: going on with %d", failed, self.size)
        free_cache()


@contextmanager
def fitting(what: str, hint: str) -> Iterator[None]:
    """Say what does not fit, and what to do, where memory runs out.

    Raises:
        SyncPanoError: it does.
    """
    try:
        yield
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        raise SyncPanoError(
            f"{what} does not fit into memory", hint=hint, exit_code=RUN_FAILED
        ) from error


@contextmanager
def compiling(what: str, *, wanted: bool) -> Iterator[None]:
    """Say what cannot be compiled where torch.compile gives up, if it was `wanted`.

    Raises:
        SyncPanoError: it gave up, as it would for every other picture.
    """
    if not wanted:
        yield
        return
    from torch._dynamo.exc import TorchDynamoException  # what torch.compile imports: a second

    try:
        yield
    except TorchDynamoException as error:
        raise SyncPanoError(
            f"{what} cannot be compiled: {first_line(error)}",
            hint="install g++, or leave `--compile` out",
        ) from error


def free_cache() -> None:
    """Give back what an allocator keeps of tensors that are gone."""
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    elif torch.backends.mps.is_available():
        torch.mps.empty_cache()


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether an error says so; allocators other than CUDA's raise a plain RuntimeError."""
    words = str(error).lower()
    return isinstance(error, torch.OutOfMemoryError) or any(sign in words for sign in OUT_OF_MEMORY)
