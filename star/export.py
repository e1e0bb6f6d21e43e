"""Exports of a model to a folder of three files: its genome, its weights and a README. No file is a pickle."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load as read_tensors
from safetensors.torch import save as write_tensors

from genome import Genome, Shape, Space, decode
from star.backbone import Backbone
from star.build import skeleton

FORMAT = 1
GENOME_FILE, WEIGHTS_FILE, README_FILE = "genome.json", "model.safetensors", "README.md"

TOKENS_USE = """logits = model(torch.zeros(1, 8, dtype=torch.long))  # (batch, tokens, vocabulary)
tokens = model.generate(torch.zeros(1, 1, dtype=torch.long), new_tokens=32)
"""
VALUES_USE = """values = model(torch.zeros(1, 8, {channels}))  # (batch, steps, values that are predicted at each step)
"""


def weights(model: Backbone) -> bytes:
    """Return the parameters of a model as safetensors bytes; a shared tensor is stored once, under its first name."""
    return write_tensors({name: tensor.detach().contiguous() for name, tensor in model.named_parameters()})


def export(
    folder: Path | str, genome: Genome, space: Space, shape: Shape, weights: bytes, facts: Mapping[str, Any]
) -> Path:
    """Write genome.json, model.safetensors and README.md; `facts` are stored beside the genome. Return the folder.

    Raises:
        ValueError: the genome is not legal, or the weights do not fit this architecture.
    """
    description = {
        "format": FORMAT,
        "genome": str(genome),
        "space": space.to_json(),
        "shape": shape.to_json(),
        "facts": dict(facts),
    }
    model = _model(description, weights)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / GENOME_FILE).write_text(json.dumps(description, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    (folder / WEIGHTS_FILE).write_bytes(weights)
    (folder / README_FILE).write_text(_readme(model, description), encoding="utf-8")
    return folder


def load(folder: Path | str) -> Backbone:
    """Rebuild an exported model, in evaluation mode.

    Raises:
        FileNotFoundError: the folder holds no export.
        ValueError: this version cannot read its format, genome or weights; the message says which.
    """
    folder = Path(folder)
    try:
        description = json.loads((folder / GENOME_FILE).read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise ValueError(f"{GENOME_FILE} is not JSON: {error}") from None
    return _model(description, (folder / WEIGHTS_FILE).read_bytes())


def _model(description: Mapping[str, Any], weights: bytes) -> Backbone:
    if description.get("format") != FORMAT:
        raise ValueError(f"export format {description.get('format')!r} is unknown; this version reads {FORMAT}")
    space = Space.from_json(description["space"])
    blueprint = decode(Genome.parse(description["genome"]), space)
    model = skeleton(blueprint, Shape.from_json(description["shape"]))
    tensors = read_tensors(weights)
    expected = {name: parameter.shape for name, parameter in model.named_parameters()}
    found = {name: tensor.shape for name, tensor in tensors.items()}
    if expected != found:
        wrong = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
        raise ValueError(f"the weights do not fit the genome: {', '.join(wrong[:5])}")
    dtype = next(iter(tensors.values())).dtype
    model = model.to_empty(device="cpu").to(dtype)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(tensors[name])
    return model.eval()


def _readme(model: Backbone, description: Mapping[str, Any]) -> str:
    livs = "\n".join(
        f"| {n} | {liv.liv_class.name} | {liv.liv_class.description} |" for n, liv in enumerate(model.blueprint.livs)
    )
    facts = "\n".join(f"- {name}: {value}" for name, value in description["facts"].items())
    parameters = sum(parameter.numel() for parameter in model.parameters())
    shape = model.shape
    use = VALUES_USE.format(channels=shape.channels) if shape.channels else TOKENS_USE
    what = f"from {shape.channels} to {shape.vocab} values a step" if shape.channels else f"over {shape.vocab} tokens"
    return (
        f"# {description['genome']}\n\n"
        f"A sequence model of {parameters:,} parameters {what}, found by STAR.\n\n"
        f"| position | LIV | what it is |\n|---|---|---|\n{livs}\n\n{facts}\n\n"
        "```python\nimport torch, star\n\n"
        f'model = star.load(".")\n{use}```\n\n'
        "It needs torch, safetensors and the packages `star` and `genome`.\n"
    )
