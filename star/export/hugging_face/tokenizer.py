"""Tokenizers as transformers reads them: one that is known, or that of the bytes of UTF-8 text.

The latter is a byte-pair encoding without merges. Its vocabulary writes each byte as a printable character: the byte's
own where that is printable, otherwise the next free one from 256 on (Radford et al. 2019, in the code of GPT-2).
Padding is byte 0, for which there is no further token; the attention mask says where it is.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

PRINTABLE = {*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)}


TOKENIZER_FILE = "tokenizer.json"


def write_tokenizer(tokenizer: bytes, folder: Path) -> None:
    """Write a tokenizer of `tokenizers` and tokenizer_config.json into a folder that exists."""
    (folder / TOKENIZER_FILE).write_bytes(tokenizer)
    _write(folder / "tokenizer_config.json", {"tokenizer_class": "PreTrainedTokenizerFast", "padding_side": "left"})


def write_byte_tokenizer(folder: Path) -> None:
    """Write tokenizer.json and tokenizer_config.json into a folder that exists."""
    characters = _characters()
    padding = {"id": 0, "content": characters[0], "special": True}
    options = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    stage = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
    model = {"type": "BPE", "vocab": {character: byte for byte, character in enumerate(characters)}, "merges": []}
    described = {
        "version": "1.0",
        "added_tokens": [padding | options],
        "normalizer": None,
        "pre_tokenizer": stage,
        "post_processor": None,
        "decoder": stage,
        "model": model,
    }
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "pad_token": characters[0],
        "padding_side": "left",
        "model_input_names": ["input_ids", "attention_mask"],
        "clean_up_tokenization_spaces": False,
    }
    _write(folder / TOKENIZER_FILE, described)
    _write(folder / "tokenizer_config.json", settings)


def _characters() -> list[str]:
    """Return the character of each byte."""
    others = iter(range(256, 512))
    return [chr(byte if byte in PRINTABLE else next(others)) for byte in range(256)]


def _write(file: Path, value: dict[str, Any]) -> None:
    file.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
