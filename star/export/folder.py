"""The format `folder`: a genome, weights and a README that `star.load` reads. No file is a pickle."""

from __future__ import annotations

import json
from pathlib import Path

from star.export.exported import Exported

GENOME_FILE, WEIGHTS_FILE, README_FILE = "genome.json", "model.safetensors", "README.md"

TOKENS_USE = """logits = model(torch.zeros(1, 8, dtype=torch.long))  # (batch, tokens, vocabulary)
tokens = model.generate(torch.zeros(1, 1, dtype=torch.long), new_tokens=32)
"""
VALUES_USE = """values = model(torch.zeros(1, 8, {channels}))  # (batch, steps, values that are predicted at each step)
"""


def write(exported: Exported, folder: Path) -> None:
    """Write genome.json, model.safetensors and README.md into a folder that exists."""
    write_description(exported, folder)
    (folder / WEIGHTS_FILE).write_bytes(exported.weights)
    (folder / README_FILE).write_text(_readme(exported), encoding="utf-8")


def write_description(exported: Exported, folder: Path) -> None:
    """Write genome.json."""
    description = json.dumps(exported.to_json(), indent=2, allow_nan=False)
    (folder / GENOME_FILE).write_text(description + "\n", encoding="utf-8")


def read(folder: Path) -> Exported:
    """Read what `write` wrote.

    Raises:
        FileNotFoundError: the folder holds no export.
        ValueError: this version cannot read the description; the message says why.
    """
    try:
        description = json.loads((folder / GENOME_FILE).read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise ValueError(f"{GENOME_FILE} is not JSON: {error}") from None
    return Exported.from_json(description, (folder / WEIGHTS_FILE).read_bytes())


def _readme(exported: Exported) -> str:
    model = exported.model
    livs = "\n".join(
        f"| {n} | {liv.liv_class.name} | {liv.liv_class.description} |" for n, liv in enumerate(model.blueprint.livs)
    )
    facts = "\n".join(f"- {name}: {value}" for name, value in exported.facts.items())
    parameters = sum(parameter.numel() for parameter in model.parameters())
    shape = model.shape
    use = VALUES_USE.format(channels=shape.channels) if shape.channels else TOKENS_USE
    what = f"from {shape.channels} to {shape.vocab} values a step" if shape.channels else f"over {shape.vocab} tokens"
    return (
        f"# {exported.genome}\n\n"
        f"A sequence model of {parameters:,} parameters {what}, found by STAR.\n\n"
        f"| position | LIV | what it is |\n|---|---|---|\n{livs}\n\n{facts}\n\n"
        "```python\nimport torch, star\n\n"
        f'model = star.load(".")\n{use}```\n\n'
        "It needs torch, safetensors and the packages `star` and `genome`.\n"
    )
