"""A winner leaves as a folder and comes back the same, in a process that has only torch, safetensors and us."""

import json
import subprocess
import sys

import pytest
import torch

import star
from genome import Genome, Shape, Space, decode

TEXT = "10.1.2.1.4-5.1.1.1.1-7.1.1.1.1-10.1.2.1.4-8.1.1.1.1"
SHAPE = Shape(vocab=60)
SPACE = Space.of(depth=5)


@pytest.fixture
def exported(tmp_path):
    genome = Genome.parse(TEXT)
    model = star.build(decode(genome, SPACE), SHAPE, seed=2).eval()
    folder = star.export(tmp_path / "winner", genome, SPACE, SHAPE, star.weights(model), {"bits_per_byte": 2.5})
    return model, folder


def test_logits_come_back(exported):
    model, folder = exported
    tokens = torch.arange(40).view(2, 20)
    with torch.no_grad():
        torch.testing.assert_close(star.load(folder)(tokens), model(tokens), atol=1e-6, rtol=0)


def test_the_folder_holds_three_readable_files(exported):
    _, folder = exported
    assert sorted(path.name for path in folder.iterdir()) == ["README.md", "genome.json", "model.safetensors"]
    description = json.loads((folder / "genome.json").read_text())
    assert description["genome"] == TEXT
    assert description["facts"] == {"bits_per_byte": 2.5}
    assert "SA-1-Diff" in (folder / "README.md").read_text()


@pytest.mark.slow
def test_loading_needs_only_torch_safetensors_star_and_genome(exported):
    _, folder = exported
    program = (
        "import sys, torch, star\n"
        f"model = star.load({str(folder)!r})\n"
        "assert isinstance(model, torch.nn.Module)\n"
        "print(model.generate(torch.zeros(1, 1, dtype=torch.long), 5).shape)\n"
        "ours = {'evaluator', 'search', 'api', 'ray', 'pymoo', 'sqlalchemy', 'fastapi', 'pydantic'}\n"
        "sys.exit(', '.join(ours & set(sys.modules)) or 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "torch.Size([1, 6])"), done.stderr


def test_weights_of_another_architecture_are_refused(exported, tmp_path):
    other = star.weights(star.build(decode(Genome.parse("9.1.1.1.1"), Space.of(depth=1)), SHAPE))
    with pytest.raises(ValueError, match="the weights do not fit the genome"):
        star.export(tmp_path / "other", Genome.parse(TEXT), SPACE, SHAPE, other, {})
    assert not (tmp_path / "other").exists()


def test_the_weights_of_a_differential_pair_keep_their_names():
    """Exports made by earlier versions hold these names."""
    space = Space.of(["SA-1-Diff"], depth=1)
    model = star.build(decode(Genome.parse("10.1.1.1.1"), space), SHAPE)
    names = [name.removeprefix("blocks.0.operator.") for name in model.state_dict() if "operator" in name]
    branch = ["featurizer.groups.c.weight", "featurizer.groups.b.weight", "featurizer.groups.v.weight", "out_DC"]
    assert sorted(names) == sorted(["balance", *(f"branches.{n}.{name}" for n in (1, 2) for name in branch)])
