"""The scanned recurrence against its meaning."""

import pytest
import torch

from star.ops.recurrence import naive, scan
from star.ops.recurrence.inputs import Inputs
from tests.star.ops.gradients import with_gradients


def _inputs(length, groups, heads, keys, dtype=torch.float64, decays=None):
    generator = torch.Generator().manual_seed(length)
    sizes = [(2, length, groups, keys)] * 2 + [decays or (1, 1, heads, keys)] + [(2, length, heads, 1)] * 2
    tensors = [torch.randn(size, dtype=dtype, generator=generator) for size in (*sizes, (2, heads, keys, 1))]
    tensors[2] = -tensors[2].exp()
    tensors[3] = tensors[3].exp()
    return [tensor.requires_grad_() for tensor in tensors]


def _agrees(tensors):
    measured, expected = with_gradients(scan.recurrence, tensors), with_gradients(naive.recurrence, tensors)
    for ours, theirs in zip(measured, expected, strict=True):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("length", [1, 2, 37, 63, 64, 65, 130])
@pytest.mark.parametrize(("groups", "heads", "keys"), [(1, 4, 3), (4, 4, 3), (3, 3, 1), (1, 1, 1)])
def test_outputs_state_and_gradients_agree_with_the_meaning(length, groups, heads, keys, monkeypatch):
    monkeypatch.setattr(scan, "STEP_ELEMENTS", 1)
    monkeypatch.setattr(scan, "FEWEST_BLOCKS", 6)
    _agrees(_inputs(length, groups, heads, keys))


@pytest.mark.parametrize("decays", [(2, 65, 4, 3), (2, 65, 4, 1), (1, 65, 4, 3), (2, 1, 4, 3), (1, 1, 4, 1)])
def test_decays_may_come_with_every_token_or_one_a_head(decays):
    _agrees(_inputs(65, 1, 4, 3, decays=decays))


@pytest.mark.parametrize("log_rate", [-30.0, 30.0])
def test_extreme_decays_stay_finite_over_long_sequences(log_rate):
    tensors = [part.detach() for part in _inputs(4096, 1, 2, 2, torch.float32)]
    tensors[2] = torch.full_like(tensors[2], -1.0) * torch.tensor(log_rate).exp()
    assert all(part.isfinite().all() for part in with_gradients(scan.recurrence, [x.requires_grad_() for x in tensors]))


def test_a_state_that_is_passed_on_continues_the_sequence():
    *tensors, state = (part.detach() for part in _inputs(50, 1, 4, 3))
    inputs = Inputs(*tensors)
    whole, last = scan.recurrence(inputs, state)
    first, middle = scan.recurrence(inputs.tokens(0, 21), state)
    second, end = scan.recurrence(inputs.tokens(21, 50), middle)
    torch.testing.assert_close(torch.cat([first, second], 1), whole)
    torch.testing.assert_close(end, last)
