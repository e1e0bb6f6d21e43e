"""Gradients written by hand under automatic mixed precision, which PyTorch may turn on for the backward pass too."""

from contextlib import nullcontext

import pytest
import torch
import torch.nn.functional as F

from star.ops import native
from star.ops.convolution.causal import shifted_sum
from star.ops.delta_rule import chunk as delta_chunk
from star.ops.outer_product.dense import dense
from star.ops.outer_product.fft import fft
from star.ops.recurrence import chunk, compiled, scan
from star.ops.recurrence.inputs import Inputs

BATCH, LENGTH, HEADS = 2, 70, 4
needs_compiler = pytest.mark.skipif(native.library() is None, reason="the recurrences are not compiled here")
FORMS = {  # the form, key channels, value channels, decays of a head
    "chunk, a decay per head": (chunk.recurrence, 16, 16, 1),
    "chunk, a decay per key": (chunk.recurrence, 16, 16, 16),
    "scan": (scan.recurrence, 3, 1, 3),
    "delta rule, chunk": (delta_chunk.delta_rule, 16, 16, 1),
    "compiled": pytest.param((compiled.recurrence, 16, 16, 1), marks=needs_compiler),
    "delta rule, compiled": pytest.param((compiled.delta_rule, 16, 16, 1), marks=needs_compiler),
}


def _tensors(keys, values, rates):
    generator = torch.Generator().manual_seed(keys + values + rates)
    sizes = [(keys,), (keys,), (rates,), (1,), (values,)]
    drawn = [torch.randn(BATCH, LENGTH, HEADS, *size, generator=generator) for size in sizes]
    c, b, a, d, v = drawn
    state = torch.randn(BATCH, HEADS, keys, values, generator=generator)
    return [x.requires_grad_() for x in (c, F.normalize(b, dim=-1), -a.exp(), d.sigmoid(), v, state)]


def _results(form, tensors, forward, backward):
    """Outputs, last state and all gradients, with contexts for the forward and for the backward pass."""
    *inputs, state = tensors
    with forward:
        y_BLHV, last_BHKV = form(Inputs(*inputs), state)
    with backward:
        gradients = torch.autograd.grad((y_BLHV, last_BHKV), tensors, (y_BLHV.cos().detach(), last_BHKV.cos().detach()))
    return [y_BLHV, last_BHKV, *gradients]


@pytest.mark.parametrize("mixed_forward", [False, True], ids=["forward in float32", "forward under autocast"])
@pytest.mark.parametrize("case", FORMS.values(), ids=FORMS)
def test_autocast_changes_no_bit_forwards_or_backwards(case, mixed_forward):
    form, *sizes = case
    tensors = _tensors(*sizes)
    expected = _results(form, tensors, nullcontext(), nullcontext())
    forward = torch.autocast("cpu", torch.bfloat16, enabled=mixed_forward)
    measured = _results(form, tensors, forward, torch.autocast("cpu", torch.bfloat16))
    for ours, theirs in zip(measured, expected, strict=True):
        assert torch.equal(ours, theirs)


KEYS, VALUES = 3, 5
CONVOLUTIONS = {  # the form and the sizes of its inputs, the filter last
    "shifted sum": (shifted_sum, [(BATCH, LENGTH, KEYS), (KEYS, 7)]),
    **{
        f"outer product, {name}": (
            form,
            [(BATCH, LENGTH, HEADS, KEYS), (BATCH, LENGTH, HEADS, KEYS), (BATCH, LENGTH, HEADS, VALUES), (HEADS, taps)],
        )
        for name, form, taps in (("dense", dense, 7), ("fft", fft, LENGTH))
    },
}


@pytest.mark.parametrize("mixed_forward", [False, True], ids=["forward in float32", "forward under autocast"])
@pytest.mark.parametrize(("form", "sizes"), CONVOLUTIONS.values(), ids=CONVOLUTIONS)
def test_autocast_changes_no_bit_of_a_convolution(form, sizes, mixed_forward):
    _require_equal_under_autocast(form, sizes, [torch.float32] * len(sizes), mixed_forward)


@pytest.mark.parametrize("mixed_forward", [False, True], ids=["plain forward", "forward under autocast"])
@pytest.mark.parametrize("name", ["shifted sum", "outer product, dense"])
def test_autocast_changes_no_bit_of_a_convolution_in_bfloat16(name, mixed_forward):
    """A shifted sum of bfloat16 may have its filter in float32."""
    form, sizes = CONVOLUTIONS[name]
    dtypes = [torch.bfloat16] * len(sizes)
    _require_equal_under_autocast(form, sizes, dtypes, mixed_forward)
    if form is shifted_sum:
        _require_equal_under_autocast(form, sizes, [torch.bfloat16, torch.float32], mixed_forward)


def _require_equal_under_autocast(form, sizes, dtypes, mixed_forward):
    generator = torch.Generator().manual_seed(0)
    drawn = [torch.randn(size, generator=generator).to(dtype) for size, dtype in zip(sizes, dtypes, strict=True)]
    tensors = [x.requires_grad_() for x in drawn]
    found = []
    for forward, backward in ((False, False), (mixed_forward, True)):
        with torch.autocast("cpu", torch.bfloat16, enabled=forward):
            y = form(*tensors)
        with torch.autocast("cpu", torch.bfloat16, enabled=backward):
            found.append([y, *torch.autograd.grad(y, tensors, y.detach().cos())])
    for expected, measured in zip(*found, strict=True):
        assert torch.equal(measured, expected)
