"""Every way to route keeps the contract, under every structure; and what the contract says of routes that stray."""

from dataclasses import replace

import pytest
import torch

from genome import CLASSES, FEATURIZERS, Genome, Shape, Space, decode, named
from genome.classes.alphabet import Expansion, Generator
from star.contract.case import Case
from star.contract.checks import CHECKS, check
from star.features.routed.router import Router
from star.structures import STRUCTURES

pytestmark = pytest.mark.slow

SHAPE = Shape(width=32, head_dim=8)
EXPANSION_OF = {30: Expansion.FOUR, 31: Expansion.EIGHT, 32: Expansion.FOUR, 33: Expansion.SAME}


@pytest.mark.parametrize("generator", [30, 31, 32, 33])
@pytest.mark.parametrize("class_id", [110, 111, 112, 113, 210])
def test_every_way_to_route_goes_with_every_structure(generator, class_id):
    row = next(row for row in CLASSES if row.id == class_id)
    featurizer = next(one for one in FEATURIZERS if one.id == class_id)
    routes = replace(featurizer["r"], generator=Generator(generator), expansion=EXPANSION_OF[generator])
    groups = tuple((name, routes if name == "r" else group) for name, group in featurizer.groups)
    space = Space((row,), (replace(featurizer, groups=groups),), depth=1)
    assert check(Genome.of([row.id]), space, SHAPE).breaches == ()
    assert (row.operator.token_mixing, row.operator.sparsity) in STRUCTURES


def _broken(name, monkeypatch, change):
    """The breaches of `precise` where routers of rounded models, and only those, do something else."""
    honest = Router.forward

    def forward(router, x_BLD, length, store):
        r_BL1M = honest(router, x_BLD, length, store)
        return r_BL1M if x_BLD.dtype is torch.float64 else change(r_BL1M)

    monkeypatch.setattr(Router, "forward", forward)
    case = Case(decode(Genome.of([named(name).id]), Space.of(depth=1)), SHAPE)
    return list(CHECKS["precise"](case))


@pytest.mark.parametrize("name", ["MoM", "MoE", "Routing Transformer"])
def test_rounding_that_turns_many_routes_or_bends_their_weights_is_caught(name, monkeypatch):
    with monkeypatch.context() as patch:
        assert _broken(name, patch, lambda r_BL1M: r_BL1M) == []
    with monkeypatch.context() as patch:
        assert any("other routes for" in breach for breach in _broken(name, patch, lambda r: r.roll(1, dims=1)))
    with monkeypatch.context() as patch:
        assert any("r is off by" in breach for breach in _broken(name, patch, lambda r: 1.2 * r))


@pytest.mark.parametrize("strategy", [2, 3, 4])
def test_memories_may_take_what_others_projected_for_themselves(strategy):
    genome = Genome.parse(f"210.1.1.1.{strategy}-210.1.1.1.{strategy}")
    assert check(genome, Space.of(["MoM-Published"], depth=2), SHAPE).breaches == ()
