"""The format `onnx`: the programs for runtimes of ONNX.

B batch, L tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch.export import ExportedProgram

from star.export import card
from star.export.exported import Exported
from star.export.programs import prepare
from star.export.programs.description import MANIFEST_FILE, manifest, use
from star.export.programs.quiet import quiet
from star.export.programs.record import record

NEXT = "next."
"""What stands before the name of a state in the name of the output that follows it."""

LOADING = """import json, numpy, onnxruntime

manifest = json.load(open("manifest.json"))
name = manifest["input"]["name"]
forward, step = (onnxruntime.InferenceSession(manifest["programs"][one]) for one in ("forward", "step"))
sizes = {"B": 1, "T": 0}
states = {
    state["name"]: numpy.zeros([sizes.get(size, size) for size in state["shape"]], dtype=state["dtype"])
    for state in manifest["states"]
}
"""

TOKENS = """(logits,) = forward.run(None, {name: numpy.zeros((1, 8), dtype="int64")})  # (batch, tokens, vocabulary)
tokens = numpy.zeros((1, 1), dtype="int64")
for _ in range(32):
    logits, *after = step.run(None, {name: tokens, **states})
    states = dict(zip(states, after))
    tokens = logits[:, -1:].argmax(-1)
"""

VALUES = """(predicted,) = forward.run(None, {{name: numpy.zeros((1, 8, {channels}), dtype="float32")}})
predicted, *after = step.run(None, {{name: numpy.zeros((1, 1, {channels}), dtype="float32"), **states}})
"""


def refusal(exported: Exported) -> str | None:
    """Say which class has no program, or that weights of this precision are not carried, or return None."""
    dtype = exported.model.embedding_VD.dtype
    other = None if dtype is torch.float32 else f"its weights are {dtype}, and only torch.float32 is carried"
    return prepare.refusal(exported) or other


def write(exported: Exported, folder: Path) -> None:
    """Write forward.onnx, step.onnx, manifest.json and the model card into a folder that exists.

    Raises:
        ModuleNotFoundError: onnx or onnxscript is not installed.
    """
    import onnxscript  # noqa: F401  # PyTorch imports it later, and tells its absence in other ways

    programs = record(exported.model)
    name = "values" if exported.model.shape.channels else "tokens"
    states = [state.name for state in programs.states]
    outputs = ["logits", *(NEXT + state for state in states)]
    with quiet():
        _write(programs.forward, [name], outputs[:1], folder / "forward.onnx")
        _write(programs.step, [name, *states], outputs, folder / "step.onnx")
    channels = exported.model.shape.channels
    lines = LOADING + (VALUES.format(channels=channels) if channels else TOKENS)
    (folder / MANIFEST_FILE).write_text(manifest(exported, programs, "onnx"), encoding="utf-8")
    card.write(exported, folder, use("onnxruntime and numpy", lines))


def _write(program: ExportedProgram, inputs: Sequence[str], outputs: Sequence[str], path: Path) -> None:
    graph = torch.onnx.export(program, dynamo=True, verbose=False, input_names=inputs, output_names=outputs)
    assert graph is not None
    graph.save(path)
