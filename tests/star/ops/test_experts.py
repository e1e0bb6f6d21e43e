"""Experts in one product each against their meaning token by token: outputs and gradients in float64."""

import weakref

import pytest
import torch

from star.ops.experts import naive, packed
from star.ops.experts.units import units

BATCH, LENGTH, EXPERTS, COUNT, INNER, OUTER = 2, 9, 4, 2, 3, 5
SIZES = (OUTER, INNER), (OUTER, INNER), (INNER, OUTER)


def _routes():
    """Each token takes one or two of four experts, or none; nobody takes the last expert."""
    draw = torch.Generator().manual_seed(0)
    r = torch.rand(BATCH, LENGTH, 1, EXPERTS, generator=draw, dtype=torch.float64)
    r = torch.where(r >= r.topk(COUNT, dim=-1).values[..., -1:], r, 0)
    r[..., -1] = 0
    r[0, 0] = 0
    return r


@pytest.mark.parametrize("name", ["to_experts", "from_experts"])
def test_packed_experts_are_those_of_each_token(name):
    draw = torch.Generator().manual_seed(1)
    sizes = {"to_experts": (BATCH, LENGTH, INNER), "from_experts": (BATCH, LENGTH, COUNT, INNER)}[name]
    x = torch.randn(sizes, generator=draw, dtype=torch.float64).requires_grad_()
    weight = torch.randn(EXPERTS, OUTER, INNER, generator=draw, dtype=torch.float64).requires_grad_()
    count = (COUNT,) if name == "to_experts" else ()
    found = []
    for module in (packed, naive):
        y = getattr(module, name)(x, _routes(), weight, *count)
        scale = torch.linspace(-1, 1, y.numel(), dtype=y.dtype).cos().view_as(y)
        found.append((y.detach(), *torch.autograd.grad((y * scale).sum(), (x, weight))))
    torch.testing.assert_close(*found)


def _unit(c_NI, v_NI):
    return c_NI.sin() * v_NI


def _of_units(form, dtype=torch.float64):
    """The output of mixed units and the gradients of the input, the routes and all weights."""
    draw = torch.Generator().manual_seed(2)
    sizes = (BATCH, LENGTH, INNER), *((EXPERTS, *size) for size in SIZES)
    x, gate, value, out = (torch.randn(size, generator=draw, dtype=torch.float64).to(dtype) for size in sizes)
    leaves = [tensor.requires_grad_() for tensor in (x, _routes().to(dtype), gate, value, out)]
    y = form(*leaves)
    scale = torch.linspace(-1, 1, y.numel(), dtype=y.dtype).cos().view_as(y)
    x, r, *weights = torch.autograd.grad((y * scale).sum(), leaves)
    return y.detach(), x, torch.where(leaves[1] > 0, r, 0), *weights  # no gradient passes through a zero


def _mixed(x, r, gate, value, out):
    return units(x, r, (gate, value), _unit, out)


def _one_after_the_other(x, r, gate, value, out):
    return sum(r[:, :, 0, m, None] * (_unit(x @ gate[m].T, x @ value[m].T) @ out[m].T) for m in range(EXPERTS))


def test_units_are_their_experts_one_after_the_other():
    torch.testing.assert_close(_of_units(_mixed), _of_units(_one_after_the_other))


def test_units_under_autocast_are_narrow_products_of_the_same_numbers():
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = _of_units(_mixed, dtype=torch.float32)
    expected = [x.float() for x in _of_units(_one_after_the_other)]
    torch.testing.assert_close(list(found), expected, rtol=0.05, atol=0.05)
    assert not torch.equal(found[0], _of_units(_mixed, dtype=torch.float32)[0])


def test_units_keep_their_arguments_alone_between_the_passes():
    kept = []

    def remembered(x):
        kept.append(x)
        return x

    draw = torch.Generator().manual_seed(3)
    x, r = torch.randn(BATCH, LENGTH, INNER, generator=draw, dtype=torch.float64), _routes()
    weights = [torch.randn(EXPERTS, *size, generator=draw, dtype=torch.float64).requires_grad_() for size in SIZES]
    with torch.autograd.graph.saved_tensors_hooks(remembered, lambda x: x):
        units(x, r, tuple(weights[:2]), _unit, weights[2])
    given = {tensor.untyped_storage().data_ptr() for tensor in (x, r, *weights)}
    made = [tensor for tensor in kept if tensor.untyped_storage().data_ptr() not in given]
    assert sum(tensor.numel() for tensor in made) == 2 * OUTER * int((r > 0).sum())


def test_tokens_are_sorted_by_expert_once_for_both_groups_and_the_output(monkeypatch):
    sort, sorts = torch.Tensor.sort, []

    def counted(tensor, **options):
        sorts.append(tensor)
        return sort(tensor, **options)

    monkeypatch.setattr(torch.Tensor, "sort", counted)
    weight = torch.ones(EXPERTS, OUTER, INNER, dtype=torch.float64)
    for drawn in (1, 2):
        r = _routes()
        for _ in range(2):
            y = packed.to_experts(torch.ones(BATCH, LENGTH, INNER, dtype=torch.float64), r, weight, COUNT)
        packed.from_experts(y, r, weight.mT)
        assert len(sorts) == drawn


def test_rows_are_kept_as_long_as_the_weights_that_they_belong_to():
    r = _routes()
    packed.to_experts(torch.ones(BATCH, LENGTH, INNER), r, torch.ones(EXPERTS, OUTER, INNER), COUNT)
    rows = weakref.ref(packed._KNOWN[r][COUNT].filled)
    assert rows() is not None
    del r
    assert rows() is None
