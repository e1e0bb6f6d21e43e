"""Each form of attention against its meaning token by token: outputs and gradients in float64."""

import pytest
import torch
from torch import Tensor

from star.ops.attention import heads, naive
from star.ops.attention.full import attention, causal_attention
from star.ops.attention.matrix import attention_matrix, routed_attention_matrix
from star.ops.attention.routed import masked_attention, packed_attention
from tests.star.contract.elsewhere import Elsewhere

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


@pytest.mark.parametrize("window", [None, 3])
def test_a_gpu_takes_one_key_head_of_many_channels_without_groups_and_without_a_copy(window, monkeypatch):
    monkeypatch.setattr(heads, "MOST_GROUPED", HEAD - 1)
    q_BLHK, k_BLHK, v_BLHV = (x.detach() for x in _drawn(7))
    k_BL1K, v_BL1V = k_BLHK[:, :, :1], v_BLHV[:, :, :1]
    asked = []
    fused = torch.nn.functional.scaled_dot_product_attention

    def spied(query, key, value, **options):
        asked.append((key.shape[1], key.stride(1), options["enable_gqa"]))
        return fused(query, key, value, **options)

    monkeypatch.setattr(torch.nn.functional, "scaled_dot_product_attention", spied)
    expected = naive.attention(q_BLHK, k_BL1K.expand(-1, -1, HEADS, -1), v_BL1V.expand(-1, -1, HEADS, -1), window)
    torch.testing.assert_close(causal_attention(q_BLHK, k_BL1K, v_BL1V, window), expected)
    with Elsewhere():
        y_BLHV = causal_attention(q_BLHK, k_BL1K, v_BL1V, window)
    torch.testing.assert_close(y_BLHV, expected)
    assert asked == [(1, asked[0][1], True), (HEADS, 0, False)]
