"""The delta rule in chunks against its meaning, and its meaning against the published transitions."""

import math

import pytest
import torch
import torch.nn.functional as F

from star.contract.forms import relative_rms
from star.ops.delta_rule import chunk, naive
from star.ops.delta_rule.chunk import CHUNK, TILE
from star.ops.recurrence.inputs import Inputs
from star.structures.delta import Delta
from tests.star.ops.gradients import with_gradients

of_both_kinds = pytest.mark.parametrize("per_key", [False, True], ids=["a decay a head", "a decay a key"])


def _inputs(length, keys=5, values=3, heads=2, groups=2, batch_of_decays=2, dtype=torch.float64, per_key=False):
    generator = torch.Generator().manual_seed(length)
    drawn = [
        torch.randn(size, generator=generator, dtype=dtype)
        for size in (
            (2, length, groups, keys),
            (2, length, groups, keys),
            (batch_of_decays, length, heads, keys if per_key else 1),
            (2, length, heads, 1),
            (2, length, heads, values),
            (2, heads, keys, values),
        )
    ]
    c, b, a, d, v, state = drawn
    return [x.requires_grad_() for x in (c, F.normalize(F.silu(b), dim=-1), F.logsigmoid(a), d.sigmoid(), v, state)]


def _agree(inputs, **tolerances):
    measured, expected = with_gradients(chunk.delta_rule, inputs), with_gradients(naive.delta_rule, inputs)
    for ours, theirs in zip(measured, expected, strict=True):
        torch.testing.assert_close(ours, theirs, **tolerances)


def _run(form, tensors):
    return form(Inputs(*tensors[:5]), tensors[5])


@of_both_kinds
@pytest.mark.parametrize("length", range(1, 131))
def test_outputs_state_and_gradients_agree_with_the_meaning(length, per_key):
    _agree(_inputs(length, per_key=per_key))


