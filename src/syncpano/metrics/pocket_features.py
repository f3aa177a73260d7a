"""The pocket model's judge: the feature network that guidance never sees, in its three roles.

# N crops, h w one crop, d feature dimensions
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from syncpano import files
from syncpano.losses.pocket import unweighted_distance
from syncpano.metrics.checks import judge_folder
from syncpano.metrics.network_name import network_name
from syncpano.models.card import Card, read_card
from syncpano.models.folder import read_json, require_weights
from syncpano.models.near_words import UNTIMELY
from syncpano.models.parts import load_part
from syncpano.models.pocket_features import PocketFeatureNet

ClassWords = Mapping[str, Mapping[str, Sequence[str]]]


class PocketFeatures:
    """A `FeatureExtractor`, a `PerceptualLoss` and a measure of prompt fit in one network.

    Attributes:
        name: `pocket-judge@` and a hash of the weights.
    """

    def __init__(
        self,
        network: PocketFeatureNet,
        class_words: ClassWords | None = None,
        device: str = "cpu",
        card: Card | None = None,
    ) -> None:
        self._network = network.to(device).eval().requires_grad_(False)
        self._device = device
        self._class_words = class_words or {}
        self._card = card or Card()
        self.name = network_name("pocket-judge", network)

    @classmethod
    def of_model(cls, model: str, device: str) -> PocketFeatures:
        """The judge of a pocket model: its `features/` folder and `class_words` of pocket.json.

        Raises:
            SyncPanoError: the model has no such folder.
        """
        return cls.from_folder(judge_folder(model), device)

    @classmethod
    def from_folder(cls, folder: Path, device: str) -> PocketFeatures:
        """Load a `features/` folder; always float32.

        Raises:
            SyncPanoError: its weights are missing or do not fit.
        """
        require_weights(folder, str(folder.parent))
        network = load_part(
            PocketFeatureNet, folder, str(folder.parent), torch.device(device), torch.float32
        )
        assert isinstance(network, PocketFeatureNet)
        card = folder.parent / "pocket.json"
        words = read_json(card).get("class_words") if files.is_file(card) else None
        listed = words if isinstance(words, dict) else None
        return cls(network, listed, device, read_card(folder.parent))

    @property
    def vocabulary(self) -> str:
        """What tells `named_classes` apart from another judge's: heads, classes and their words."""
        known = {"heads": self._network.config.heads, "words": self._class_words}
        return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()[:8]

    @torch.no_grad()
    def __call__(self, crops: Tensor) -> Tensor:
        """N 3 h w in [-1, 1] -> N d: the last stage, averaged over space."""
        pooled: Tensor = self._network.pooled(crops.to(self._device))
        return pooled.float().cpu()

    def features(self, images: Tensor) -> list[Tensor]:
        """N 3 h w in [-1, 1] -> unit-length feature maps, one a stage."""
        maps = self._network.feature_maps(images.to(self._device).float())
        return [m / (m.square().sum(1, keepdim=True) + 1e-8).sqrt() for m in maps]

    def distance(self, features: Sequence[Tensor], target: Sequence[Tensor]) -> Tensor:
        """N distances >= 0 to one target."""
        return unweighted_distance(features, target)

    def named_classes(self, prompt: str) -> dict[str, str]:
        """Head -> the class that the prompt names; heads that it says nothing about are absent.

        The longest phrase wins, so that "northern lights" is not a light, but of subjects the one
        that is painted; without a phrase one word is enough. They come from `class_words` of
        pocket.json; a class without an entry is named by its own name.
        """
        read, vocabulary = self._card.read(prompt).text, self._card.vocabulary
        named = {
            head: list(vocabulary.attributes[head])[min(numbers)]
            for head, numbers in vocabulary.classes_in(read).items()
            if len(numbers) == 1
        }
        words = re.findall(r"[^\W_]+", read.lower())
        named |= self._phrases_in(f" {' '.join(words)} ")
        if subject := vocabulary.subject_named(read):
            named["subject"] = subject.replace(" ", "_")
        return {head: named[head] for head in self._network.config.heads or {} if head in named}

    def _phrases_in(self, text: str) -> dict[str, str]:
        """Head -> the class of the longest phrase, but for the palette."""
        found: dict[str, str] = {}
        for head, classes in (self._network.config.heads or {}).items():
            matches = [
                (len(words), -text.index(f" {words} "), class_)
                for class_ in classes
                for words in self._words(head, class_)
                if f" {words} " in text and words not in UNTIMELY
            ]
            if matches and head != "palette":
                found[head] = max(matches)[2]
        return found

    @torch.no_grad()
    def prompt_fit(self, crops: Tensor, prompt: str) -> list[float] | None:
        """N 3 h w -> N scores in [0, 100]: mean probability of the classes that the prompt names.

        None where the prompt names none: the judge knows only what it was trained on.
        """
        named = self.named_classes(prompt)
        if not named:
            return None
        logits = self._network(crops.to(self._device).float())
        fits = []
        for head, class_ in named.items():
            index = list(self._network.config.heads[head]).index(class_)
            fits.append(logits[head].softmax(1)[:, index])
        return [100 * float(fit) for fit in torch.stack(fits).mean(0)]

    def _words(self, head: str, class_: str) -> list[str]:
        listed = self._class_words.get(head, {}).get(class_)
        return [str(w).lower() for w in listed] if listed else [class_.replace("_", " ").lower()]
