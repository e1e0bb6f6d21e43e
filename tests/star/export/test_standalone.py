"""The format `standalone` over every class and over random genomes: the file computes what the model does."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from genome import Shape
from star.export.standalone.form import text
from star.ops.dispatch import forced
from tests.star.export import standalone_alone
from tests.star.export.models import FIRST, GENOMES, SECOND, SHAPE, exported, written


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The folders of all models, each with what its file computed in an interpreter that has PyTorch alone."""
    folders, tokens = tmp_path_factory.mktemp("alone"), tmp_path_factory.mktemp("input") / "tokens.pt"
    torch.save(_tokens(), tokens)
    for name in GENOMES:
        written(folders / name, name, "standalone")
    command = [sys.executable, "-I", standalone_alone.__file__, folders, tokens]
    subprocess.run(command, check=True, timeout=600)
    return folders


def _tokens():
    return torch.randint(SHAPE.vocab, (2, 37), generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", GENOMES)
def test_the_file_computes_what_the_model_computes(alone, name):
    found = torch.load(alone / name / "computed.pt", weights_only=True)
    with forced("torch"):
        expected = standalone_alone.computed(exported(name).model, _tokens())
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-6)


def test_no_file_names_what_it_lacks_or_imports_what_it_does_not_need(alone):
    subprocess.run([sys.executable, "-m", "ruff", "check", "--isolated", "--select=F", "--quiet", alone], check=True)


def test_the_same_model_gives_the_same_file():
    assert text(exported(FIRST)) == text(exported(FIRST))


def test_weights_that_do_not_fit_or_are_damaged_are_refused(alone):
    module = standalone_alone.imported(next((alone / FIRST).glob("modeling_*.py")))
    whole = (alone / FIRST / "model.safetensors").read_bytes()
    for data, said in ((whole[:-5], "damaged"), (b"", "damaged"), (b"\xff" * 64, "damaged")):
        Path(alone / FIRST / "broken").write_bytes(data)
        with pytest.raises(ValueError, match=said):
            module.load(alone / FIRST / "broken")
    with pytest.raises(ValueError, match="does not fit this model"):
        module.load(alone / SECOND / "model.safetensors")


def test_real_values_in_place_of_tokens():
    shape = Shape(width=32, head_dim=8, vocab=3, channels=4)
    assert "model(torch.zeros(1, 8, 4))" in text(exported(FIRST, shape))
