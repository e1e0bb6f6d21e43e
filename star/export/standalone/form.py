"""The files of the format `standalone`: `modeling_<digest>.py`, the weights and a README."""

from __future__ import annotations

from pathlib import Path

from genome import Blueprint, digest
from star.build import head_sizes
from star.export.exported import Exported
from star.export.standalone.present import Present
from star.export.standalone.sources import Reference
from star.export.standalone.writing import Cut

ENTRY = "star.export.standalone.entry"
METHODS = ("generate", "new_cache", "bytes")
"""The methods that people call."""

HEAD = '''"""A sequence model in one file that needs PyTorch alone, found by STAR: {genome}

{livs}

    import torch
    from {module} import load

    model = load()  # an ordinary torch.nn.Module, with the weights of model.safetensors beside this file
{use}

The file was generated from the sources of STAR. A line of dashes names the module that a part is from.
"""

from __future__ import annotations

'''

TOKENS_USE = """    logits = model(torch.zeros(1, 8, dtype=torch.long))  # (batch, tokens, {vocab})
    tokens = model.generate(torch.zeros(1, 1, dtype=torch.long), new_tokens=32)"""
VALUES_USE = """    values = model(torch.zeros(1, 8, {channels}))  # (batch, steps, {vocab})"""


def write(exported: Exported, folder: Path) -> None:
    """Write the module and its weights into a folder that exists."""
    (folder / f"{module_name(exported)}.py").write_text(text(exported), encoding="utf-8")
    (folder / "model.safetensors").write_bytes(exported.weights)


def module_name(exported: Exported) -> str:
    """Return the name of the module, which the genome decides."""
    return f"modeling_{digest(exported.genome, exported.space)[:8]}"


def text(exported: Exported) -> str:
    """Return the module."""
    model, shape = exported.model, exported.shape
    values = {"BLUEPRINT": model.blueprint, "SHAPE": shape, "SIZES": head_sizes(model.blueprint, shape)}
    named = {Reference(ENTRY, name): value for name, value in values.items()}
    cut = Cut([Reference(ENTRY, "load")], METHODS, Present.of(exported), named)
    use = VALUES_USE if shape.channels else TOKENS_USE
    head = HEAD.format(
        genome=exported.genome,
        livs=_livs(model.blueprint),
        module=module_name(exported),
        use=use.format(channels=shape.channels, vocab=shape.vocab),
    )
    return head + cut.text()


def _livs(blueprint: Blueprint) -> str:
    return "\n".join(f"LIV {n}: {liv.liv_class.name}" for n, liv in enumerate(blueprint.livs))
