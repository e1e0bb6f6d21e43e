"""The recurrence in chunks against its meaning."""

import pytest
import torch
import torch.nn.functional as F

from star.ops.recurrence import chunk, naive
from star.ops.recurrence.inputs import Inputs
from tests.star.ops.gradients import with_gradients

HEADS, KEYS, VALUES = 4, 6, 5
LENGTHS = [1, 2, 15, 16, 17, 37, 63, 64, 65, 130, 1000]


def _inputs(length, groups, decays, dtype=torch.float64, scale=1.0):
    """c, b, a, d, v and the first state; log decays are `scale` times numbers that are mostly near -1."""
    generator = torch.Generator().manual_seed(length)
    sizes = [(2, length, groups, KEYS)] * 2 + [(2, length, HEADS, decays), (2, length, HEADS, 1)]
    sizes += [(2, length, HEADS, VALUES), (2, HEADS, KEYS, VALUES)]
    c, b, a, d, v, state = (torch.randn(size, dtype=dtype, generator=generator) for size in sizes)
    return [x.requires_grad_() for x in (c, b, -scale * a.exp(), d.sigmoid(), v, state)]


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("groups", [1, HEADS])
@pytest.mark.parametrize("decays", [1, KEYS])
def test_outputs_state_and_gradients_agree_with_the_meaning(length, groups, decays, monkeypatch):
    monkeypatch.setattr(chunk, "TILE_ELEMENTS", 1 << 12)
    inputs = _inputs(length, groups, decays)
    for ours, theirs in zip(
        with_gradients(chunk.recurrence, inputs), with_gradients(naive.recurrence, inputs), strict=True
    ):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("decays", [1, KEYS])
@pytest.mark.parametrize("scale", [1e-3, 1.0, 30.0])
def test_float32_gives_what_float64_gives(decays, scale):
    inputs = _inputs(300, HEADS, decays, scale=scale)
    rounded = [part.detach().float().requires_grad_() for part in inputs]
    measured, expected = with_gradients(chunk.recurrence, rounded), with_gradients(chunk.recurrence, inputs)
    for n, (ours, theirs) in enumerate(zip(measured, expected, strict=True)):
        error = (ours - theirs).square().mean().sqrt() / theirs.square().mean().sqrt()
        assert error <= (1e-5 if n < 2 else 1e-4)


@pytest.mark.parametrize("decays", [1, KEYS])
@pytest.mark.parametrize("logit", [-30.0, 30.0])
@pytest.mark.parametrize("length", [4096, 16384])
def test_extreme_gates_stay_finite_over_long_sequences(decays, logit, length):
    inputs = [part.detach() for part in _inputs(length, 1, decays, torch.float32)]
    inputs[2] = F.logsigmoid(torch.full_like(inputs[2], logit))
    inputs = [part.requires_grad_() for part in inputs]
    assert all(part.isfinite().all() for part in with_gradients(chunk.recurrence, inputs))


@pytest.mark.parametrize("decays", [1, KEYS])
def test_a_token_that_forgets_everything_hides_the_past_and_nothing_else(decays):
    """After a decay of e^-1000 among mild ones, tokens read as if the sequence had begun there."""
    *tensors, state = (part.detach() for part in _inputs(100, HEADS, decays, torch.float32, 0.1))
    inputs = Inputs(*tensors)
    inputs.a[:, 41], inputs.d[:, 41] = -1000.0, 1.0
    after, _ = chunk.recurrence(inputs.tokens(41, 100), torch.zeros_like(state))
    torch.testing.assert_close(chunk.recurrence(inputs, state)[0][:, 41:], after)


@pytest.mark.parametrize("decays", [1, KEYS])
def test_a_state_that_is_passed_on_continues_the_sequence(decays):
    *tensors, state = (part.detach() for part in _inputs(90, HEADS, decays))
    inputs = Inputs(*tensors)
    whole, last = chunk.recurrence(inputs, state)
    first, middle = chunk.recurrence(inputs.tokens(0, 21), state)
    second, end = chunk.recurrence(inputs.tokens(21, 90), middle)
    torch.testing.assert_close(torch.cat([first, second], 1), whole)
    torch.testing.assert_close(end, last)


@pytest.mark.parametrize("decays", [1, KEYS])
def test_a_later_token_changes_no_bit_of_an_earlier_output(decays, monkeypatch):
    monkeypatch.setattr(chunk, "TILE_ELEMENTS", 1 << 14)
    *tensors, state = (part.detach() for part in _inputs(100, HEADS, decays, torch.float32, 0.1))
    inputs = Inputs(*tensors)
    before, _ = chunk.recurrence(inputs, state)
    inputs.a[:, 41] = -1000.0
    after, _ = chunk.recurrence(inputs, state)
    assert torch.equal(before[:, :41], after[:, :41])
