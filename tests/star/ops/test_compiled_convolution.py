"""Short convolutions, compiled, are those of their meaning but for rounding, in outputs and every gradient.

B sequences, L tokens, D channels, W taps.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from star.ops import dispatch, native
from star.ops.convolution import compiled, naive
from star.ops.dispatch import forced
from star.ops.forms import observed

pytestmark = pytest.mark.skipif(native.library() is None, reason="convolutions are not compiled here")

SIZES = [(2, 5, 16, 3), (1, 1, 8, 8), (3, 2, 13, 4), (2, 40, 64, 7), (1, 9, 1, 1), (4, 17, 24, 2), (2, 7, 9, 5)]


def drawn(features: int, batch: int, length: int, channels: int, taps: int) -> list[Tensor]:
    """Draw so many features and the filter."""
    generator = torch.Generator().manual_seed(0)
    sizes = [(batch, length, channels)] * features + [(channels, taps)]
    return [torch.randn(size, generator=generator, dtype=torch.float64) for size in sizes]


def meaning(form: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Return the loop over tokens with a head for each channel, on features without heads."""

    def run(*inputs: Any) -> Tensor:
        wide = [x.unsqueeze(3) if isinstance(x, Tensor) and x.dim() == 3 else x for x in inputs]
        return form(*wide).squeeze(3)

    return run


def results(form: Callable[..., Tensor], dtype: torch.dtype, inputs: list[Tensor], *options: bool) -> list[Tensor]:
    leaves = [x.to(dtype).requires_grad_() for x in inputs]
    y_BLD = form(*leaves, *options)
    weights_BLD = torch.arange(y_BLD.numel()).view_as(y_BLD).sin().to(dtype)
    return [y_BLD.detach(), *torch.autograd.grad(y_BLD, leaves, weights_BLD)]


def agree(found: list[Tensor], exact: list[Tensor]) -> None:
    for one, other in zip(found, exact, strict=True):
        assert one.shape == other.shape
        assert (one.double() - other).norm() <= 2e-6 * other.norm()


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("silu", [True, False])
@pytest.mark.parametrize("sizes", SIZES)
def test_a_short_convolution_is_its_meaning_in_float64(sizes, silu, threads) -> None:
    inputs, before = drawn(1, *sizes), torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        found = results(compiled.short_convolution, torch.float32, inputs, silu)
    finally:
        torch.set_num_threads(before)
    agree(found, results(meaning(naive.short_convolution), torch.float64, inputs, silu))


@pytest.mark.parametrize("sizes", SIZES)
def test_a_gated_convolution_is_its_meaning_in_float64(sizes) -> None:
    inputs = drawn(3, *sizes)
    found = results(compiled.gated_convolution, torch.float32, inputs)
    agree(found, results(meaning(naive.gated_convolution), torch.float64, inputs))


@pytest.mark.parametrize("size", [0.0, 1.0, 30.0, 200.0])
def test_silu_of_small_and_large_numbers(size) -> None:
    x_BLD, h_DW = torch.linspace(-size, size, 64).view(1, 2, 32), torch.ones(32, 1)
    y_BLD = compiled.short_convolution(x_BLD, h_DW, True)
    torch.testing.assert_close(y_BLD, torch.nn.functional.silu(x_BLD), rtol=1e-5, atol=1e-10)


def test_features_that_do_not_lie_side_by_side_are_read_right() -> None:
    x_BLD, h_DW = (x.float() for x in drawn(1, 2, 6, 16, 3))
    apart_BLD, apart_DW = x_BLD.mT.contiguous().mT, h_DW.t().contiguous().t()
    found_BLD = compiled.short_convolution(apart_BLD, apart_DW, True)
    assert torch.equal(found_BLD, compiled.short_convolution(x_BLD, h_DW, True))


def test_a_later_token_changes_no_bit_of_an_earlier_output() -> None:
    x_BLD, h_DW = (x.float() for x in drawn(1, 2, 20, 24, 4))
    changed_BLD = x_BLD.clone()
    changed_BLD[:, 11:] += 1
    before, after = (compiled.short_convolution(x, h_DW, True)[:, :11] for x in (x_BLD, changed_BLD))
    assert torch.equal(before, after)


def test_the_same_features_give_the_same_bits() -> None:
    inputs = drawn(3, 5, 33, 40, 3)
    first, again = (results(compiled.gated_convolution, torch.float32, inputs) for _ in range(2))
    assert all(torch.equal(one, other) for one, other in zip(first, again, strict=True))


def test_pytorch_computes_what_the_compiled_form_does_not() -> None:
    with observed() as forms:
        for inputs in (drawn(1, 1, 4, 8, 3), [x.float() for x in drawn(1, 1, 4, 8, 9)]):
            dispatch.short_convolution(inputs[0], inputs[1], True)
        dispatch.gated_convolution(*(x.bfloat16() for x in drawn(3, 1, 4, 8, 3)))
        with forced("torch"):
            dispatch.gated_convolution(*(x.float() for x in drawn(3, 1, 4, 8, 3)))
    assert forms == {("short_convolution", "torch"), ("gated_convolution", "torch")}
