"""The compiled attention against its meaning token by token in float64, and models with and without it."""

import shutil

import pytest
import torch

from star.contract.forms import relative_rms
from star.ops import native
from star.ops.attention import compiled as module
from star.ops.attention import naive
from star.ops.attention.full import causal_attention, fused_attention
from star.ops.dispatch import forced, kernel

compiled = pytest.mark.skipif(native.library() is None, reason="attention is not compiled here")

SIZES = {  # heads, key heads, keys, values, window
    "small heads": (4, 4, 16, 16, None),
    "one wide head": (1, 1, 64, 64, None),
    "channels that fill no register": (2, 2, 5, 7, None),
    "one channel": (3, 3, 1, 1, None),
    "half a register": (2, 2, 8, 8, None),
    "three registers": (2, 2, 48, 40, None),
    "groups": (6, 2, 16, 24, None),
    "one latent": (4, 1, 20, 12, None),
    "a window": (2, 2, 16, 16, 10),
    "a window of tiles": (4, 2, 8, 8, 100),
    "a token alone": (2, 2, 16, 16, 1),
}


def _drawn(size, length, scale=1.0, batch=2):
    heads, groups, keys, values, _ = size
    draw = torch.Generator().manual_seed(length)
    shapes = ((heads, keys), (groups, keys), (groups, values))
    q, k, v = (torch.randn(batch, length, *shape, generator=draw, dtype=torch.float64) for shape in shapes)
    return [(q * scale).requires_grad_(), k.requires_grad_(), v.requires_grad_()]


def _rounded(inputs):
    return [x.detach().float().requires_grad_() for x in inputs]


def _meaning(window):
    def attention(q, k, v):
        repeats = q.shape[2] // k.shape[2]
        return naive.attention(q, k.repeat_interleave(repeats, 2), v.repeat_interleave(repeats, 2), window)

    return attention


def _compiled(window):
    return lambda q, k, v: module.attention(q, k, v, window)


def _with_gradients(form, inputs):
    y = form(*inputs)
    weight = torch.linspace(-9, 9, y.numel(), dtype=y.dtype).cos().view_as(y)
    return [y.detach(), *torch.autograd.grad((y * weight).sum(), inputs)]


def _agree(ours, theirs, error):
    assert ours.shape == theirs.shape
    assert (ours - theirs).square().mean().sqrt() <= error * max(1.0, theirs.square().mean().sqrt())


@pytest.mark.skipif(not shutil.which("gcc"), reason="there is no compiler here to have compiled anything")
def test_attention_is_compiled_where_it_can_be():
    assert native.library() is not None


@compiled
@pytest.mark.parametrize("length", [1, 2, 31, 65, 200])
@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_outputs_and_gradients_agree_with_the_meaning(size, length):
    inputs, window = _drawn(size, length), size[-1]
    measured = _with_gradients(_compiled(window), _rounded(inputs))
    for ours, theirs in zip(measured, _with_gradients(_meaning(window), inputs), strict=True):
        _agree(ours, theirs, 2e-6)


@compiled
@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_scores_of_80_agree_with_the_meaning(size):
    """The exact inputs are those that float32 holds: a rounding of a score of 80 changes its weight by 5e-6."""
    inputs = [x.detach().double().requires_grad_() for x in _rounded(_drawn(size, 140, scale=20.0))]
    window = size[-1]
    measured = _with_gradients(_compiled(window), _rounded(inputs))
    for ours, theirs in zip(measured, _with_gradients(_meaning(window), inputs), strict=True):
        _agree(ours, theirs, 2e-5)


@compiled
def test_scores_that_no_exponential_holds_choose_one_token():
    q = torch.full((1, 70, 1, 4), 1e3)
    k = torch.linspace(-1e3, 1e3, 70).view(1, 70, 1, 1).expand(1, 70, 1, 4)
    v = torch.randn(1, 70, 1, 4)
    torch.testing.assert_close(module.attention(q, k, v), v)
    torch.testing.assert_close(module.attention(q, -k, v), v[:, :1].expand_as(v))


@compiled
@pytest.mark.parametrize("window", [None, 3, 70])
def test_features_are_read_as_they_lie(window):
    """Heads of one projection, heads before tokens, one head for all, and channels that do not lie side by side."""
    draw = torch.Generator().manual_seed(0)
    merged = torch.randn(2, 90, 3, 4, 8, generator=draw)
    q, k, v = merged.unbind(2)
    ways = {
        "one projection": (q, k, v),
        "heads before tokens": tuple(x.transpose(1, 2).contiguous().transpose(1, 2) for x in (q, k, v)),
        "one head for all": (q, k[:, :, :1].expand(-1, -1, 4, -1), v),
        "channels apart": tuple(x.mT.contiguous().mT for x in (q, k, v)),
    }
    for inputs in ways.values():
        results = [
            _with_gradients(_compiled(window), [x.detach().requires_grad_() for x in one])
            for one in (inputs, [x.contiguous() for x in inputs])
        ]
        assert all(torch.equal(ours, theirs) for ours, theirs in zip(*results, strict=True))


