"""Each form of attention against its meaning token by token: outputs and gradients in float64."""

import pytest
import torch
from torch import Tensor

from star.ops.attention import naive
from star.ops.attention.full import attention, causal_attention
from star.ops.attention.matrix import attention_matrix, routed_attention_matrix
from star.ops.attention.routed import masked_attention, packed_attention
from tests.star.contract.elsewhere import Elsewhere
from tests.star.contract.fused import kernel

BATCH, HEADS, HEAD = 2, 2, 4
WINDOWS = [None, 1, 3, 8]


def _drawn(length: int) -> tuple[Tensor, Tensor, Tensor]:
    """Queries, keys and values."""
    draw = torch.Generator().manual_seed(length)
    size = (3, BATCH, length, HEADS, HEAD)
    q, k, v = (x.requires_grad_() for x in torch.randn(size, generator=draw, dtype=torch.float64).unbind())
    return q, k, v


def _routes(length, routes=3):
    """Each token takes each route with probability one half, so that some tokens take none."""
    draw = torch.Generator().manual_seed(length + 1)
    weight = torch.rand(BATCH, length, 1, routes, generator=draw, dtype=torch.float64)
    return torch.where(weight > 0.5, weight, 0)


def _with_gradients(y, inputs):
    weight = torch.linspace(-1, 1, y.numel(), dtype=y.dtype).cos().view_as(y)
    return y.detach(), *torch.autograd.grad((y * weight).sum(), inputs)


@pytest.mark.parametrize("length", [1, 2, 7, 17])
@pytest.mark.parametrize("window", WINDOWS)
def test_a_whole_sequence_is_attended_as_token_by_token(length, window):
    inputs = _drawn(length)
    expected = _with_gradients(naive.attention(*inputs, window), inputs)
    q, k, v = inputs
    through_matrix = torch.einsum("bhij,bjhv->bihv", attention_matrix(q, k, window), v)
    for y in (causal_attention(*inputs, window), attention(*inputs, window), through_matrix):
        torch.testing.assert_close(_with_gradients(y, inputs), expected)


@pytest.mark.parametrize("window", WINDOWS)
def test_the_last_tokens_are_attended_as_in_the_whole(window):
    q, k, v = _drawn(17)
    whole = naive.attention(q, k, v, window)
    for length in (1, 5):
        torch.testing.assert_close(attention(q[:, -length:], k, v, window), whole[:, -length:])


@pytest.mark.parametrize("length", [1, 2, 17])
@pytest.mark.parametrize("shared", [0, 1])
def test_routes_are_attended_as_token_by_token(length, shared):
    inputs, r = _drawn(length), _routes(length)
    if shared:
        r[..., -1] = 1
    expected = _with_gradients(naive.routed_attention(*inputs, r), inputs)
    q, k, v = inputs
    through_matrix = torch.einsum("bhij,bjhv->bihv", routed_attention_matrix(q, k, r), v)
    for y in (packed_attention(*inputs, r, shared), masked_attention(*inputs, r, 3), through_matrix):
        torch.testing.assert_close(_with_gradients(y, inputs), expected)


@pytest.fixture
def spied(monkeypatch):
    """The attentions that PyTorch is asked for: their kernels on a GPU, and the strides between their key heads."""
    asked = []
    fused = torch.nn.functional.scaled_dot_product_attention

    def spy(query, key, value, attn_mask=None, **options):
        asked.append((kernel(query, key, value, attn_mask), key.stride(1)))
        return fused(query, key, value, attn_mask, **options)

    monkeypatch.setattr(torch.nn.functional, "scaled_dot_product_attention", spy)
    return asked


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("form", ["whole", "window", "last tokens", "routes", "last tokens of routes"])
@pytest.mark.parametrize(("groups", "channels"), [(1, 8), (2, 8), (4, 8), (1, 288), (2, 288)])
def test_a_gpu_takes_a_fused_kernel(groups, channels, form, dtype, spied):
    draw, tokens = torch.Generator().manual_seed(0), 17
    q, k, v = (torch.randn(2, tokens, n, channels, generator=draw, dtype=dtype) for n in (4, groups, groups))
    every_k, every_v = (x.repeat_interleave(4 // groups, 2) for x in (k, v))
    r = _routes(tokens).to(dtype)
    window = 3 if form == "window" else None
    forms = {
        "whole": lambda: causal_attention(q, k, v),
        "window": lambda: causal_attention(q, k, v, window),
        "last tokens": lambda: attention(q[:, -5:], k, v),
        "routes": lambda: packed_attention(q, k, v, r),
        "last tokens of routes": lambda: masked_attention(q[:, -5:], k, v, r, 3),
    }
    exact = q.double(), every_k.double(), every_v.double()
    routed = "routes" in form
    expected = naive.routed_attention(*exact, r.double()) if routed else naive.attention(*exact, window)
    with Elsewhere():
        y_BLHV = forms[form]()
    error = 1e-5 if dtype is torch.float32 else 0.05
    torch.testing.assert_close(y_BLHV.double(), expected[:, -y_BLHV.shape[1] :], rtol=error, atol=error)
    ((taken, _),) = spied
    assert taken is not None


@pytest.mark.parametrize("window", [None, 3])
def test_a_gpu_repeats_one_key_head_without_a_copy(window, spied):
    q_BLHK, k_BLHK, v_BLHV = (x.detach() for x in _drawn(7))
    with Elsewhere():
        causal_attention(q_BLHK, k_BLHK[:, :, :1], v_BLHV[:, :, :1], window)
    ((_, stride),) = spied
    assert stride == 0
