"""The compiled recurrences against their meaning, and models with and without them."""

import shutil

import pytest
import torch
import torch.nn.functional as F

from genome import CLASSES, Genome, Shape, Space, decode
from genome.classes.alphabet import TokenMixing
from star import build
from star.contract.forms import relative_rms
from star.ops.delta_rule import naive as delta_naive
from star.ops.dispatch import forced, kernel
from star.ops.native import library
from star.ops.recurrence import compiled as module
from star.ops.recurrence import naive
from star.ops.recurrence.inputs import Inputs
from tests.star.ops.gradients import with_gradients

pytestmark = pytest.mark.slow

compiled = pytest.mark.skipif(library() is None, reason="the recurrences are not compiled here")

BATCH = 3
SIZES = {  # heads, groups, keys, values, decays a head, whether these are constant
    "keys that fill registers": (4, 4, 16, 16, 1, True),
    "shared keys, decays of keys": (4, 1, 16, 5, 16, False),
    "many keys": (2, 1, 48, 3, 48, True),
    "an odd register of keys": (2, 2, 24, 7, 1, False),
    "large states": (2, 2, 64, 64, 64, False),
    "large states of one decay": (2, 2, 128, 64, 1, False),
    "large states of shared keys": (2, 1, 64, 48, 1, True),
    "large states of shared keys, decays of keys": (3, 1, 16, 64, 16, False),
    "large states of constant decays of keys": (2, 2, 48, 32, 48, True),
    "a few keys": (3, 3, 5, 1, 5, False),
    "one key": (3, 3, 1, 6, 1, False),
    "channels": (37, 37, 1, 1, 1, False),
    "channels of constant decay": (16, 16, 1, 1, 1, True),
    "channels that share keys": (19, 1, 16, 1, 16, True),
    "channels that share keys and have one decay": (9, 1, 2, 1, 1, False),
}


def _inputs(delta, size, length):
    heads, groups, keys, values, rates, constant = size
    generator = torch.Generator().manual_seed(length)

    def normal(*shape):
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    c, b = normal(BATCH, length, groups, keys), F.normalize(normal(BATCH, length, groups, keys), dim=-1)
    a = -normal(1 if constant else BATCH, 1 if constant else length, heads, rates).exp()
    d = normal(BATCH, length, heads, 1).sigmoid()
    inputs = [c, b, a, d, normal(BATCH, length, heads, values), normal(BATCH, heads, keys, values)]
    return [x.requires_grad_() for x in inputs]


def _rounded(inputs):
    return [x.detach().float().requires_grad_() for x in inputs]


FORMS = {False: (module.recurrence, naive.recurrence), True: (module.delta_rule, delta_naive.delta_rule)}
"""The compiled form and the meaning, of the recurrence and of the delta rule."""


@pytest.mark.skipif(not shutil.which("gcc"), reason="there is no compiler here to have compiled anything")
def test_the_recurrences_are_compiled_where_they_can_be():
    assert library() is not None


@compiled
@pytest.mark.parametrize("length", [1, 2, 31, 32, 33, 100])
@pytest.mark.parametrize("delta", [False, True], ids=["semi-separable", "delta"])
@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_outputs_state_and_gradients_agree_with_the_meaning(size, delta, length):
    inputs = _inputs(delta, size, length)
    form, meaning = FORMS[delta]
    measured, expected = with_gradients(form, _rounded(inputs)), with_gradients(meaning, inputs)
    for ours, theirs in zip(measured, expected, strict=True):
        assert ours.shape == theirs.shape
        assert relative_rms(ours, theirs) <= 1e-5


@compiled
@pytest.mark.parametrize("delta", [False, True], ids=["semi-separable", "delta"])
@pytest.mark.parametrize("size", [(128, 128), (256, 128), (128, 256), (64, 256)], ids=str)
def test_the_largest_heads_agree_with_the_meaning(size, delta):
    keys, values = size
    inputs = _inputs(delta, (1, 1, keys, values, keys, False), 50)
    form, meaning = FORMS[delta]
    measured, expected = with_gradients(form, _rounded(inputs)), with_gradients(meaning, inputs)
    for ours, theirs in zip(measured, expected, strict=True):
        assert relative_rms(ours, theirs) <= 1e-5


@compiled
@pytest.mark.parametrize("delta", [False, True], ids=["semi-separable", "delta"])
def test_a_decay_to_nothing_leaves_no_gradient_between_small_ones(delta):
    """Log decays of -1e4 cut the past off, and what should be zero is not multiplied by them."""
    inputs = _inputs(delta, (2, 2, 64, 64, 64, False), 50)
    with torch.no_grad():
        inputs[2].mul_(0.01)[:, ::3, :, ::2] = -1e4
    form, meaning = FORMS[delta]
    measured, expected = with_gradients(form, _rounded(inputs)), with_gradients(meaning, inputs)
    for ours, theirs in zip(measured, expected, strict=True):
        assert relative_rms(ours, theirs) <= 1e-5


