"""A mixture of experts computed expert by expert is the one whose features lie in slots.

B batch, L tokens, D model width.
"""

from dataclasses import replace

import pytest
import torch

from genome import Genome, Shape, Space, decode, named
from star.build import build
from star.liv import LIV
from star.units import Units

SHAPE = Shape(width=32, head_dim=8, vocab=16)
ROW = named("MoE")


def _operator(differential=False):
    space = replace(Space.of([ROW.name], depth=1), classes=(replace(ROW, differential=differential),))
    return next(build(decode(Genome.of([ROW.id]), space), SHAPE).double().stack()).operator


def _computed(operator, parts, x_BLD):
    y_BLD = operator.mix_parts([part.features(x_BLD) for part in parts], parts)
    loss = y_BLD.mul(torch.linspace(-1, 1, y_BLD.numel(), dtype=y_BLD.dtype).view_as(y_BLD)).sum()
    return [y_BLD, *torch.autograd.grad(loss, [x_BLD, *operator.parameters()])]


@pytest.mark.parametrize("length", [1, 2, 37])
@pytest.mark.parametrize("differential", [False, True])
def test_outputs_and_gradients_are_those_of_features_in_slots(differential, length):
    operator = _operator(differential)
    assert [type(part) for part in operator.unshared] == [Units] * len(operator.livs)
    assert [type(part) for part in operator.parts] == [LIV] * len(operator.livs)
    x_BLD = torch.randn(2, length, SHAPE.width, dtype=torch.float64, generator=torch.Generator().manual_seed(length))
    x_BLD.requires_grad_()
    found, expected = (_computed(operator, parts, x_BLD) for parts in (operator.unshared, operator.parts))
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize(("strategy", "lends"), [(1, False), (3, True)])
def test_features_that_another_block_takes_lie_in_slots(strategy, lends):
    text = "-".join([f"{ROW.id}.1.1.1.{strategy}"] * 2)
    model = build(decode(Genome.parse(text), Space.of([ROW.name], depth=2)), SHAPE).double()
    tokens_BL = torch.arange(18).view(2, 9) % SHAPE.vocab
    first, second = (features[0] for _, features, _ in model._walk(model.embedding_VD[tokens_BL]))
    assert ("v" in first, "v" in second) == (lends, lends)
    torch.testing.assert_close(model(tokens_BL), model(tokens_BL, model.new_cache(2)))