@compiled
@pytest.mark.parametrize("lie", [lambda dy: dy[:, :1, :1, :1].expand_as(dy), lambda dy: dy.mT.contiguous().mT])
def test_the_gradient_of_the_output_may_lie_anyhow(lie):
    inputs = _rounded(_drawn(SIZES["groups"], 70))
    y = module.attention(*inputs)
    dy = lie(torch.randn_like(y))
    results = [torch.autograd.grad(y, inputs, one, retain_graph=True) for one in (dy, dy.contiguous())]
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(*results, strict=True))


@compiled
@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_runs_and_threads_change_no_bit(size):
    inputs, before, results = _rounded(_drawn(size, 200)), torch.get_num_threads(), []
    try:
        for threads in (1, 1, 2, 3, 16):  # 16: more than there are pairs of a sequence and a key head
            torch.set_num_threads(threads)
            results.append(_with_gradients(_compiled(size[-1]), inputs))
    finally:
        torch.set_num_threads(before)
    for other in results[1:]:
        assert all(torch.equal(one, two) for one, two in zip(results[0], other, strict=True))


@compiled
@pytest.mark.parametrize("window", [None, 40])
def test_later_tokens_and_tokens_behind_the_window_change_no_bit(window):
    q, k, v = (x.detach() for x in _rounded(_drawn(SIZES["groups"], 200)))
    before = module.attention(q, k, v, window)
    for x in (q, k, v):
        x[:, 131:] += 1
        if window:
            x[:, : 131 - window] += 1
    after = module.attention(q, k, v, window)
    seen = slice(131 - 1 if window else 0, 131)
    assert torch.equal(before[:, seen], after[:, seen])
    assert not torch.equal(before[:, 131], after[:, 131])


@compiled
@pytest.mark.parametrize("which", [0, 1, 2])
def test_what_is_no_number_is_not_hidden(which):
    inputs = [x.detach() for x in _rounded(_drawn(SIZES["small heads"], 40))]
    inputs[which][:, 20] = float("nan")
    y = module.attention(*inputs)
    assert y[:, 20].isnan().all()
    assert y[:, :16].isfinite().all()
    assert y[:, 21:].isfinite().all() if which == 0 else y[:, 21:].isnan().all()


@compiled
def test_a_second_derivative_is_refused():
    inputs = _rounded(_drawn(SIZES["small heads"], 5))
    (dq,) = torch.autograd.grad(module.attention(*inputs).square().sum(), inputs[:1], create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        dq.sum().backward()


@compiled
def test_no_score_is_kept():
    """The inputs, the output and two numbers for each query and head lie between the passes."""
    inputs, kept = _rounded(_drawn(SIZES["small heads"], 512, batch=1)), {}

    def keep(x):
        kept[x.untyped_storage().data_ptr()] = x.untyped_storage().nbytes()
        return x

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda x: x):
        y = module.attention(*inputs)
    with torch.no_grad():
        assert module.attention(*inputs).grad_fn is None
    assert sum(kept.values()) == 4 * (sum(x.numel() for x in (*inputs, y)) + 2 * 512 * 4)


@compiled
def test_it_runs_for_the_tensors_that_it_supports_and_no_others():
    inputs = _rounded(_drawn(SIZES["small heads"], 70))
    assert kernel("attention", *inputs) is module.attention
    with forced("torch"):
        assert kernel("attention", *inputs) is None
    assert kernel("attention", *(x.double() for x in inputs)) is None
    assert kernel("attention", *(x.bfloat16() for x in inputs)) is None
    assert kernel("attention", *(x.to("meta") for x in inputs)) is None
    assert kernel("attention", *(x[:0] for x in inputs)) is None
    assert kernel("attention", *(x[:, :8] for x in inputs)) is None, "too little work"
    with torch.autocast("cpu"):
        assert kernel("attention", *inputs) is None


@compiled
@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_a_sequence_is_the_same_with_and_without_it(size):
    inputs, window = _rounded(_drawn(size, 130)), size[-1]
    measured = _with_gradients(lambda q, k, v: causal_attention(q, k, v, window), inputs)
    expected = _with_gradients(lambda q, k, v: fused_attention(q, k, v, window), inputs)
    for ours, theirs in zip(measured, expected, strict=True):
        _agree(ours, theirs, 5e-6)
    assert relative_rms(measured[0], expected[0]) <= 1e-6
