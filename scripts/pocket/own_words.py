"""Whether the model reads what prompts in a user's own words ask for: of their text, no picture.

`own_words.tsv` has a prompt a line and, behind tabs, what it names: an attribute, `=`, and the
classes that would be right, with `/` between them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from scenes import SUBJECTS
from scenes.attributes import CLASSES
from text import load_tokenizer, tokenize
from transformers import CLIPTextModel
from workbench import Bench

from syncpano.models.card import read_card
from syncpano.models.parts import load_refiner
from syncpano.models.source import resolve_source

PROMPTS = Path(__file__).with_name("own_words.tsv")
# Around a prompt, as users of larger models write them: nearly all of it unknown to pocket.
PHRASINGS = (
    "8k, ultra detailed, masterpiece, {}, trending on artstation",
    "Gorgeous wonderful amazing {}",
    "{} by Albert Bierstadt, hyperrealistic, volumetric",
    "a very quiet and majestic {} in Provence, Kodachrome",
)
NAMES = {"subject": tuple(SUBJECTS), **CLASSES}


def own_words(bench: Bench) -> dict[str, Any]:
    """Share of the prompts of which the refiner's readers find all that they name.

    Beside it: without other words in the place of unknown ones; among words that say nothing, in
    all of `PHRASINGS`; and which prompts are misread.
    """
    card, read = read_card(bench.folder), _reader(bench)
    prompts = read_prompts(PROMPTS.read_text(encoding="utf-8"))

    def misread(as_read: Callable[[str], str]) -> list[str]:
        return [p for p, named in prompts.items() if not _agrees(read(as_read(p)), named)]

    def as_read(prompt: str, phrasing: str = "{}") -> str:
        return card.read(phrasing.format(prompt)).text

    wrong = {"read": misread(as_read), "word_for_word": misread(str)}
    padded = [misread(partial(as_read, phrasing=phrasing)) for phrasing in PHRASINGS]
    return {
        "prompts": len(prompts),
        **{name: 1 - len(found) / len(prompts) for name, found in wrong.items()},
        "among_others": 1 - fmean(len(found) / len(prompts) for found in padded),
        "misread": wrong,
    }


def read_prompts(text: str) -> dict[str, dict[str, list[str]]]:
    """Prompt -> attribute -> the classes that it may mean."""
    found = {}
    for line in text.splitlines():
        prompt, *named = line.split("\t")
        pairs = (part.split("=") for part in named)
        found[prompt] = {name: classes.split("/") for name, classes in pairs}
    return found


def _reader(bench: Bench) -> Callable[[str], dict[str, str]]:
    """Prompt, as the text encoder gets it -> attribute -> its most probable class."""
    source = resolve_source(bench.model, download=False)
    refiner, _ = load_refiner(source, torch.device("cpu"))
    tokenizer = load_tokenizer(bench.folder / "tokenizer")
    encoder = CLIPTextModel.from_pretrained(bench.folder / "text_encoder", dtype=torch.float32)

    @torch.no_grad()
    def read(prompt: str) -> dict[str, str]:
        state = encoder(tokenize(tokenizer, [prompt])).last_hidden_state[0].mean(0)
        return {
            name: NAMES[name][int(reader(state).argmax())]
            for name, reader in refiner.readers.items()
        }

    return read


def _agrees(found: dict[str, str], named: dict[str, list[str]]) -> bool:
    return all(found[name] in classes for name, classes in named.items())
