"""The files of the format `transformers`: configuration, code, weights and tokenizer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from safetensors.torch import load, save

from star.export import card
from star.export.exported import Exported
from star.export.hugging_face.tokenizer import TOKENIZER_FILE, write_byte_tokenizer, write_tokenizer
from star.export.standalone.form import livs_of, text_of

ENTRY = "star.export.hugging_face.entry"
MODULE = "modeling_star"
CLASSES = ("StarConfig", "Decoding", "StarForCausalLM")
BYTES = 256
"""The vocabulary of tasks whose tokens are bytes."""

HEAD = '''"""A sequence model for transformers, found by STAR: {genome}

{livs}

    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(".", trust_remote_code=True)

The file was generated from the sources of STAR. A line of dashes names the module that a part is from.
"""

from __future__ import annotations

'''

USE = """from transformers import AutoModelForCausalLM, AutoTokenizer

model = AutoModelForCausalLM.from_pretrained(".", trust_remote_code=True)
tokenizer = AutoTokenizer.from_pretrained(".", trust_remote_code=True)
prompts = tokenizer(["def ", "import os"], return_tensors="pt", padding=True)
print(tokenizer.batch_decode(model.generate(**prompts, max_new_tokens=32)))
"""
USE_WITHOUT_TOKENIZER = """import torch
from transformers import AutoModelForCausalLM

model = AutoModelForCausalLM.from_pretrained(".", trust_remote_code=True)
tokens = model.generate(torch.zeros(1, 1, dtype=torch.long), max_new_tokens=32)
"""


def refusal(exported: Exported) -> str | None:
    """Return why transformers cannot carry a model, None if it can."""
    if exported.shape.channels:
        return "its input is real values, and a causal language model of transformers reads tokens"
    return None


def write(exported: Exported, folder: Path) -> None:
    """Write all files into a folder that exists."""
    head = HEAD.format(genome=exported.genome, livs=livs_of(exported.model.blueprint))
    (folder / f"{MODULE}.py").write_text(head + text_of(exported, ENTRY, CLASSES), encoding="utf-8")
    tensors = {f"model.{name}": tensor for name, tensor in load(exported.weights).items()}
    (folder / "model.safetensors").write_bytes(save(tensors, {"format": "pt"}))
    _write_json(folder / "config.json", _configuration(exported))
    _write_json(folder / "generation_config.json", {"_from_model_config": True})
    if exported.tokenizer is not None:
        write_tokenizer(exported.tokenizer, folder)
    elif exported.shape.vocab == BYTES:
        write_byte_tokenizer(folder)
    use = USE if (folder / TOKENIZER_FILE).exists() else USE_WITHOUT_TOKENIZER
    card.write(exported, folder, f"```python\n{use}```\n\nIt needs torch and transformers 5.24 or later.\n")


def _configuration(exported: Exported) -> dict[str, Any]:
    dtype = str(exported.model.head_VD.dtype).removeprefix("torch.")
    return {
        "architectures": ["StarForCausalLM"],
        "auto_map": {"AutoConfig": f"{MODULE}.StarConfig", "AutoModelForCausalLM": f"{MODULE}.StarForCausalLM"},
        "model_type": "star",
        "genome": str(exported.genome),
        "dtype": dtype,
        "tie_word_embeddings": False,
    }


def _write_json(file: Path, value: dict[str, Any]) -> None:
    file.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
