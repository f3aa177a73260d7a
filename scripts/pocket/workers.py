"""Processes that train one model together: `torchrun --nproc-per-node 2 train.py ...`.

On a CPU one process a core trains faster than one process with as many threads.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Iterable
from datetime import timedelta

import torch
from torch import distributed, nn

from syncpano.errors import SyncPanoError

LONGEST_STAGE = timedelta(days=2)  # the others wait for the first one's stages


class Workers:
    """This process and its siblings; without torchrun it has none."""

    def __init__(self) -> None:
        self.rank, self.size = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
        if self.size > 1:
            distributed.init_process_group("gloo", timeout=LONGEST_STAGE)
            # Its threads must end before the interpreter does, which aborts otherwise.
            atexit.register(distributed.destroy_process_group)

    @property
    def first(self) -> bool:
        """Whether this is the process that writes files."""
        return self.rank == 0

    def largest(self, *values: float) -> list[float]:
        """Of every value the largest over all processes."""
        if self.size == 1:
            return list(values)
        shared = torch.tensor(values, dtype=torch.float64)
        distributed.all_reduce(shared, distributed.ReduceOp.MAX)
        return shared.tolist()

    def share(self, batch: int) -> int:
        """How many examples of a batch are this process's: the first ones take the remainder.

        Raises:
            SyncPanoError: there are fewer examples than processes.
        """
        if batch < self.size:
            raise SyncPanoError(
                f"{self.size} processes cannot share a batch of {batch}", hint="start fewer"
            )
        return batch // self.size + (self.rank < batch % self.size)

    def average_gradients(self, parameters: Iterable[nn.Parameter], batch: int) -> None:
        """Give every process the mean gradients of a batch that all of them `share`."""
        if self.size == 1:
            return
        gradients = [p.grad for p in parameters if p.grad is not None]
        weight = self.share(batch) * self.size / batch  # 1 where all have as many
        flat = weight * torch.cat([gradient.flatten() for gradient in gradients])
        distributed.all_reduce(flat)
        parts = torch.split(flat / self.size, [gradient.numel() for gradient in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view_as(gradient))

    def wait(self) -> None:
        """Until all processes are here."""
        if self.size > 1:
            distributed.barrier()
