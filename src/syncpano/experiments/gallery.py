"""Panoramas that an experiment needs: each painted once, kept under the hash of what decides it.

No torch but inside what paints.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from syncpano import files, png, runlog
from syncpano.config import PanoramaConfig, Value
from syncpano.errors import SyncPanoError
from syncpano.experiments.identity import identity
from syncpano.experiments.spec import FIRST_REFERENCE_SEED, Experiment, Layout, Row, config_of
from syncpano.fingerprints import model_fingerprint
from syncpano.losses.trunk_files import TRUNK_OF, TRUNKS
from syncpano.models.card import Card, card_of
from syncpano.models.source import ModelSource
from syncpano.plan import Plan, count_calls, plan
from syncpano.resolving import loss_of

if TYPE_CHECKING:
    from syncpano.pipeline import Studio

# A gradient costs about two further passes of the UNet and the decoder's three.
GRADIENT_COST = 3.0
REFERENCE = Row("reference", {"method": "independent"})
OF_FLAG = ("vgg", "vgg19")  # the trunks that the file of `--loss-weights` can hold


@dataclass(frozen=True)
class Painting:
    """One panorama of an experiment.

    Attributes:
        path: where it is kept.
    """

    planned: Plan
    path: Path

    @property
    def config(self) -> PanoramaConfig:
        """Its settings."""
        return self.planned.config

    @property
    def cost(self) -> float:
        """About how long it takes, in predictions of one window."""
        calls = count_calls(self.planned)
        return calls.predictions + GRADIENT_COST * calls.decodes

    def is_there(self) -> bool:
        """Whether it was painted and saved whole; a damaged file is not."""
        if not files.is_file(self.path) or not png.is_whole(self.path):
            return False
        try:
            return runlog.read(self.path).get("status") == "done"
        except SyncPanoError:
            return False

    def seconds(self) -> float:
        """What painting took: synchronising, denoising and decoding, without loading and saving."""
        timings = runlog.read(self.path)["timings"]
        return float(timings["sync"] + timings["denoise"] + timings["decode"])


@dataclass(frozen=True)
class Exhibition:
    """All panoramas of one experiment.

    Attributes:
        measured: layout and row name -> panoramas, by prompt and seed, in the same order in all.
        shown: layout and row name -> panoramas of seed 0, one a prompt.
        references: pictures of independent windows; empty where nothing is compared with them.
    """

    measured: Mapping[tuple[str, str], Sequence[Painting]]
    shown: Mapping[tuple[str, str], Sequence[Painting]]
    references: Sequence[Painting]

    def all(self) -> list[Painting]:
        """Every panorama once."""
        groups = [*self.measured.values(), *self.shown.values(), self.references]
        return list({painting.path: painting for group in groups for painting in group}.values())


@dataclass(frozen=True)
class Curator:
    """Lays an experiment out for one model and one folder.

    Attributes:
        overrides: settings of every panorama, the model among them.
        loss_weights: VGG's trunk, for the rows whose loss looks through it and that have none of
            their own.
    """

    source: ModelSource
    folder: Path
    overrides: Mapping[str, Value]
    loss_weights: Path | None = None

    def lay_out(
        self, experiment: Experiment, measured: Sequence[str], shown: Sequence[str]
    ) -> Exhibition:
        """Which panoramas are needed for these prompts; every config is checked.

        Raises:
            SyncPanoError: a row cannot work with the model.
        """
        # Of a model that is not downloaded nothing has been painted here.
        model = "" if self.source.folder is None else model_fingerprint(self.source)

        def made(
            row: Row, layout: Layout, prompts: Sequence[str], seeds: Sequence[int]
        ) -> list[Painting]:
            configs = [
                config_of(experiment, row, layout, prompt, seed, self.overrides)
                for prompt in prompts
                for seed in seeds
            ]
            if row is REFERENCE:
                configs = [whole_windows(config, self.source) for config in configs]
            with naming(experiment, row, layout):
                return [self._painting(config, model) for config in configs]

        places = [(layout, row) for layout in experiment.layouts for row in experiment.rows]
        seeds = range(experiment.samples)
        references = range(FIRST_REFERENCE_SEED, FIRST_REFERENCE_SEED + experiment.references)
        return Exhibition(
            {(at.name, row.name): made(row, at, measured, seeds) for at, row in places},
            {(at.name, row.name): made(row, at, shown, [0]) for at, row in places},
            made(REFERENCE, experiment.layouts[0], measured, references),
        )

    def _painting(self, config: PanoramaConfig, model: str) -> Painting:
        config = self._with_weights(config)
        planned = plan(config, self.source)
        return Painting(planned, self.folder / f"{identity(config, model, self._card)}.png")

    @cached_property
    def _card(self) -> Card:
        """Of a model that is not downloaded the default, as Stable Diffusion's is."""
        return card_of(self.source)

    def _with_weights(self, config: PanoramaConfig) -> PanoramaConfig:
        if self.loss_weights is None or config.loss_weights is not None:
            return config
        if TRUNK_OF.get(loss_of(config, self.source)) not in OF_FLAG:
            return config
        return replace(config, loss_weights=str(self.loss_weights))