@of_both_kinds
@pytest.mark.parametrize("length", [1, CHUNK - 1, CHUNK, CHUNK + 1, 1000])
@pytest.mark.parametrize("tokens", [0.05, 0.5, math.inf])
def test_half_lives_from_a_twentieth_of_a_token_to_for_ever_agree_with_the_meaning(tokens, length, per_key):
    inputs = [x.detach() for x in _inputs(length, per_key=per_key)]
    inputs[2] = inputs[2] / inputs[2].mean() * -math.log(2) / tokens
    _agree([x.requires_grad_() for x in inputs], rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize(
    ("keys", "values", "heads", "groups", "batch_of_decays"),
    [(16, 16, 4, 4, 2), (16, 1, 5, 1, 2), (1, 1, 2, 2, 1), (3, 7, 1, 1, 1), (4, 4, 3, 1, 1)],
)
@of_both_kinds
def test_heads_may_share_keys_and_batches_may_share_decays(keys, values, heads, groups, batch_of_decays, per_key):
    _agree(_inputs(2 * CHUNK + 5, keys, values, heads, groups, batch_of_decays, per_key=per_key))


@of_both_kinds
def test_a_thousand_tokens_agree_with_the_meaning_in_float32(per_key):
    inputs = _inputs(1000, 16, 16, per_key=per_key)
    expected, _ = _run(naive.delta_rule, inputs)
    expected_grads = torch.autograd.grad(expected.square().sum(), inputs)
    single = [x.detach().float().requires_grad_() for x in inputs]
    measured, _ = _run(chunk.delta_rule, single)
    assert relative_rms(measured.detach().double(), expected.detach()) < Delta.tolerance
    for ours, theirs in zip(torch.autograd.grad(measured.square().sum(), single), expected_grads, strict=True):
        assert relative_rms(ours.double(), theirs) < Delta.tolerance


@of_both_kinds
def test_keys_that_are_all_alike_lose_no_digits(per_key):
    """Where an inverse by powers of the system fails: see star.ops.delta_rule.chunk."""
    inputs = [x.detach() for x in _inputs(200, 16, 16, per_key=per_key)]
    inputs[1] = F.normalize(1 + 0.1 * inputs[1], dim=-1)
    inputs[2], inputs[3] = torch.zeros_like(inputs[2]), torch.ones_like(inputs[3])
    measured, _ = _run(chunk.delta_rule, [x.float() for x in inputs])
    assert relative_rms(measured.double(), _run(naive.delta_rule, inputs)[0]) < Delta.tolerance


@pytest.mark.parametrize("share", [-30.0, 30.0])
@pytest.mark.parametrize("gate", [-30.0, 30.0, -1e13])
@of_both_kinds
def test_extreme_gates_stay_finite_over_long_sequences(gate, share, per_key):
    inputs = [x.detach() for x in _inputs(4096, 8, 4, dtype=torch.float32, per_key=per_key)]
    inputs[2] = F.logsigmoid(torch.full_like(inputs[2], gate))
    inputs[3] = torch.full_like(inputs[3], share).sigmoid()
    inputs = [x.requires_grad_() for x in inputs]
    outputs, state = _run(chunk.delta_rule, inputs)
    grads = torch.autograd.grad(outputs.square().mean() + state.square().mean(), inputs)
    assert all(part.isfinite().all() for part in (outputs, state, *grads))


@of_both_kinds
def test_small_decays_behind_a_large_one_are_not_lost(per_key):
    inputs = [x.detach() for x in _inputs(60, per_key=per_key)]
    inputs[2][:, 7] = -1e13
    _agree([x.requires_grad_() for x in inputs])


def test_one_key_forgets_everything_while_another_forgets_nothing_in_float32():
    """Of key channels with log decays of -50 and 0 in turn, neither disturbs the digits of the other."""
    inputs = [x.detach() for x in _inputs(300, 16, 16, per_key=True)]
    inputs[2] = torch.where(torch.arange(16) % 2 == 1, -50.0, 0.0).double().expand_as(inputs[2])
    inputs = [x.requires_grad_() for x in inputs]
    single = [x.detach().float().requires_grad_() for x in inputs]
    measured, expected = with_gradients(chunk.delta_rule, single), with_gradients(naive.delta_rule, inputs)
    for ours, theirs in zip(measured, expected, strict=True):
        assert relative_rms(ours.double(), theirs) < 1e-5


def test_equal_decays_of_all_keys_are_a_decay_of_the_head():
    *groups, state = (x.detach() for x in _inputs(70))
    inputs = Inputs(*groups)
    spread = inputs._replace(a=inputs.a.expand(-1, -1, -1, inputs.b.shape[-1]))
    for ours, theirs in zip(chunk.delta_rule(spread, state), chunk.delta_rule(inputs, state), strict=True):
        torch.testing.assert_close(ours, theirs)


@of_both_kinds
@pytest.mark.parametrize("length", [TILE - 1, TILE, TILE + 1])
def test_a_tile_passes_its_state_to_the_next(length, per_key):
    _agree(_inputs(length, 4, 2, per_key=per_key))


@of_both_kinds
@pytest.mark.parametrize("first", [1, 21, CHUNK, CHUNK + 1])
def test_a_state_handed_on_continues_the_sequence(first, per_key):
    *groups, state = (x.detach() for x in _inputs(2 * CHUNK + 3, per_key=per_key))
    inputs = Inputs(*groups)
    whole, last = chunk.delta_rule(inputs, state)
    before, middle = chunk.delta_rule(inputs.tokens(0, first), state)
    after, end = chunk.delta_rule(inputs.tokens(first, inputs.length), middle)
    torch.testing.assert_close(torch.cat([before, after], 1), whole)
    torch.testing.assert_close(end, last)


@of_both_kinds
@pytest.mark.parametrize("length", [1, 2, 37])
def test_the_meaning_is_the_product_of_the_published_transitions(length, per_key):
    """Of the matrices (I - d b b^T) Diag(exp(a)), multiplied out (Yang et al. 2025, eq. 10; Kimi Linear, eq. 1)."""
    c, b, a, d, v, state = (x.detach() for x in _inputs(length, per_key=per_key))
    expected, first = [], state
    for t in range(length):
        erase = torch.eye(b.shape[-1], dtype=b.dtype) - d[:, t, :, :, None] * b[:, t, :, :, None] * b[:, t, :, None]
        written = d[:, t, :, :, None] * b[:, t, :, :, None] * v[:, t, :, None]
        state = erase @ (a[:, t, :, :, None].exp() * state) + written
        expected.append((c[:, t, :, None] @ state).squeeze(-2))
    outputs, last = naive.delta_rule(Inputs(c, b, a, d, v), first)
    torch.testing.assert_close(outputs, torch.stack(expected, 1))
    torch.testing.assert_close(last, state)


@of_both_kinds
def test_without_steps_nothing_is_written_and_only_decay_is_left(per_key):
    c, b, a, d, v, state = (x.detach() for x in _inputs(40, per_key=per_key))
    outputs, last = chunk.delta_rule(Inputs(c, b, a, torch.zeros_like(d), v), state)
    decay = a.cumsum(1).exp()
    torch.testing.assert_close(last, decay[:, -1].unsqueeze(-1) * state)
    torch.testing.assert_close(outputs, torch.einsum("blhk,bhkv->blhv", decay * c, state))
