"""What every stage shares: a clock, a JSON-lines log, checkpoints that survive a kill."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor, nn
from workers import Workers

from syncpano.interrupts import Interrupted, handled
from syncpano.models.precision import cpu_is_fast_at_bfloat16

CHECKPOINT_SECONDS = 180


@dataclass
class Stage:
    """One stage's folder, its budget of training seconds, and what it has already used.

    The clock counts training time over all runs: after a kill the rest of the budget is used. Of
    several workers the first one writes.
    """

    folder: Path
    name: str
    budget: float
    workers: Workers = field(default_factory=Workers)
    spent: float = 0.0
    step: int = 0
    seen: int = 0  # training examples, in the stages that count them
    progress: float = 0.0  # share of the budget that is used, 0..1; the same for all workers
    clock: Callable[[], float] = field(default=time.monotonic, repr=False)  # seconds
    _started: float | None = field(default=None, repr=False)
    _saved: float = field(default=0.0, repr=False)

    @property
    def checkpoint(self) -> Path:
        """The file with the newest complete state."""
        return self.folder / f"{self.name}.checkpoint.pt"

    @property
    def elapsed(self) -> float:
        """Seconds trained so far, earlier runs included."""
        return self.spent + (0.0 if self._started is None else self.clock() - self._started)

    def restore(self, state: dict[str, Any]) -> None:
        """Load the newest checkpoint, if any, into the modules and optimisers of `state`."""
        if not self.checkpoint.exists():
            return
        saved = torch.load(self.checkpoint, map_location="cpu", weights_only=True)
        self.step, self.spent, self.seen = saved["step"], saved["spent"], saved["seen"]
        for name, part in state.items():
            part.load_state_dict(saved["state"][name])

    def save(self, state: dict[str, Any]) -> None:
        """Write all parts to the checkpoint, whole or not at all."""
        self._saved = self.clock()
        if not self.workers.first:
            return
        saved = {
            "step": self.step,
            "spent": self.elapsed,
            "seen": self.seen,
            "state": {name: part.state_dict() for name, part in state.items()},
        }
        partial = self.checkpoint.with_suffix(".partial")
        torch.save(saved, partial)
        partial.replace(self.checkpoint)

    def steps(self, state: dict[str, Any]) -> Iterator[int]:
        """Count steps until the budget is used, saving now and then and at the end.

        Raises:
            Interrupted: a signal that ends a run came, to any worker; the last step is saved.
        """
        self._started = self._saved = self.clock()
        received: list[int] = []
        with handled(lambda number, _: received.append(number)):
            with self._bar() as bar:
                task = bar.add_task(self.name, total=1.0)
                while not self._is_over(received):
                    yield self.step
                    self.step += 1
                    bar.update(task, completed=self.progress)
                    if self.clock() - self._saved > CHECKPOINT_SECONDS:
                        self.save(state)
            self.save(state)
        if received:
            raise Interrupted(received[0])

    def _bar(self) -> Progress:
        columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
        console, hidden = Console(stderr=True), not self.workers.first
        return Progress(*columns, transient=True, console=console, disable=hidden)

    def _is_over(self, received: list[int]) -> bool:
        """Whether the budget is used or a worker received a signal; then all have received it."""
        used = self.elapsed / self.budget if self.budget > 0 else 1.0
        told = max(received, default=0)
        self.progress, stop = self.workers.largest(min(1.0, used), float(told))
        if stop > told:
            received.append(int(stop))
        return self.progress == 1 or stop > 0

    def log(self, **values: float | int | str) -> None:
        """Append one line to the stage's log."""
        if not self.workers.first:
            return
        entry = {"stage": self.name, "step": self.step, "seconds": round(self.elapsed, 1), **values}
        with (self.folder / "log.jsonl").open("a") as file:
            file.write(json.dumps(entry) + "\n")


def saved_steps(folder: Path, stage: str) -> int | None:
    """How many steps a stage's newest checkpoint has done; None where it has none."""
    checkpoint = Stage(folder, stage, 0.0).checkpoint
    if not checkpoint.exists():
        return None
    saved = torch.load(checkpoint, map_location="cpu", weights_only=True, mmap=True)
    return int(saved["step"])


def autocast(device: str) -> torch.autocast:
    """bfloat16 where the device multiplies it itself; emulated, it is a hundred times slower."""
    return torch.autocast(device, torch.bfloat16, device != "cpu" or cpu_is_fast_at_bfloat16())


def add_gradients(
    loss_of: Callable[..., Tensor],
    batch: Sequence[Tensor],
    optimiser: torch.optim.Optimizer,
    at_once: int,
) -> tuple[float, int]:
    """The mean loss of a batch, whose gradients are left in the weights; how many fit at once.

    Where the device's memory is too small for `at_once` examples, half of them are tried: the
    batch stays what it is.

    Args:
        batch: what `loss_of` takes, each with as many rows as there are examples.
    """
    size = len(batch[0])
    while True:
        optimiser.zero_grad()
        total = 0.0
        try:
            for part in zip(*(torch.split(rows, at_once) for rows in batch), strict=True):
                loss = loss_of(*part) * (len(part[0]) / size)
                loss.backward()  # type: ignore[no-untyped-call]  # untyped in torch
                total += loss.item()
            return total, at_once
        except torch.OutOfMemoryError:
            if at_once == 1:
                raise
        at_once = -(-at_once // 2)


class Average:
    """Exponential moving average of a module's weights, with a warm-up of its horizon."""

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.decay = decay
        self.shadow = {k: v.detach().clone().float() for k, v in module.state_dict().items()}

    @torch.no_grad()
    def update(self, module: nn.Module, step: int) -> None:
        """Move the average towards the module's weights."""
        decay = min(self.decay, (1 + step) / (10 + step))
        for name, value in module.state_dict().items():
            if value.is_floating_point():
                self.shadow[name].lerp_(value.float(), 1 - decay)
            else:
                self.shadow[name].copy_(value)

    def state_dict(self) -> dict[str, Any]:
        """The averaged weights, under the module's own names."""
        return self.shadow

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue an average, on the device where it began."""
        for name, value in state.items():
            self.shadow[name].copy_(value)
