"""ONNX programs compute in onnxruntime what the model computes, for every class, at any batch and length."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor

import star
from genome import Genome, Shape, Space, decode, sample
from star.export import NotCarriedError
from tests.star.export.programs import SHAPE, agree, batches, close, stack_of, written


def runner(path: Path) -> Callable[..., list[Tensor]]:
    """Load a program as a function of tensors."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options)
    names = [one.name for one in session.get_inputs()]

    def run(*inputs: Tensor) -> list[Tensor]:
        given = {name: x.numpy() for name, x in zip(names, inputs, strict=True)}
        return [torch.from_numpy(x) for x in session.run(None, given)]

    return run


def left(genome: Genome, space: Space, folder: Path) -> None:
    """Write a model, and compare its programs with it."""
    model = written(genome, space, folder, "onnx")
    forward, step = (runner(folder / f"{name}.onnx") for name in ("forward", "step"))
    agree(model, lambda tokens: forward(tokens)[0], step, folder)


@pytest.mark.slow
@pytest.mark.parametrize("names", batches(), ids=", ".join)
def test_every_class_leaves_as_programs(names: tuple[str, ...], tmp_path: Path) -> None:
    left(*stack_of(names), tmp_path / "model")


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_random_genomes_of_mixed_sharing_leave_as_programs(seed: int, tmp_path: Path) -> None:
    space = Space.of(depth=6)
    genome = sample(space, np.random.default_rng(seed)).genome
    left(genome, space, tmp_path / "model")


SMALL = Genome.parse("1.1.1.1.1-5.1.1.1.1"), Space.of(depth=2)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("small")
    written(*SMALL, folder, "onnx")
    return folder


@pytest.mark.slow
def test_the_lines_of_the_readme_run_without_torch(small: Path) -> None:
    (lines,) = re.findall(r"```python\n(.*?)```", (small / "README.md").read_text(), re.DOTALL)
    check = "import sys\nassert not {'star', 'genome', 'torch'} & set(sys.modules)\nprint(logits.shape)\n"
    done = subprocess.run(
        [sys.executable, "-I", "-c", lines + check], cwd=small, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.strip()) == (0, "(1, 1, 20)"), done.stderr


@pytest.mark.slow
def test_the_inputs_of_a_step_are_those_of_the_manifest(small: Path) -> None:
    manifest = json.loads((small / "manifest.json").read_text())
    session = onnxruntime.InferenceSession(small / "step.onnx")
    states = [state["name"] for state in manifest["states"]]
    assert [one.name for one in session.get_inputs()] == ["tokens", *states]
    assert [one.name for one in session.get_outputs()] == ["logits", *(f"next.{name}" for name in states)]


@pytest.mark.slow
def test_a_program_holds_no_path_of_the_machine_that_wrote_it(small: Path) -> None:
    place = str(Path(star.__file__).parents[1]).encode()
    assert not [path.name for path in small.iterdir() if place in path.read_bytes()]


def test_weights_of_half_precision_are_refused(tmp_path: Path) -> None:
    genome, space = SMALL
    weights = star.weights(star.build(decode(genome, space), SHAPE).to(torch.bfloat16))
    with pytest.raises(NotCarriedError, match=r"its weights are torch.bfloat16, and only torch.float32 is carried"):
        star.export(tmp_path / "model", genome, space, SHAPE, weights, {}, "onnx")
    assert not (tmp_path / "model").exists()


@pytest.mark.slow
def test_values_of_a_series_are_an_input(tmp_path: Path) -> None:
    shape = Shape(vocab=6, width=32, head_dim=8, window=6, channels=3)
    model = written(*SMALL, tmp_path, "onnx", shape)
    values = torch.randn(2, 9, 3)
    with torch.no_grad():
        close(runner(tmp_path / "forward.onnx")(values)[0], model(values))
