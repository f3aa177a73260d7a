"""The pocket model's tokenizer and text encoder, in the formats of CLIP."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from tokenizers.trainers import BpeTrainer
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer, PreTrainedTokenizerFast

START, END = "<|startoftext|>", "<|endoftext|>"
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
    ids = [(END, tokenizer.token_to_id(END)), (START, tokenizer.token_to_id(START))]
    tokenizer.post_processor = processors.RobertaProcessing(
        *ids, trim_offsets=False, add_prefix_space=False
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=START,
        eos_token=END,
        pad_token=END,
        unk_token=END,
        model_max_length=max_length,
    ).save_pretrained(folder)
    _declare_clip(folder)


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
