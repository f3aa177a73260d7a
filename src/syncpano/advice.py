"""Sentences about settings that work and that nobody may have meant. No torch."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from syncpano.config import PanoramaConfig
from syncpano.models.near_words import UNSEEN
from syncpano.models.source import ModelSource
from syncpano.models.vocabulary import Vocabulary
from syncpano.models.wording import Reading
from syncpano.plan import Plan

SHOWN_WORDS = 12
_LONGEST = 30  # letters of a word that is shown
_UNSURE = 0.5  # probability of a subject


def without_effect(planned: Plan, source: ModelSource, explicit: Collection[str]) -> list[str]:
    """One sentence for each setting that somebody asked for and that changes nothing.

    Args:
        explicit: settings that somebody asked for, at their defaults too (`Resolved.explicit`).
    """
    config = planned.config
    found: list[str] = []

    def note(names: str, reason: str) -> None:
        found.extend(
            f"`--{'no-' * (getattr(config, name) is False)}{name.replace('_', '-')}` "
            f"has no effect {reason}"
            for name in names.split()
            if name in explicit
        )

    alone = len(planned.grid(0).windows) == 1
    of_one = "with one window, which has no other"
    of_sync = (
        "initial_steps initial_span sync_every compare gradient predict_once gradient_decoder "
        "loss loss_weights loss_size"
    )
    if config.method != "sync":
        note(f"sync_weight sync_decay sync_freq {of_sync}", f"with `--method {config.method}`")
    elif config.sync_weight == 0:
        note(f"sync_decay sync_freq {of_sync}", "with `--w 0`, which is MultiDiffusion")
    elif not planned.weights:
        faded = f"with `--sync-decay {config.sync_decay:g}`: w is 0 at every descent"
        note(
            f"sync_weight sync_freq {of_sync}" + " sync_decay" * alone,
            of_one if alone else faded,
        )
    elif config.compare == "noisy":
        note(
            "gradient predict_once", "with `--compare noisy`, whose gradient does not pass the UNet"
        )
    if config.method == "independent":
        note("stride blend loop", "with `--method independent`: windows stand side by side")
    elif config.windows == "shifted":
        note("stride", "with `--windows shifted`: windows stand side by side")
    elif alone and not config.loop:  # where the stride may be why there is only one
        note("stride", of_one)
    if config.method == "bld":
        note(
            "blend window_batch", "with `--method bld`, which extends the picture window by window"
        )
    # Of one branch alone the conditional gradient is the exact one.
    cond = " gradient" * bool(planned.weights and config.gradient == "cond")
    # A refiner heeds the negative prompt without guidance.
    negative = " negative_prompt" * (not (source.has_refiner and config.refine))
    if config.guidance_scale == 1:
        reason = "with `--guidance-scale 1`, which is no guidance"
        note(f"guided_share{negative}{cond}", reason)
    elif config.guided_share == 0:
        reason = "with `--guided-share 0`, which is no guidance"
        note(f"guidance_scale{negative}{cond}", reason)
    if not source.has_refiner:
        note("refine", f"with {source.id}, which has no refiner")
    if config.initial_steps is not None and config.initial_steps >= config.steps:
        note("initial_steps initial_span", f"with {config.steps} steps")
    return found


def about_subject(
    model: str,
    reading: Reading,
    vocabulary: Vocabulary,
    subject: str,
    pictures: Sequence[Mapping[str, int]],
    probability: float,
) -> list[str]:
    """A sentence where a prompt does not say outright what a model is about to paint.

    Args:
        subject: one of the vocabulary's, or empty where it lists none.
        pictures: those of the subject, attribute -> class.
        probability: of the subject under the prompt, by the model.
    """
    if not subject:
        return []
    if probability < _UNSURE:
        subjects = ", ".join(sorted(vocabulary.subjects))
        return [f"{model} cannot tell what this shows and paints: {subject} (of {subjects})"]
    if vocabulary.names_wholly(reading.text, subject, pictures):
        return []
    return [f"{model} paints this as: {vocabulary.name_of(subject, pictures)}"]


def about_attributes(
    model: str,
    reading: Reading,
    vocabulary: Vocabulary,
    subject: str,
    pictures: Sequence[Mapping[str, int]],
) -> list[str]:
    """A sentence where a prompt names what a model has no picture of its subject with.

    Args:
        pictures: those of the subject, attribute -> class.
    """
    if not subject:
        return []
    wanted = vocabulary.classes_in(reading.text)

    def names(attributes: Collection[str]) -> str:
        classes = {name: list(vocabulary.attributes[name]) for name in attributes}
        return listed([classes[name][number] for name in attributes for number in wanted[name]])

    unseen = vocabulary.classes_in(UNSEEN.get(subject, ""))
    missing = [
        name
        for name, numbers in wanted.items()
        if not any(picture.get(name) in numbers - unseen.get(name, set()) for picture in pictures)
    ]
    if missing:
        return [f"{model} has no picture of this: {subject}, {names(missing)}"]
    # Colours are the sampled ones, so a picture of another hour will do.
    together = [name for name in wanted if name != "time"]
    if any(all(picture.get(name) in wanted[name] for name in together) for picture in pictures):
        return []
    return [f"{model} has no picture of all of this: {subject}, {names(together)}"]


def about_words(model: str, reading: Reading, *, negative: bool = False) -> list[str]:
    """Sentences about words that a model takes for others and words that it does not know.

    Args:
        negative: whether they are a negative prompt's.
    """
    found = []
    if reading.taken:
        pairs = [f"{word[:_LONGEST]} for {meant}" for word, meant in reading.taken.items()]
        found.append(f"{model} takes {listed(pairs)}")
    if reading.left:
        others = listed(reading.left)
        found.append(f"{model} paints one subject, here {reading.subject}: {others} may be missing")
    if avoided := [word for word in reading.avoided if word not in reading.unavoidable]:
        found.append(f"{model} keeps away from: {listed(avoided)}")
    if reading.unavoidable:
        found.append(f"{model} cannot leave out: {listed(reading.unavoidable)}")
    if reading.unknown:
        found.append(f"{model} does not know: {listed(reading.unknown)} (`--model sd2` knows more)")
    return [f"{sentence} (negative prompt)" if negative else sentence for sentence in found]


def listed(words: Sequence[str]) -> str:
    """The first words of a list."""
    shown = ", ".join(word[: 2 * _LONGEST] for word in words[:SHOWN_WORDS])
    return shown if len(words) <= SHOWN_WORDS else f"{shown} and {len(words) - SHOWN_WORDS} more"


def left_out(planned: Plan) -> list[str]:
    """A sentence where `sync_every` thins the windows so much that places have none that moves."""
    grid, every = planned.grid(0), planned.config.sync_every
    share = grid.uncovered(grid.thinned(every)) if planned.weights else 0.0
    if share == 0:
        return []
    fitting = range(1, min(every, grid.size + 1))  # further apart than its cells no window reaches
    most = max(n for n in fitting if grid.uncovered(grid.thinned(n)) == 0)
    return [
        f"`--sync-every {every}` leaves {share:.0%} of the panorama to no window that "
        f"descends: {most} or less covers all of it"
    ]


def too_strong(config: PanoramaConfig, explicit: Collection[str]) -> list[str]:
    """A sentence where the style loss would descend with the default w, the perceptual losses'.

    Args:
        explicit: settings that somebody asked for, at their defaults too (`Resolved.explicit`).
    """
    left_out = config.sync_weight == PanoramaConfig.sync_weight and "sync_weight" not in explicit
    if config.method != "sync" or config.loss != "style" or not left_out:
        return []
    weight = f"{config.sync_weight:g}"
    return [f"the paper descends the style loss with w = 0.1, not w = {weight}: add `--w 0.1`"]
