"""What `syncpano reproduce` was asked for, and how that is written down. No torch."""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from syncpano import files, runlog
from syncpano.config import Value
from syncpano.errors import SyncPanoError
from syncpano.experiments.gallery import Curator, Exhibition, Painting, naming
from syncpano.experiments.spec import OF_COMMAND, Experiment, config_of
from syncpano.files import digest_of, short_name
from syncpano.fingerprints import model_fingerprint
from syncpano.metrics.settings import CLIP_MODEL, PACKAGES, Settings
from syncpano.models.folder import content_hash
from syncpano.models.source import ModelSource
from syncpano.plan import plan
from syncpano.versions import versions_of

COMMAND_FILE = "command.txt"  # beside an experiment's results: which command made them
RESULTS = ("table.*", "plot.png", "grid-*.png", "report.html")


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
    folder: Path
    settings: Settings
    overrides: dict[str, Value]
    rows: str | None = None
    metrics: str | None = None
    features: str | None = None
    prompts: Path | None = None

    @property
    def panoramas(self) -> Path:
        """Where they are kept, for all experiments of the same folder."""
        return self.folder / "panoramas"

    @property
    def results(self) -> Path:
        """Where its tables, plots, grids and report go."""
        return self.folder / self.experiment.name

    def exhibition(self) -> Exhibition:
        """All panoramas that it needs.

        Raises:
            SyncPanoError: a row cannot work with the model.
        """
        trunk = self.settings.loss_weights
        curator = Curator(self.source, self.panoramas, self.overrides, trunk)
        return curator.lay_out(self.experiment, self.measured, self.shown)

    @property
    def command(self) -> str:
        """The command line that repeats it, folders by their names alone."""
        found, grid = self.settings, self.experiment.kind == "grid"
        flags: dict[str, object] = {
            "rows": self.rows,
            "metrics": self.metrics,
            "features": self.features,
            "prompts": self.prompts and self.prompts.name,
            "samples": None if grid else self.experiment.samples,
            "pictures": len(self.shown),
            "references": None if grid else self.experiment.references,
            "loss-weights": found.loss_weights and found.loss_weights.name,
            "feature-weights": found.feature_weights and found.feature_weights.name,
            "clip-model": None if found.clip_model == CLIP_MODEL else short_name(found.clip_model),
            "judge": None if found.judge == Settings.judge else short_name(found.judge),
            "model": short_name(str(self.overrides["model"])),
            "revision": self.overrides["revision"],
            "device": self.overrides["device"],
        }
        words = ["syncpano", "reproduce", Path(self.name).name]
        for name, value in flags.items():
            words += [f"--{name}", str(value)] if value is not None else []
        for name, value in self.overrides.items():
            shown = Path(str(value)).name if name == "loss_weights" and value else value
            words += ["--set", f"{name}={shown}"] if name not in flags else []
        return files.readable(shlex.join(words))

    @property
    def _trunks(self) -> list[Path]:
        """Files of `loss_weights` among the settings."""
        experiment = self.experiment
        configs = [self.overrides, experiment.base]
        configs += [layout.config for layout in experiment.layouts]
        configs += [row.config for row in experiment.rows]
        found = [config.get("loss_weights") for config in configs]
        return [files.expanded(str(weights)) for weights in found if weights]

    @property
    def record(self) -> str:
        """The command, and a hash of what the names in it stand for."""
        assert self.source.folder is not None
        found = self.settings
        weights = [found.loss_weights, found.feature_weights, *self._trunks]
        contents = [
            asdict(self.experiment),
            [*self.measured],
            [*self.shown],
            model_fingerprint(self.source),
            [digest_of(path) if path and files.is_file(path) else None for path in weights],
        ]
        digest = hashlib.sha256(json.dumps(contents, sort_keys=True).encode()).hexdigest()
        return f"{self.command}\n# {digest[:16]}\n"


def results_in(folder: Path) -> set[Path]:
    """What an experiment has written there."""
    return {path for pattern in RESULTS for path in folder.glob(pattern)}


def check_rows(
    experiment: Experiment, source: ModelSource, overrides: Mapping[str, Value], prompt: str
) -> None:
    """Refuse an experiment of which a row cannot work with the model.

    Raises:
        SyncPanoError: the first one that cannot, and how to do without all that cannot.
    """
    failed: dict[str, SyncPanoError] = {}
    for layout in experiment.layouts:
        for row in experiment.rows:
            config = config_of(experiment, row, layout, prompt, 0, overrides)
            try:
                with naming(experiment, row, layout):
                    plan(config, source)
            except SyncPanoError as error:
                failed.setdefault(row.name, error)
    if failed:
        (first, *_) = failed.values()
        remedies = [first.hint, *_remedies(experiment, overrides, failed)]
        raise SyncPanoError(
            first.message, hint="; or ".join(filter(None, remedies)), exit_code=first.exit_code
        )


def _remedies(
    experiment: Experiment, overrides: Mapping[str, Value], failed: Mapping[str, object]
) -> Iterator[str]:
    """Besides what the row itself could have, the values of the command, and the other rows."""
    given = [f"`--set {key}={value}`" for key, value in overrides.items() if key not in OF_COMMAND]
    if given:
        yield f"other values than {', '.join(given)}"
    if others := [row.name for row in experiment.rows if row.name not in failed]:
        yield f"only the rows that can be painted: `--rows {shlex.quote(';'.join(others))}`"


@dataclass(frozen=True)
class Machine:
    """Where the panoramas were painted, from the run logs.

    Attributes:
        setups: device, number format and what else decides the seconds and not the pixels.
        versions: package -> all its versions.
    """

    setups: tuple[str, ...]
    versions: Mapping[str, str]

    @classmethod
    def of(cls, paintings: Sequence[Painting]) -> Machine:
        """All of them, once each."""
        whole = [runlog.read(painting.path) for painting in paintings]
        setups = dict.fromkeys(map(_setup, whole))
        logs = [log["environment"] for log in whole]
        found: dict[str, dict[str, None]] = {}
        for log in logs:
            for package, version in log["versions"].items():
                found.setdefault(package, {})[version] = None
        return cls(tuple(setups), {package: ", ".join(found[package]) for package in found})


def _setup(log: runlog.Log) -> str:
    config, environment = log["config"], log["environment"]
    words = [environment["dtype"]]
    if config.get("window_batch") is not None:
        words.append(f"window batch {config['window_batch']}")
    if config.get("compile"):
        words.append("compiled")
    return f"{environment['device_name']} ({', '.join(words)})"


def provenance(request: Request, exhibition: Exhibition) -> dict[str, Any]:
    """All that one needs to repeat the experiment, for the table and the report."""
    assert request.source.folder is not None
    machine = Machine.of(exhibition.all())
    settings = request.settings
    return {
        "command": request.command,
        "model": request.source.id,
        "model_hash": content_hash(request.source.folder),
        "revision": request.source.revision,
        "setups": list(machine.setups),
        "metrics": list(settings.metrics),
        "features": settings.features,
        "reduction": settings.reduction,
        "giqa_form": settings.giqa_form,
        "base": dict(request.experiment.base),
        "overrides": request.overrides,
        "references": request.experiment.references,
        "painted_with": machine.versions,
        "measured_with": versions_of(PACKAGES) if settings.metrics else {},
    }
