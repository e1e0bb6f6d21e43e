"""The format `pt2`: the programs as files of `torch.export`, which PyTorch loads without code of ours.

B batch, L tokens.
"""

from __future__ import annotations

from pathlib import Path

import torch

from star.export import card
from star.export.exported import Exported
from star.export.programs.description import MANIFEST_FILE, manifest, use
from star.export.programs.quiet import quiet
from star.export.programs.record import record

LOADING = """import json, torch

forward = torch.export.load("forward.pt2").module()
step = torch.export.load("step.pt2").module()
sizes = {"B": 1, "T": 0}
states = [
    torch.zeros([sizes.get(size, size) for size in state["shape"]], dtype=getattr(torch, state["dtype"]))
    for state in json.load(open("manifest.json"))["states"]
]
"""

TOKENS = """logits = forward(torch.zeros(1, 8, dtype=torch.long))  # (batch, tokens, vocabulary)
tokens = torch.zeros(1, 1, dtype=torch.long)
with torch.no_grad():
    for _ in range(32):
        logits, *states = step(tokens, *states)
        tokens = logits[:, -1:].argmax(-1)
"""

VALUES = """predicted = forward(torch.zeros(1, 8, {channels}))  # (batch, steps, values that are predicted at each step)
predicted, *states = step(torch.zeros(1, 1, {channels}), *states)
"""


def write(exported: Exported, folder: Path) -> None:
    """Write forward.pt2, step.pt2, manifest.json and the model card into a folder that exists."""
    programs = record(exported.model)
    with quiet():
        torch.export.save(programs.forward, folder / "forward.pt2")
        torch.export.save(programs.step, folder / "step.pt2")
    channels = exported.model.shape.channels
    lines = LOADING + (VALUES.format(channels=channels) if channels else TOKENS)
    (folder / MANIFEST_FILE).write_text(manifest(exported, programs, "pt2"), encoding="utf-8")
    card.write(exported, folder, use("torch", lines))
