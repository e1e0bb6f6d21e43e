"""Sums of shifted products, in tiles of tokens, against the meaning token by token."""

import pytest
import torch

from star.ops.convolution import causal as module
from star.ops.convolution.naive import gated_convolution


def _reference(x_BLD, h_DW):
    ones_BLD1 = torch.ones_like(x_BLD).unsqueeze(3)
    return gated_convolution(ones_BLD1, ones_BLD1, x_BLD.unsqueeze(3), h_DW).squeeze(3)


@pytest.mark.parametrize("length", [1, 2, 3, 7, 8, 9, 40])
@pytest.mark.parametrize("taps", [1, 3, 12])
@pytest.mark.parametrize("tile", [1, 2, 8, 100])
def test_outputs_and_gradients_are_those_of_a_convolution(length, taps, tile, monkeypatch):
    monkeypatch.setattr(module, "TILE_ELEMENTS", tile * 2 * 5)
    generator = torch.Generator().manual_seed(length)
    sizes = ((2, length, 5), (5, taps), (2, length, 5))
    x_BLD, h_DW, weight_BLD = (torch.randn(size, generator=generator, dtype=torch.float64) for size in sizes)
    inputs = x_BLD.requires_grad_(), h_DW.requires_grad_()
    found = [
        (y_BLD, *torch.autograd.grad((y_BLD * weight_BLD).sum(), inputs))
        for y_BLD in (module.shifted_sum(*inputs), _reference(*inputs))
    ]
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("length", [1, 3, 12, 40])
@pytest.mark.parametrize("taps", [1, 3, 12, 40])
def test_the_last_output_is_that_of_the_whole_convolution(length, taps):
    generator = torch.Generator().manual_seed(length)
    x_BLD, h_DW = (torch.randn(size, generator=generator, dtype=torch.float64) for size in ((2, length, 5), (5, taps)))
    torch.testing.assert_close(module.last_output(x_BLD, h_DW), _reference(x_BLD, h_DW)[:, -1:])


def test_the_gradient_of_a_filter_keeps_what_bfloat16_cannot():
    h = torch.ones(1, 1, requires_grad=True)
    module.causal(torch.ones(1, 257, 1, dtype=torch.bfloat16), h).sum().backward()
    assert h.grad is not None
    assert h.grad.item() == 257
