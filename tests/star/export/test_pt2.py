"""Programs of torch.export compute what the model computes, for every class, at any batch and length."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import star
from genome import Genome, Shape, Space, decode, sample
from star.export import FORMATS, Exported
from tests.star.export.programs import SHAPE, agree, batches, close, stack_of, written


def left(genome: Genome, space: Space, folder: Path) -> None:
    """Write a model, and compare its programs with it."""
    model = written(genome, space, folder, "pt2")
    forward, step = (torch.export.load(folder / f"{name}.pt2").module() for name in ("forward", "step"))
    agree(model, forward, step, folder)


@pytest.mark.slow
@pytest.mark.parametrize("names", batches(), ids=", ".join)
def test_every_class_leaves_as_programs(names: tuple[str, ...], tmp_path: Path) -> None:
    left(*stack_of(names), tmp_path / "model")


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_random_genomes_of_mixed_sharing_leave_as_programs(seed: int, tmp_path: Path) -> None:
    space = Space.of(depth=6)
    genome = sample(space, np.random.default_rng(seed)).genome
    left(genome, space, tmp_path / "model")


def test_no_class_is_refused() -> None:
    refused = {}
    for names in batches():
        genome, space = stack_of(names)
        weights = star.weights(star.build(decode(genome, space), SHAPE))
        reason = FORMATS["pt2"].refusal(Exported(genome, space, SHAPE, weights, {}))
        if reason is not None:
            refused[names] = reason
    assert refused == {}


SMALL = Genome.parse("1.1.1.1.1-5.1.1.1.1"), Space.of(depth=2)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("small")
    written(*SMALL, folder, "pt2")
    return folder


@pytest.mark.slow
def test_the_manifest_lists_the_states(small: Path) -> None:
    manifest = json.loads((small / "manifest.json").read_text())
    assert manifest["states"][0] == {
        "name": "blocks.0.0.b",
        "shape": ["B", "T", 4, 8],
        "dtype": "float32",
        "initial": "zeros",
    }
    assert [state["name"] for state in manifest["states"][1:]] == [
        "blocks.0.0.v",
        "blocks.1.0.state",
        "blocks.1.0.c.conv",
        "blocks.1.0.b.conv",
        "blocks.1.0.v.conv",
    ]


@pytest.mark.slow
def test_a_state_of_fixed_size_counts_its_tokens(tmp_path: Path) -> None:
    """A window has zeros in the place of tokens before the first, which the position tells apart."""
    written(*stack_of(["SWA"]), tmp_path, "pt2")
    states = json.loads((tmp_path / "manifest.json").read_text())["states"]
    assert (states[0]["name"], states[0]["shape"], states[0]["dtype"]) == ("position", [], "int64")
    assert states[1]["shape"] == ["B", 6, 4, 8]


@pytest.mark.slow
def test_a_model_without_memory_has_its_position_as_only_state(tmp_path: Path) -> None:
    left(*stack_of(["GMemless"]), tmp_path / "model")
    states = json.loads((tmp_path / "model" / "manifest.json").read_text())["states"]
    assert [state["name"] for state in states] == ["position"]


@pytest.mark.slow
def test_the_lines_of_the_readme_run_with_torch_alone(small: Path) -> None:
    (lines,) = re.findall(r"```python\n(.*?)```", (small / "README.md").read_text(), re.DOTALL)
    check = "import sys\nassert not {'star', 'genome'} & set(sys.modules)\nprint(tuple(logits.shape))\n"
    done = subprocess.run(
        [sys.executable, "-I", "-c", lines + check], cwd=small, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.strip()) == (0, "(1, 1, 20)"), done.stderr


@pytest.mark.slow
def test_values_of_a_series_are_an_input(tmp_path: Path) -> None:
    shape = Shape(vocab=6, width=32, head_dim=8, window=6, channels=3)
    model = written(*SMALL, tmp_path, "pt2", shape)
    values = torch.randn(2, 9, 3)
    with torch.no_grad():
        close(torch.export.load(tmp_path / "forward.pt2").module()(values), model(values))


@pytest.mark.slow
def test_a_program_holds_no_path_of_the_machine_that_wrote_it(small: Path) -> None:
    place = str(Path(star.__file__).parents[1]).encode()
    assert not [path.name for path in small.iterdir() if place in path.read_bytes()]


@pytest.mark.slow
def test_equal_models_give_equal_bytes(small: Path, tmp_path: Path) -> None:
    written(*SMALL, tmp_path, "pt2")
    files = sorted(path.name for path in small.iterdir())
    assert files == ["README.md", "forward.pt2", "genome.json", "manifest.json", "step.pt2"]
    assert all((small / name).read_bytes() == (tmp_path / name).read_bytes() for name in files)
