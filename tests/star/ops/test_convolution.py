"""Short and long convolutions in tiles against their meaning token by token."""

import pytest
import torch

from star.ops.convolution import causal as module
from star.ops.convolution import long
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


def _gated(batch, length, heads, size, taps):
    """Random c, b, v and filters of heads with as many channels each, and a weight of the outputs."""
    generator = torch.Generator().manual_seed(length)
    sizes = (*[(batch, length, heads * size)] * 3, (heads, taps), (batch, length, heads * size))
    *inputs, weight_BLD = (torch.randn(one, generator=generator, dtype=torch.float64) for one in sizes)
    return [x.requires_grad_() for x in inputs], weight_BLD


@pytest.mark.parametrize(("heads", "size"), [(5, 1), (2, 3), (1, 7)])
@pytest.mark.parametrize(("length", "taps"), [(1, 1), (1, 20), (9, 4), (9, 30), (31, 31), (40, 17)])
@pytest.mark.parametrize(("channels", "elements"), [(1, 1), (2, 200), (4, 1), (100, 1 << 18)])
def test_a_long_convolution_in_tiles_is_the_meaning(heads, size, length, taps, channels, elements, monkeypatch):
    monkeypatch.setattr(long, "CHANNELS_AT_ONCE", channels)
    monkeypatch.setattr(long, "ELEMENTS_AT_ONCE", elements)
    inputs, weight_BLD = _gated(3, length, heads, size, taps)

    def meant(*inputs):
        *features, h_HW = inputs
        c_BLHV, b_BLHV, v_BLHV = (torch.unflatten(x_BLD, 2, (heads, size)) for x_BLD in features)
        return gated_convolution(c_BLHV, b_BLHV, v_BLHV, h_HW).flatten(2)

    found = [
        (y_BLD, *torch.autograd.grad((y_BLD * weight_BLD).sum(), inputs))
        for y_BLD in (long.long_convolution(*inputs), meant(*inputs))
    ]
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("without", range(3))
def test_a_constant_factor_of_a_long_convolution_changes_no_other_gradient(without):
    inputs, weight_BLD = _gated(2, 20, 3, 2, 20)
    others = [x for n, x in enumerate(inputs) if n != without]
    expected = torch.autograd.grad((long.long_convolution(*inputs) * weight_BLD).sum(), others)
    inputs[without] = inputs[without].detach()
    found = torch.autograd.grad((long.long_convolution(*inputs) * weight_BLD).sum(), others)
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


def test_a_long_convolution_keeps_nothing_but_its_inputs():
    inputs, _ = _gated(2, 20, 3, 2, 20)
    kept = []

    def remembered(x):
        kept.append(x.data_ptr())
        return x

    with torch.autograd.graph.saved_tensors_hooks(remembered, lambda x: x):
        long.long_convolution(*inputs)
    assert set(kept) == {x.data_ptr() for x in inputs}


def test_the_size_of_a_transform_is_the_next_product_of_small_primes():
    def is_product(n):
        for prime in (2, 3, 5):
            while n % prime == 0:
                n //= prime
        return n == 1

    for least in range(1, 3000):
        expected = next(n for n in range(max(2, least), 2 * least + 2) if n % 2 == 0 and is_product(n))
        assert long.transform_size(least) == expected
    assert long.transform_size(2 * 8192 - 1) == 2 * 8192
