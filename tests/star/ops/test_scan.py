"""The recurrence in blocks against a loop one believes at sight."""

import pytest
import torch

from star.ops.recurrence import scan as module
from star.ops.recurrence.scan import recurrence_in_blocks


def _loop(c, b, a, d, w, state):
    outputs = []
    for t in range(w.shape[1]):
        decay = torch.exp(d[:, t] * (a[:, t if a.shape[1] > 1 else 0]))[..., None]
        state = decay * state + b[:, t, :, :, None] * w[:, t, :, None, :]
        outputs.append((c[:, t, :, :, None] * state).sum(-2))
    return torch.stack(outputs, 1), state


def _inputs(length, groups, heads, keys, dtype=torch.float64, decays=None):
    torch.manual_seed(length)
    sizes = [(2, length, groups, keys)] * 2 + [decays or (1, 1, heads, keys)] + [(2, length, heads, 1)] * 2
    tensors = [torch.randn(size, dtype=dtype) for size in (*sizes, (2, heads, keys, 1))]
    tensors[2] = -tensors[2].exp()
    tensors[3] = tensors[3].exp()
    return [tensor.requires_grad_() for tensor in tensors]


@pytest.mark.parametrize("length", [1, 2, 37, 63, 64, 65, 130])
@pytest.mark.parametrize(("groups", "heads", "keys"), [(1, 4, 3), (4, 4, 3), (3, 3, 1), (1, 1, 1)])
def test_outputs_state_and_gradients_agree_with_the_loop(length, groups, heads, keys, monkeypatch):
    monkeypatch.setattr(module, "STEP_ELEMENTS", 1)
    monkeypatch.setattr(module, "FEWEST_BLOCKS", 6)
    _agrees(_inputs(length, groups, heads, keys))


@pytest.mark.parametrize("decays", [(2, 65, 4, 3), (2, 65, 4, 1), (1, 65, 4, 3), (2, 1, 4, 3), (1, 1, 4, 1)])
def test_decays_may_come_with_every_token_or_one_a_head(decays):
    _agrees(_inputs(65, 1, 4, 3, decays=decays))


def _agrees(inputs):
    measured, expected = recurrence_in_blocks(*inputs), _loop(*inputs)
    weights = [torch.randn_like(part) for part in expected]
    for ours, theirs in zip(measured, expected, strict=True):
        torch.testing.assert_close(ours, theirs)
    grads = [
        torch.autograd.grad(sum((part * w).sum() for part, w in zip(parts, weights, strict=True)), inputs)
        for parts in (measured, expected)
    ]
    for ours, theirs in zip(*grads, strict=True):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("log_rate", [-30.0, 30.0])
def test_extreme_decays_stay_finite_over_long_sequences(log_rate):
    inputs = [part.detach() for part in _inputs(4096, 1, 2, 2, torch.float32)]
    inputs[2] = torch.full_like(inputs[2], -1.0) * torch.tensor(log_rate).exp()
    inputs = [part.requires_grad_() for part in inputs]
    outputs, state = recurrence_in_blocks(*inputs)
    grads = torch.autograd.grad(outputs.square().mean() + state.square().mean(), inputs)
    assert all(part.isfinite().all() for part in (outputs, state, *grads))


def test_a_state_handed_on_continues_the_sequence():
    c, b, a, d, w, state = (part.detach() for part in _inputs(50, 1, 4, 3))
    whole, last = recurrence_in_blocks(c, b, a, d, w, state)
    first, middle = recurrence_in_blocks(c[:, :21], b[:, :21], a, d[:, :21], w[:, :21], state)
    second, end = recurrence_in_blocks(c[:, 21:], b[:, 21:], a, d[:, 21:], w[:, 21:], middle)
    torch.testing.assert_close(torch.cat([first, second], 1), whole)
    torch.testing.assert_close(end, last)
