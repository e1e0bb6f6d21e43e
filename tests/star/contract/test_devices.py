"""Every form of every class computes on the device of its inputs: no mask, index or state is made on the CPU.

B batch, L tokens, H heads, V value channels per head.
"""

import pytest
import torch

from genome import CLASSES, Genome, Shape, Space, decode
from star.build import build
from star.ops.dispatch import forced
from star.structures.semi_separable import SemiSeparable
from tests.star.contract.elsewhere import Elsewhere, backward

SHAPE = Shape(width=16, head_dim=4, vocab=8, window=4)
TOKENS_BL = torch.arange(18).view(2, 9) % SHAPE.vocab
PROMPT = 4


def _every_form(row):
    """Run the five forms of a class, the features, the backward pass and decoding, all on tensors elsewhere."""
    model = build(decode(Genome.of([row.id]), Space.of([row.name], depth=1)), SHAPE)
    tokens_BL = TOKENS_BL.clone()
    with Elsewhere(), forced("torch"):
        backward(model(tokens_BL).sum())
        with torch.no_grad():
            ((block, features),) = model.trace(tokens_BL)
            for liv, own in block.parts(features):
                liv.structure.mix(own)
                if liv.structure.linear:
                    liv.structure.matrix(own)
            cache = model.new_cache(len(tokens_BL))
            for part_BL in (tokens_BL[:, :PROMPT], tokens_BL[:, PROMPT : PROMPT + 1], tokens_BL[:, PROMPT + 1 :]):
                model(part_BL, cache)


@pytest.mark.parametrize("row", CLASSES, ids=lambda row: row.name)
def test_every_form_computes_on_the_device_of_its_inputs(row):
    _every_form(row)


def test_a_mask_made_on_the_cpu_is_caught(monkeypatch):
    honest = SemiSeparable.matrix

    def careless(structure, features):
        length = features["v"].shape[1]
        return honest(structure, features).masked_fill(torch.ones(length, length, dtype=torch.bool).triu(1), 0)

    monkeypatch.setattr(SemiSeparable, "matrix", careless)
    row = next(row for row in CLASSES if row.name == "GLA")
    with pytest.raises(AssertionError, match="ones makes a tensor on the CPU"):
        _every_form(row)


@pytest.mark.parametrize(
    "involve",
    [
        lambda x: torch.arange(3, device="cpu"),
        lambda x: torch.tensor([1.0]),
        lambda x: x.cpu(),
        lambda x: x.to("cpu"),
        lambda x: x.numpy(),
    ],
)
def test_the_cpu_is_noticed(involve):
    x = torch.zeros(3)
    with Elsewhere(), pytest.raises(AssertionError, match=r"CPU|cpu"):
        involve(x)


def test_a_factory_in_a_backward_pass_is_noticed():
    class Careless(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.clone()

        @staticmethod
        def backward(ctx, grad):
            return grad * torch.ones(3)

    x = torch.zeros(3, requires_grad=True)
    with Elsewhere(), pytest.raises(AssertionError, match="ones makes a tensor on the CPU"):
        backward(Careless.apply(x).sum())


def test_a_factory_with_the_device_of_an_input_passes():
    x = torch.zeros(3)
    with Elsewhere():
        assert torch.ones(3, device=x.device).device == x.new_zeros(3).device == x.device
