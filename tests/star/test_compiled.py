"""torch.compile changes neither outputs nor gradients of a class.

B batch, L tokens.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch._dynamo.utils import counters

import star
from genome import CLASSES, decode
from tests.star.export.programs import SHAPE, stack_of

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # PyTorch's own, of what its compiler meets
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]

WHOLE = ("SA-1", "SWA", "Rec-1", "GLA", "Gated DeltaNet", "GConv-1", "S4D")
"""Classes of different structures that are compiled into one graph, as a sample for each run."""

ROUTED = ("MoM", "MoE", "Routing Transformer")
"""Classes whose routes decide what is computed, so that they are several graphs."""

INDUCTOR = ("SA-3", "Rec-2", "DeltaNet")


@pytest.fixture(autouse=True)
def _fresh() -> None:
    torch._dynamo.reset()
    counters.clear()


def results(name: str, compiled: Callable[[star.Backbone], Callable[[Tensor], Tensor]]) -> list[Tensor]:
    """Compute logits and the gradients of all parameters."""
    model = star.build(decode(*stack_of([name])), SHAPE, seed=1)
    tokens_BL = torch.arange(74).view(2, 37) * 7 % SHAPE.vocab
    logits = compiled(model)(tokens_BL)
    logits.square().mean().backward()
    return [logits.detach(), *(x.grad for x in model.parameters() if x.grad is not None)]


def agree(name: str, backend: str) -> None:
    plain = results(name, lambda model: model)
    compiled = results(name, lambda model: torch.compile(model, backend=backend))
    assert len(plain) == len(compiled)
    for one, other in zip(compiled, plain, strict=True):
        assert (one - other).norm() <= 1e-4 * other.norm() + 1e-7


@pytest.mark.slow
@pytest.mark.parametrize("name", WHOLE)
def test_a_class_is_one_graph(name: str) -> None:
    agree(name, "aot_eager")
    assert sum(counters["graph_break"].values()) == 0


@pytest.mark.slow
@pytest.mark.parametrize("name", ROUTED)
def test_a_routed_class_is_several_graphs(name: str) -> None:
    """A part that several modules run, each in a graph of its own, must not be taken for that of another module."""
    agree(name, "aot_eager")


@pytest.mark.slow
@pytest.mark.parametrize("name", [row.name for row in CLASSES if row.name not in WHOLE + ROUTED])
def test_every_other_class_agrees(name: str) -> None:
    agree(name, "aot_eager")


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="inductor needs a C++ compiler")
@pytest.mark.parametrize("name", INDUCTOR)
def test_code_of_inductor_agrees(name: str) -> None:
    agree(name, "inductor")
