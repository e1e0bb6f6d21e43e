"""Experts in one product each against their meaning token by token: outputs and gradients in float64."""

import weakref

import pytest
import torch

from star.ops.experts import naive, packed

BATCH, LENGTH, EXPERTS, COUNT, INNER, OUTER = 2, 9, 4, 2, 3, 5


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


def test_units_are_their_experts_one_after_the_other():
    draw = torch.Generator().manual_seed(2)
    x = torch.randn(BATCH, LENGTH, INNER, generator=draw, dtype=torch.float64)
    gate, value = (torch.randn(EXPERTS, OUTER, INNER, generator=draw, dtype=torch.float64) for _ in range(2))
    out = torch.randn(EXPERTS, INNER, OUTER, generator=draw, dtype=torch.float64)
    leaves = [tensor.requires_grad_() for tensor in (x, _routes(), gate, value, out)]

    def one_after_the_other(x, r, gate, value, out):
        return sum(r[:, :, 0, m, None] * ((x @ gate[m].T).sin() * (x @ value[m].T) @ out[m].T) for m in range(EXPERTS))

    def found(form, *options):
        y = form(*leaves, *options)
        scale = torch.linspace(-1, 1, y.numel(), dtype=y.dtype).cos().view_as(y)
        x, r, *weights = torch.autograd.grad((y * scale).sum(), leaves)
        return y, x, torch.where(leaves[1] > 0, r, 0), *weights  # no gradient passes through a zero

    units = found(
        lambda x, r, gate, value, out: packed.units(x, r, (gate, value), lambda c, v: c.sin() * v, out, COUNT)
    )
    torch.testing.assert_close(units, found(one_after_the_other))


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
