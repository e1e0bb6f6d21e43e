"""The last state as a sum over tokens against the meaning of the recurrence."""

import pytest
import torch

from star.ops.recurrence import naive
from star.ops.recurrence.final_state import final_state
from star.ops.recurrence.inputs import Inputs

HEADS, KEYS = 3, 4


@pytest.mark.parametrize("values", [1, 2, 5])
@pytest.mark.parametrize("decays", [(2, 1), (2, KEYS), (1, 1), (1, KEYS)], ids=str)
@pytest.mark.parametrize("groups", [1, HEADS])
@pytest.mark.parametrize("length", [1, 2, 16])
def test_state_and_gradients_agree_with_the_meaning(length, groups, decays, values):
    generator = torch.Generator().manual_seed(length)
    batch, rates = decays
    shapes = [(2, length, groups, KEYS)] * 2 + [(batch, length if batch > 1 else 1, HEADS, rates)]
    shapes += [(2, length, HEADS, 1), (2, length, HEADS, values)]
    c, b, a, d, v = (torch.randn(shape, generator=generator, dtype=torch.float64) for shape in shapes)
    tensors = [x.requires_grad_() for x in (b, -a.exp(), d.sigmoid(), v)]
    inputs = Inputs(c, *tensors)
    measured, (_, expected) = final_state(inputs), naive.recurrence(inputs, c.new_zeros(2, HEADS, KEYS, values))
    torch.testing.assert_close(measured, expected)
    weights = torch.linspace(-1, 1, expected.numel()).cos().view_as(expected)
    ours, theirs = (
        torch.autograd.grad((x * weights).sum(), tensors, materialize_grads=True) for x in (measured, expected)
    )
    torch.testing.assert_close(ours, theirs)
