"""Sharded checkpoints: written by two real processes, read by any number, whole or not there at all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from evaluator.artifacts.checkpoint import Checkpoint
from evaluator.artifacts.shards import Shards
from evaluator.parallel.ranks import ALONE
from tests.processes import torchrun

pytestmark = pytest.mark.slow

WRITES = """
import json, os, shutil, sys
from pathlib import Path
import torch
from evaluator.artifacts import shards
from evaluator.artifacts.checkpoint import Checkpoint
from evaluator.artifacts.state import State
from evaluator.parallel.ranks import Ranks

def dies(*_, **__):
    os._exit(7)

folder, dying, steps = Path(sys.argv[1]), sys.argv[2], 2
ranks = Ranks.of_environment()
with ranks.joined():
    kept = shards.Shards(folder, "of this training", ranks)
    for step in range(1, steps + 1):
        if step == steps and dying == "while tensors are written" and ranks.rank == 1:
            shards.write_tensors = dies
        if step == steps and dying == "before the rest is written" and ranks.rank == 0:
            json.dump = dies
        if step == steps and dying == "before it is renamed" and ranks.rank == 0:
            Path.rename = dies
        if step == steps and dying == "before older ones are deleted" and ranks.rank == 0:
            shutil.rmtree = dies
        tensors = {
            "model.a": torch.full((64, 3), float(step)),
            "model.b": torch.arange(200.0).reshape(2, 100).T,
            "optimizer.0.step": torch.tensor(float(step)),
            "optimizer.0.half": torch.full((5,), step, dtype=torch.bfloat16),
        }
        kept.write(Checkpoint(State(tensors, {"step": step, "generator": {"big": 2**127}}), {"note": "n"}))
"""


def written(folder: Path, dying: str = "") -> int:
    script = folder.parent / "writes.py"
    script.write_text(WRITES, encoding="utf-8")
    with torchrun(str(script), str(folder), dying) as process:
        told = process.communicate(timeout=120)[1]
    assert dying or process.returncode == 0, told
    return process.returncode


def read(folder: Path, identity: str = "of this training") -> Checkpoint | None:
    return Shards(folder, identity, ALONE).read()


def require(found: Checkpoint | None, step: int) -> None:
    assert found is not None
    assert found.notes == {"note": "n"}
    assert (found.state.step, found.state.facts["generator"]) == (step, {"big": 2**127})
    tensors = found.state.tensors
    assert torch.equal(tensors["model.a"], torch.full((64, 3), float(step)))
    assert torch.equal(tensors["model.b"], torch.arange(200.0).reshape(2, 100).T)
    assert torch.equal(tensors["optimizer.0.step"], torch.tensor(float(step)))
    assert tensors["optimizer.0.half"].dtype == torch.bfloat16


def test_each_process_writes_a_share_and_one_process_reads_all(tmp_path: Path) -> None:
    folder = tmp_path / "shards"
    written(folder)
    require(read(folder), 2)
    (checkpoint,) = folder.iterdir()
    sizes = {file.name: file.stat().st_size for file in checkpoint.glob("*.safetensors")}
    assert len(sizes) == 2
    assert all(size > 700 for size in sizes.values()), "of 800 bytes and 768 each process writes one"
    assert read(folder, "of another training") is None


@pytest.mark.parametrize(
    ("dying", "step"),
    [
        ("while tensors are written", 1),
        ("before the rest is written", 1),
        ("before it is renamed", 1),
        ("before older ones are deleted", 2),
    ],
)
def test_a_crash_while_a_checkpoint_is_written_leaves_the_last_whole_one(dying: str, step: int, tmp_path: Path) -> None:
    folder = tmp_path / "shards"
    assert written(folder, dying) != 0
    require(read(folder), step)
    written(folder)
    require(read(folder), 2)
    assert len(list(folder.iterdir())) == 1, "what the crash has left is deleted"


def test_a_damaged_checkpoint_is_ignored_with_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = tmp_path / "shards"
    written(folder)
    (checkpoint,) = folder.iterdir()
    file = sorted(checkpoint.glob("*.safetensors"))[1]
    data = file.read_bytes()
    file.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    assert read(folder) is None
    assert f"{file.name} is damaged" in caplog.text
    state = json.loads((checkpoint / "state.json").read_text())
    (checkpoint / "state.json").write_text(json.dumps(state | {"format": "star-shards-9"}))
    assert read(folder) is None
    assert "it has the format star-shards-9, not star-shards-1" in caplog.text
