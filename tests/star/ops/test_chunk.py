"""The chunked recurrence against a loop one believes at sight."""

import pytest
import torch
import torch.nn.functional as F

from star.ops.recurrence import chunk as module
from star.ops.recurrence import chunk_bounded as bounded
from star.ops.recurrence.chunk import chunked

HEADS, KEYS, VALUES = 4, 6, 5
LENGTHS = [1, 2, 15, 16, 17, 37, 63, 64, 65, 130, 1000]


def _loop(c, b, log_decay, w, state):
    outputs = []
    for c_t, b_t, l_t, w_t in zip(c.unbind(1), b.unbind(1), log_decay.unbind(1), w.unbind(1), strict=True):
        state = l_t.exp().unsqueeze(-1) * state + b_t.unsqueeze(-1) * w_t.unsqueeze(-2)
        outputs.append((c_t.unsqueeze(-1) * state).sum(-2))
    return torch.stack(outputs, 1), state


def _inputs(length, groups, decays, dtype=torch.float64, scale=1.0):
    generator = torch.Generator().manual_seed(length)
    sizes = [(2, length, groups, KEYS)] * 2 + [(2, length, HEADS, decays), (2, length, HEADS, VALUES)]
    tensors = [torch.randn(size, dtype=dtype, generator=generator) for size in (*sizes, (2, HEADS, KEYS, VALUES))]
    tensors[2] = -scale * tensors[2].exp()
    return [tensor.requires_grad_() for tensor in tensors]


def _with_gradients(form, inputs):
    parts = form(*inputs)
    weights = [torch.linspace(-1, 1, part.numel(), dtype=part.dtype).cos().view_as(part) for part in parts]
    total = sum((part * weight).sum() for part, weight in zip(parts, weights, strict=True))
    return [*parts, *torch.autograd.grad(total, inputs)]


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("groups", [1, HEADS])
@pytest.mark.parametrize("decays", [1, KEYS])
def test_outputs_state_and_gradients_agree_with_the_loop(length, groups, decays, monkeypatch):
    monkeypatch.setattr(module, "SLAB_ELEMENTS", 1 << 12)
    inputs = _inputs(length, groups, decays)
    for ours, theirs in zip(_with_gradients(chunked, inputs), _with_gradients(_loop, inputs), strict=True):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("decays", [1, KEYS])
@pytest.mark.parametrize("scale", [1e-3, 1.0, 30.0])
def test_float32_gives_what_float64_gives(decays, scale):
    inputs = _inputs(300, HEADS, decays, scale=scale)
    rounded = [part.detach().float().requires_grad_() for part in inputs]
    measured, expected = _with_gradients(chunked, rounded), _with_gradients(chunked, inputs)
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
    assert all(part.isfinite().all() for part in _with_gradients(chunked, inputs))


@pytest.mark.parametrize("decays", [1, KEYS])
def test_a_token_that_forgets_everything_hides_the_past_and_nothing_else(decays):
    """A decay of e^-1000 in the midst of mild ones: nothing before it is read behind it, all else as if alone."""
    c, b, log_decay, w, state = (part.detach() for part in _inputs(100, HEADS, decays, torch.float32, 0.1))
    log_decay[:, 41] = -1000.0
    behind, _ = chunked(c[:, 41:], b[:, 41:], log_decay[:, 41:], w[:, 41:], torch.zeros_like(state))
    torch.testing.assert_close(chunked(c, b, log_decay, w, state)[0][:, 41:], behind)


@pytest.mark.parametrize("decays", [1, KEYS])
def test_a_state_handed_on_continues_the_sequence(decays):
    *tokens, state = (part.detach() for part in _inputs(90, HEADS, decays))
    whole, last = chunked(*tokens, state)
    first, middle = chunked(*(part[:, :21] for part in tokens), state)
    second, end = chunked(*(part[:, 21:] for part in tokens), middle)
    torch.testing.assert_close(torch.cat([first, second], 1), whole)
    torch.testing.assert_close(end, last)


@pytest.mark.parametrize("length", [1, 2, 15, 37, 130, 1000])
@pytest.mark.parametrize("decays", [1, KEYS])
def test_slabs_of_mild_and_of_sharp_decays_agree_with_the_loop(length, decays, monkeypatch):
    """Mild decays take a form of their own; a slab with one sharp decay does not, and hands it its state."""
    monkeypatch.setattr(module, "SLAB_ELEMENTS", 1 << 12)
    inputs = [part.detach() for part in _inputs(length, HEADS, decays, scale=0.1)]
    inputs[2][:, 200:202] *= 1e3
    inputs = [part.requires_grad_() for part in inputs]
    for ours, theirs in zip(_with_gradients(chunked, inputs), _with_gradients(_loop, inputs), strict=True):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("decays", [1, KEYS])
@pytest.mark.parametrize("place", [0, 7, 8, 15])
def test_the_farthest_a_mild_chunk_decays_keeps_float32(decays, place):
    inputs = [part.detach() for part in _inputs(160, HEADS, decays, scale=1e-3)]
    inputs[2][:, place::16] -= bounded.FARTHEST - 0.1
    assert bounded.Bounded(*(module._cut(part, 16) for part in inputs[:4]), inputs[4]).near().all()
    exact = [part.requires_grad_() for part in inputs]
    rounded = [part.detach().float().requires_grad_() for part in inputs]
    for n, (ours, theirs) in enumerate(
        zip(_with_gradients(chunked, rounded), _with_gradients(_loop, exact), strict=True)
    ):
        error = (ours - theirs).square().mean().sqrt() / theirs.square().mean().sqrt()
        assert error <= (1e-6 if n < 2 else 1e-5)


@pytest.mark.parametrize("decays", [1, KEYS])
def test_a_sharp_decay_does_not_change_the_form_of_what_came_before(decays, monkeypatch):
    monkeypatch.setattr(module, "SLAB_ELEMENTS", 1 << 14)
    c, b, log_decay, w, state = (part.detach() for part in _inputs(100, HEADS, decays, torch.float32, 0.1))
    before, _ = chunked(c, b, log_decay, w, state)
    log_decay[:, 41] = -1000.0
    after, _ = chunked(c, b, log_decay, w, state)
    assert torch.equal(before[:, :41], after[:, :41])