@compiled
def test_chunks_let_no_later_token_through():
    """Infinite values at token 20 reach the outputs from there on, and none before."""
    inputs = [x.detach() for x in _rounded(_inputs(False, (2, 2, 64, 64, 64, False), 40))]
    inputs[4][:, 20] = float("inf")
    y_BLHV, _ = module.recurrence(Inputs(*inputs[:5]), inputs[5])
    assert y_BLHV[:, :20].isfinite().all()
    assert not y_BLHV[:, 20].isfinite().any()


@compiled
@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_threads_change_no_bit(size):
    inputs = _rounded(_inputs(False, size, 70))
    before = torch.get_num_threads()
    results = []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            results.append(with_gradients(module.recurrence, inputs))
    finally:
        torch.set_num_threads(before)
    for one, two, three in zip(*results, strict=True):
        assert torch.equal(one, two)
        assert torch.equal(one, three)


@compiled
@pytest.mark.parametrize("keys", [1, 16])
def test_any_decay_is_exact(keys):
    """Of a state of ones, after one token, the decay is left: down to what float32 can hold, then nothing."""
    log_decay = -torch.cat([torch.linspace(0, 87, 5000), torch.tensor([1e2, 1e4, 1e30])])
    lines = len(log_decay)
    nothing, ones = torch.zeros(1, 1, lines, 1), torch.ones(1, 1, 1, 1)
    keyed = torch.zeros(1, 1, lines, keys)
    inputs = Inputs(keyed, keyed, log_decay.view(1, 1, -1, 1), ones.expand(1, 1, lines, 1), nothing)
    _, state = module.recurrence(inputs, torch.ones(1, lines, keys, 1))
    expected = log_decay.double().exp().view(1, -1, 1, 1).expand_as(state)
    torch.testing.assert_close(state.double(), expected, rtol=3e-7, atol=1.2e-38)


@compiled
@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_what_is_no_number_is_not_hidden(size):
    inputs = [x.detach() for x in _rounded(_inputs(False, size, 40))]
    inputs[2] = torch.full_like(inputs[2], float("nan"))
    outputs, state = module.recurrence(Inputs(*inputs[:5]), inputs[5])
    assert outputs.isnan().all()
    assert state.isnan().all()


@compiled
@pytest.mark.parametrize("logit", [-30.0, 30.0])
@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_extreme_gates_stay_finite_over_long_sequences(size, logit):
    inputs = [x.detach() for x in _inputs(False, size, 4096)]
    inputs[2] = F.logsigmoid(torch.full_like(inputs[2], logit))
    assert all(x.isfinite().all() for x in with_gradients(module.recurrence, _rounded(inputs)))


def _kernel(operator, tensors):
    return kernel(operator, Inputs(*tensors[:5]), tensors[5])


@compiled
def test_it_runs_for_the_tensors_that_it_supports_and_no_others():
    tensors = _rounded(_inputs(False, (4, 4, 16, 16, 1, True), 5))
    assert _kernel("recurrence", tensors) is module.recurrence
    assert _kernel("delta_rule", tensors) is module.delta_rule
    with forced("torch"):
        assert _kernel("delta_rule", tensors) is None
    with forced("triton"), pytest.raises(RuntimeError, match="TRITON_INTERPRET=1"):
        _kernel("delta_rule", tensors)
    assert _kernel("recurrence", [x.double() for x in tensors]) is None
    assert _kernel("recurrence", [x.to("meta") for x in tensors]) is None
    assert _kernel("recurrence", _rounded(_inputs(False, (2, 2, 12, 3, 1, True), 5))) is None
    assert _kernel("recurrence", _rounded(_inputs(False, (1, 1, 256, 64, 1, True), 5))) is module.recurrence
    assert _kernel("recurrence", _rounded(_inputs(False, (1, 1, 256, 72, 1, True), 5))) is None


RECURRENT = [row for row in CLASSES if row.operator.token_mixing in (TokenMixing.SEMI_SEPARABLE, TokenMixing.DELTA)]


@compiled
@pytest.mark.parametrize("row", RECURRENT, ids=lambda row: row.name)
def test_a_class_is_the_same_with_and_without_it(row):
    model = build(decode(Genome.of([row.id]), Space.of(depth=1)), Shape(width=32, head_dim=8))
    tokens_BL = torch.randint(256, (2, 75), generator=torch.Generator().manual_seed(0))
    results = []
    for mode in ("auto", "torch"):
        with forced(mode):
            logits_BLN = model(tokens_BL)
            loss = F.cross_entropy(logits_BLN[:, :-1].flatten(0, 1), tokens_BL[:, 1:].flatten())
            gradients = torch.autograd.grad(loss, list(model.parameters()), allow_unused=True)
        results.append([logits_BLN, *(x for x in gradients if x is not None)])
    scale = max(x.square().mean().sqrt() for x in results[1][1:])
    for ours, theirs in zip(*results, strict=True):
        assert (ours - theirs).square().mean().sqrt() <= 1e-5 * max(theirs.square().mean().sqrt(), scale)
