"""Sums of shifted products, in pieces of tokens, against the convolution of torch."""

import pytest
import torch
import torch.nn.functional as F

from star.ops.convolution import causal as module


def _reference(x_BLD, h_DW):
    padded_BDL = F.pad(x_BLD.transpose(1, 2), (h_DW.shape[1] - 1, 0))
    return F.conv1d(padded_BDL, h_DW.flip(1).unsqueeze(1), groups=len(h_DW)).transpose(1, 2)


@pytest.mark.parametrize("length", [1, 2, 3, 7, 8, 9, 40])
@pytest.mark.parametrize("taps", [1, 3, 12])
@pytest.mark.parametrize("piece", [1, 2, 8, 100])
def test_outputs_and_gradients_are_those_of_a_convolution(length, taps, piece, monkeypatch):
    monkeypatch.setattr(module, "PIECE_ELEMENTS", piece * 2 * 5)
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


def test_the_gradient_of_a_filter_keeps_what_bfloat16_cannot():
    h = torch.ones(1, 1, requires_grad=True)
    module.causal(torch.ones(1, 257, 1, dtype=torch.bfloat16), h).sum().backward()
    assert h.grad.item() == 257
