"""Stages: the pocket model's tokenizer and text encoder, in the formats of CLIP.

# N captions, L tokens, d the encoder's width
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from captions import caption
from folders import copy_whole, whole
from scenes import allowed
from scenes.attributes import CLASSES, Attributes, sample_attributes
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from tokenizers.trainers import BpeTrainer
from torch import Tensor, nn
from torch.nn import functional as F
from training import Stage
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer, PreTrainedTokenizerFast

START, END = "<|startoftext|>", "<|endoftext|>"
_WRONG_TOKENS = 0.05  # share of tokens that training replaces: words it will not know
# CLIP's own split: words, single digits, runs of other signs; blanks vanish.
_PIECES = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"


def train_tokenizer(
    folder: Path, captions: Iterable[str], vocabulary: int, max_length: int
) -> None:
    """Learn a byte-level BPE that splits unknown words instead of losing them; write it."""
    tokenizer = Tokenizer(models.BPE(end_of_word_suffix="</w>", unk_token=END))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_PIECES), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    tokenizer.decoder = decoders.BPEDecoder(suffix="</w>")
    trainer = BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[START, END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        end_of_word_suffix="</w>",
        show_progress=False,
    )
    tokenizer.train_from_iterator(captions, trainer)
    end, start = tokenizer.token_to_id(END), tokenizer.token_to_id(START)
    assert end is not None
    assert start is not None
    tokenizer.post_processor = processors.RobertaProcessing(
        (END, end), (START, start), trim_offsets=False, add_prefix_space=False
    )
    learnt = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=START,
        eos_token=END,
        pad_token=END,
        unk_token=END,
        model_max_length=max_length,
    )
    with whole(folder) as target:
        learnt.save_pretrained(target)
        _declare_clip(target)


def _declare_clip(folder: Path) -> None:
    config = folder / "tokenizer_config.json"
    words = config.read_text()
    for name in ("TokenizersBackend", "PreTrainedTokenizerFast"):
        words = words.replace(f'"{name}"', '"CLIPTokenizer"')
    config.write_text(words)


def load_tokenizer(folder: Path) -> CLIPTokenizer:
    """Read the tokenizer as every user of the model folder does."""
    return CLIPTokenizer.from_pretrained(folder)


def new_text_encoder(tokenizer: CLIPTokenizer, shape: dict[str, Any]) -> CLIPTextModel:
    """A CLIP text encoder of the recipe's size, with fresh weights."""
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=shape["hidden_size"],
            intermediate_size=4 * shape["hidden_size"],
            num_hidden_layers=shape["layers"],
            num_attention_heads=shape["heads"],
            max_position_embeddings=shape["max_length"],
            projection_dim=shape["hidden_size"],
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


class CaptionReader(nn.Module):
    """A text encoder that tells from a caption what the picture shows."""

    def __init__(self, folder: Path, shape: dict[str, Any], heads: Mapping[str, Sequence[str]]):
        super().__init__()
        self.tokenizer = load_tokenizer(folder / "tokenizer")
        self.encoder = new_text_encoder(self.tokenizer, shape)
        self.heads = nn.ModuleDict(
            {name: nn.Linear(shape["hidden_size"], len(classes)) for name, classes in heads.items()}
        )

    def forward(self, tokens: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """N L -> states N L d, and head name -> logits N K from the mean of the L states."""
        states = self.encoder(tokens).last_hidden_state
        return states, {name: head(states.mean(1)) for name, head in self.heads.items()}


def train_text_encoder(
    stage: Stage, subjects: Sequence[str], recipe: dict[str, Any], device: str
) -> None:
    """Teach the text encoder to read every attribute from a caption; write `text_encoder/`.

    The diffusion stage keeps it frozen: a picture teaches what words mean far more slowly than
    their labels do. What a caption leaves open, the encoder learns as a prior. An encoder that a
    UNet already listens to (`--start-from`, or a larger budget) learns on and keeps its states near
    where they were.
    """
    shape = recipe["text"]
    heads = {"subject": list(subjects), **CLASSES}
    torch.manual_seed(recipe["seed"])
    model = CaptionReader(stage.folder, shape, heads).to(device)
    known = _known_encoder(stage)
    if known is not None:
        model.encoder.load_state_dict(known.to(device).state_dict())
    optimiser = torch.optim.AdamW(model.parameters(), shape["learning_rate"], weight_decay=1e-2)
    state = {"model": model, "optimiser": optimiser}
    stage.restore(state)
    rng = np.random.default_rng([recipe["seed"], stage.step])
    for step in stage.steps(state):
        for group in optimiser.param_groups:
            group["lr"] = shape["learning_rate"] * min(1.0, step / 100, 2 * (1.01 - stage.progress))
        scenes = [_scene(rng, subjects) for _ in range(shape["batch"])]
        tokens = tokenize(model.tokenizer, [caption(rng, scene) for scene in scenes])
        wrong = torch.from_numpy(rng.random(tokens.shape) < _WRONG_TOKENS)
        noise = torch.from_numpy(rng.integers(len(model.tokenizer), size=tokens.shape))
        tokens = torch.where(wrong, noise, tokens).to(device)
        states, logits = model(tokens)
        losses = {
            name: F.cross_entropy(
                logits[name],
                torch.tensor([classes.index(getattr(s, name)) for s in scenes], device=device),
            )
            for name, classes in heads.items()
        }
        if known is not None:
            with torch.no_grad():
                before = known(tokens).last_hidden_state
            losses["moved"] = shape["hold"] * F.mse_loss(states, before)
        optimiser.zero_grad()
        # `backward` is untyped in torch.
        torch.stack(list(losses.values())).sum().backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        if step % 50 == 0:
            stage.log(**{name: loss.item() for name, loss in losses.items()})
    with whole(stage.folder / "text_encoder") as target:
        model.encoder.save_pretrained(target)


def _known_encoder(stage: Stage) -> CLIPTextModel | None:
    """The encoder that a UNet knows, if any; a copy of it outlives the stage's own.

    That is one the stage began with, or, when a larger budget goes on with the stage, its own.
    """
    known, own = stage.folder / "text_encoder.known", stage.folder / "text_encoder"
    listeners = (stage.folder / "unet", stage.folder / "diffusion.checkpoint.pt")
    heard = not stage.checkpoint.exists() or any(one.exists() for one in listeners)
    if own.exists() and heard and not known.exists():
        copy_whole(own, known)
    return CLIPTextModel.from_pretrained(known) if known.exists() else None


def tokenize(tokenizer: CLIPTokenizer, captions: Sequence[str]) -> Tensor:
    """N L token numbers, padded to the model's length."""
    tokens: Tensor = tokenizer(
        list(captions), padding="max_length", truncation=True, return_tensors="pt"
    ).input_ids
    return tokens


def _scene(rng: np.random.Generator, subjects: Sequence[str]) -> Attributes:
    subject = subjects[int(rng.integers(len(subjects)))]
    return sample_attributes(rng, subject, allowed(subject))
