"""What `syncpano reproduce` was asked for, and how that is written down. No torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from syncpano import runlog
from syncpano.config import Value
from syncpano.experiments import Experiment
from syncpano.gallery import Exhibition, Painting
from syncpano.metrics.settings import Settings, versions
from syncpano.models.folder import content_hash
from syncpano.models.source import ModelSource

COMMAND_FILE = "command.txt"  # beside an experiment's results: which command made them


@dataclass(frozen=True)
class Request:
    """An experiment, the model and the pictures that it needs.

    Attributes:
        name: the experiment as it was asked for.
        rows, metrics, features, prompts: likewise; None for what the experiment and the model have.
    """

    name: str
    experiment: Experiment
    source: ModelSource
    measured: Sequence[str]
    shown: Sequence[str]
    samples: int
    folder: Path
    settings: Settings
    overrides: dict[str, Value]
    rows: str | None = None
    metrics: str | None = None
    features: str | None = None
    prompts: Path | None = None

    @property
    def command(self) -> str:
        """The command line that repeats it, folders by their names alone."""
        weights = self.settings.loss_weights
        parts = [f"syncpano reproduce {Path(self.name).name}"]
        parts += [f"--rows '{self.rows}'"] if self.rows else []
        parts += [f"--metrics {self.metrics}"] if self.metrics else []
        parts += [f"--features {self.features}"] if self.features else []
        parts += [f"--prompts {self.prompts.name}"] if self.prompts else []
        parts += [f"--samples {self.samples}", f"--pictures {len(self.shown)}"]
        parts.append(f"--references {self.experiment.references}")
        parts += [f"--loss-weights {weights.name}"] if weights else []
        for name, value in self.overrides.items():
            is_flag = name in ("model", "device")
            parts.append(f"--{name} {value}" if is_flag else f"--set {name}={value}")
        return " ".join(parts)


@dataclass(frozen=True)
class Machine:
    """Where the panoramas were painted, from the run logs."""

    devices: tuple[str, ...]
    versions: Mapping[str, str]

    @classmethod
    def of(cls, paintings: Sequence[Painting]) -> Machine:
        """All devices and all versions."""
        logs = [runlog.read(painting.path)["environment"] for painting in paintings]
        devices = dict.fromkeys(f"{log['device_name']} ({log['dtype']})" for log in logs)
        found: dict[str, dict[str, None]] = {}
        for log in logs:
            for package, version in log["versions"].items():
                found.setdefault(package, {})[version] = None
        return cls(tuple(devices), {package: ", ".join(found[package]) for package in found})


def describe(request: Request, exhibition: Exhibition) -> dict[str, Any]:
    """All that one needs to repeat the experiment, for the table and the report."""
    assert request.source.folder is not None
    machine = Machine.of(exhibition.all())
    settings = request.settings
    return {
        "command": request.command,
        "model": request.source.id,
        "model_hash": content_hash(request.source.folder),
        "revision": request.source.revision,
        "device": ", ".join(machine.devices),
        "metrics": list(settings.metrics),
        "features": settings.features,
        "reduction": settings.reduction,
        "giqa_form": settings.giqa_form,
        "base": dict(request.experiment.base),
        "overrides": request.overrides,
        "references": request.experiment.references,
        "versions": {**machine.versions, **versions()},
    }
