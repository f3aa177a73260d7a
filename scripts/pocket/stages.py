"""The stages of training: what each needs to be there, and what it makes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from syncpano.errors import SyncPanoError

READERS = "readers"  # no folder: the text stage's checkpoint has them, and so has a refiner


@dataclass(frozen=True)
class StageParts:
    """Parts of a model, by their folders' names.

    Attributes:
        trains: the part that takes time of the budget; empty where nothing is trained.
    """

    needs: Sequence[str] = ()
    makes: Sequence[str] = ()
    trains: str = ""


_READING = ("tokenizer", "text_encoder")
STAGES = {
    "renders": StageParts(),
    "tokenizer": StageParts((), ("tokenizer",)),
    "text": StageParts(("tokenizer",), ("text_encoder", READERS), "text_encoder"),
    "transform": StageParts((), ("vae", "vae_tiny")),
    "perceptual": StageParts((), ("perceptual",), "perceptual"),
    "judge": StageParts((), ("features",), "features"),
    "refiner": StageParts(("text_encoder", READERS, "vae"), ("refiner",)),
    "diffusion": StageParts((*_READING, "vae"), ("unet", "scheduler"), "unet"),
    "fine": StageParts((*_READING, "vae", "unet"), ("unet",)),
}
SHARED = ("diffusion",)  # the stages that several workers train together


def timed(stages: Iterable[str]) -> list[str]:
    """Those of the stages that a budget is for."""
    return [stage for stage in stages if STAGES[stage].trains]


def check_stages(stages: Sequence[str], present: Collection[str], folder: Path) -> None:
    """Refuse stages that would not find what they need.

    Args:
        stages: in the order in which they run.
        present: the parts that are there already.

    Raises:
        SyncPanoError: a part that a stage needs is neither there nor made by one before it.
    """
    there = set(present)
    if "refiner" in there or (folder / "text.checkpoint.pt").exists():
        there.add(READERS)
    for name in stages:
        missing = [part for part in STAGES[name].needs if part not in there]
        if missing:
            before = [m for m in STAGES if m != name and set(STAGES[m].makes) & set(missing)]
            raise SyncPanoError(
                f"{folder} has no {', '.join(missing)}, which the stage {name} needs",
                hint=f"made by --stages {' '.join(before)}",
            )
        there.update(STAGES[name].makes)