def whole_windows(config: PanoramaConfig, source: ModelSource) -> PanoramaConfig:
    """The config of a reference panorama where rows have this one: windows side by side.

    How windows of the rows overlap says nothing of windows on their own, and a rest that is no
    whole window is left out. The blend, which nothing refuses, stays: it is in the name of every
    reference that was ever painted.
    """
    side = source.window * source.vae_factor
    width, height = (max(length // side, 1) * side for length in (config.width, config.height))
    return replace(
        config, windows="overlapping", stride=None, loop=False, width=width, height=height
    )


@contextmanager
def naming(experiment: Experiment, row: Row, layout: Layout) -> Iterator[None]:
    """Say of what is wrong with a row's config which row it is, and in which of several layouts."""
    where = "the reference panoramas" if row is REFERENCE else f"row {row.name!r}"
    if len(experiment.layouts) > 1:
        where += f" in layout {layout.name!r}"
    try:
        yield
    except SyncPanoError as error:
        message = f"{where}: {error.message}"
        raise SyncPanoError(message, hint=error.hint, exit_code=error.exit_code) from error


def require_losses(paintings: Sequence[Painting], source: ModelSource) -> None:
    """Load every loss of the paintings once: in the last row what is wrong is found too late.

    Raises:
        SyncPanoError: one is not there and cannot be fetched, or its weights do not fit.
    """
    from syncpano.losses.load import load_loss

    configs = [painting.config for painting in paintings if painting.planned.weights]
    for name, weights in dict.fromkeys((loss_of(c, source), c.loss_weights) for c in configs):
        path = files.expanded(weights) if weights else None
        try:
            load_loss(name, device="cpu", weights=path, source=source)
        except SyncPanoError as error:
            hint, trunk = error.hint, TRUNK_OF.get(name)
            if trunk is not None and (weights or trunk not in OF_FLAG):
                flag = ", or by `--loss-weights`" if trunk in OF_FLAG else ""
                own = f"as `loss_weights` of the rows with the loss {name}{flag}"
                all_rows = "`--set loss-weights=FILE` holds for all rows"
                hint = f"give the trunk of {TRUNKS[trunk].name} {own}; {all_rows}"
            hint = f"{hint}; or leave the rows with the loss {name} out by `--rows`"
            message = f"{weights}: {error.message}" if weights else error.message
            raise SyncPanoError(message, hint=hint, exit_code=error.exit_code) from error


def paint(
    paintings: Sequence[Painting],
    studio: Studio,
    *,
    on_begin: Callable[[Painting], None] = lambda _: None,
    on_cost: Callable[[float], None] = lambda _: None,
) -> None:
    """Paint and save one panorama after the other, but those that another process has painted.

    Args:
        on_begin: called before each panorama that is painted.
        on_cost: called with parts of a panorama's cost while it is painted.

    Raises:
        SyncPanoError: a panorama could not be painted; those before it are kept.
    """
    for painting in paintings:
        if painting.is_there():
            on_cost(painting.cost)
            continue
        on_begin(painting)
        step = partial(_advance, on_cost, painting.cost / painting.planned.num_reports)
        panorama = studio.generate(painting.config, on_step=step)
        panorama.save(painting.path, overwrite=True)


def _advance(on_cost: Callable[[float], None], part: float, _: object) -> None:
    on_cost(part)
