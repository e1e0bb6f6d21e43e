"""The files of the format `standalone`: `modeling_<digest>.py`, the weights and the model card."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from textwrap import indent

from genome import Blueprint, digest
from star.build import head_sizes
from star.export import card
from star.export.exported import Exported
from star.export.standalone.present import Present
from star.export.standalone.sources import Reference
from star.export.standalone.writing import Cut

ENTRY = "star.export.standalone.entry"
METHODS = ("generate", "new_cache", "bytes")
"""The methods that people call."""

HEAD = '''"""A sequence model in one file that needs PyTorch alone, found by STAR: {genome}

{livs}

{use}

The file was generated from the sources of STAR. A line of dashes names the module that a part is from.
"""

from __future__ import annotations

'''

USE = """import torch
from {module} import load

model = load()  # an ordinary torch.nn.Module, with the weights of model.safetensors beside this file
"""
TOKENS_USE = """logits = model(torch.zeros(1, 8, dtype=torch.long))  # (batch, tokens, {vocab})
tokens = model.generate(torch.zeros(1, 1, dtype=torch.long), new_tokens=32)"""
VALUES_USE = """values = model(torch.zeros(1, 8, {channels}))  # (batch, steps, {vocab})"""


def write(exported: Exported, folder: Path) -> None:
    """Write the module, its weights and the model card into a folder that exists."""
    (folder / f"{module_name(exported)}.py").write_text(text(exported), encoding="utf-8")
    (folder / "model.safetensors").write_bytes(exported.weights)
    card.write(exported, folder, f"```python\n{_use(exported)}\n```\n\nIt needs torch alone.\n")


def module_name(exported: Exported) -> str:
    """Return the name of the module, which the genome decides."""
    return f"modeling_{digest(exported.genome, exported.space)[:8]}"


def text(exported: Exported) -> str:
    """Return the module."""
    use = indent(_use(exported), "    ")
    head = HEAD.format(genome=exported.genome, livs=livs_of(exported.model.blueprint), use=use)
    return head + text_of(exported, ENTRY, ("load",))


def text_of(exported: Exported, entry: str, names: Iterable[str]) -> str:
    """Return the imports and all definitions that these names of an entry need for this model."""
    blueprint, shape = exported.model.blueprint, exported.shape
    values = {"BLUEPRINT": blueprint, "SHAPE": shape, "SIZES": head_sizes(blueprint, shape)}
    named = {Reference(ENTRY, name): value for name, value in values.items()}
    return Cut([Reference(entry, name) for name in names], METHODS, Present.of(exported), named).text()


def livs_of(blueprint: Blueprint) -> str:
    """Return a line for each LIV."""
    return "\n".join(f"LIV {n}: {liv.liv_class.name}" for n, liv in enumerate(blueprint.livs))


def _use(exported: Exported) -> str:
    shape = exported.shape
    run = VALUES_USE if shape.channels else TOKENS_USE
    return USE.format(module=module_name(exported)) + run.format(channels=shape.channels, vocab=shape.vocab)
