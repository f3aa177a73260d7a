"""A refiner under prompts: what it takes them for, and what it draws of a sampled latent.

# C latent channels, H W the panorama, f the VAE factor, L text tokens
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from syncpano.models.card import Card

if TYPE_CHECKING:
    from syncpano.models.pocket_autoencoder import PocketAutoencoder
    from syncpano.models.pocket_refiner import PocketRefiner


class Refiner:
    """What draws the details after sampling, with the words of its model.

    Args:
        network: what draws; in float32, whatever the format of the model's other parts.
        autoencoder: by which it reads latents.
        card: the model's.
        embed: N texts -> N L d, the text encoder's states.
    """

    def __init__(
        self,
        network: PocketRefiner,
        autoencoder: PocketAutoencoder,
        card: Card,
        embed: Callable[[list[str]], Tensor],
    ) -> None:
        self.network = network
        self._autoencoder = autoencoder
        self._card = card
        self._embed = embed

    @torch.no_grad()
    def draw(
        self,
        latent: Tensor,
        prompt: str,
        negative_prompt: str = "",
        *,
        loop: bool = False,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """1 C H W -> 1 3 f*H f*W in [-1, 1]: a sampled z_0 with details.

        Args:
            generator: by which seeds differ in what they show, beside what was sampled.
        """
        text, negative = self._card.texts(prompt, negative_prompt)
        subject = self._subject_named(text)
        return self.network.refine(
            latent.to(self.network.device),
            self._embed([text])[0],
            self._autoencoder,
            subject=self._numbers[subject] if subject else None,
            avoided=self._card.vocabulary.avoided(text, negative),
            backlit=self._is_silhouette(text, subject),
            loop=loop,
            generator=generator,
        )

    def subject_of(self, prompt: str) -> tuple[str, float]:
        """What a prompt is taken to show, and with which probability.

        The name is empty where the card lists no subjects.
        """
        text = self._card.read(prompt).text
        if named := self._subject_named(text):
            return named, 1.0
        ((number, probability),) = self._likeliest([text])
        return self.subjects.get(number, ""), probability

    def pictures_of(self, subject: str) -> list[dict[str, int]]:
        """Attribute -> class, of every picture that is remembered of a subject."""
        return self.network.pictures_of(self._numbers[subject])

    @cached_property
    def subjects(self) -> dict[int, str]:
        """The number of a subject -> its name: what its longest caption is taken for."""
        named = self._card.vocabulary.subjects
        captions = [max(sorted(names), key=len) for names in named.values()]
        found = self._likeliest(captions) if captions else []
        return {number: name for (number, _), name in zip(found, named, strict=True)}

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {name: number for number, name in self.subjects.items()}

    def _subject_named(self, text: str) -> str:
        """What a text calls by its name, if there are pictures of it in a style that it names.

        Who names a city means it: with snow and winter beside it the network reads a village.
        """
        vocabulary = self._card.vocabulary
        subject = vocabulary.subject_named(text)
        if subject not in self._numbers:  # little training tells few apart
            return ""
        styles = vocabulary.classes_in(text).get("style")
        if not styles:
            return subject
        has_style = any(picture["style"] in styles for picture in self.pictures_of(subject))
        return subject if has_style else ""

    def _is_silhouette(self, text: str, subject: str) -> bool:
        """Whether a text asks for silhouettes, by its style or by a subject without others."""
        vocabulary = self._card.vocabulary
        styles = vocabulary.classes_named("style", text)
        if styles or not subject:
            return "silhouette" in styles
        silhouette = vocabulary.classes_in("silhouette").get("style", set())
        return all(picture["style"] in silhouette for picture in self.pictures_of(subject))

    @torch.no_grad()
    def _likeliest(self, texts: list[str]) -> list[tuple[int, float]]:
        numbers, probabilities = self.network.likeliest_subjects(self._embed(texts))
        return list(zip(numbers.tolist(), probabilities.tolist(), strict=True))
