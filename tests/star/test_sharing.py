"""Sharing has its real semantics: shared weights are one tensor, shared features come from the first member."""

import pytest
import torch

import star
from genome import Genome, Shape, Space, decode

SHAPE = Shape(width=32, head_dim=8)


def _model(text):
    genome = Genome.parse(text)
    blueprint = decode(genome, Space.of(depth=len(genome.segments)))
    return star.build(blueprint, SHAPE), star.cost(blueprint, SHAPE, context=100)


def _livs(model):
    return [list(block.operator.livs) for block in model.stack()]


def test_weight_sharing_members_hold_the_same_tensors_and_their_own_output():
    model, cost = _model("1.1.2.1.1-9.1.1.1.1-1.1.2.1.1")
    (first,), _, (third,) = _livs(model)
    assert first.featurizer["c"].weight is third.featurizer["c"].weight
    assert first.out_DC is not third.out_DC
    assert cost.livs[0].parameters - cost.livs[2].parameters == 3 * 32 * 32


def test_a_differential_pair_shares_branch_with_branch():
    model, _ = _model("10.1.2.1.1-10.1.2.1.1")
    (first_1, first_2), (second_1, second_2) = _livs(model)
    assert first_1.featurizer is second_1.featurizer
    assert first_2.featurizer is second_2.featurizer
    assert first_1.featurizer is not first_2.featurizer


@pytest.mark.parametrize(("strategy", "taken"), [(2, {"b"}), (3, {"v"}), (4, {"b", "v"})])
def test_feature_sharing_members_own_no_projection_and_no_cache_for_what_they_take(strategy, taken):
    model, cost = _model(f"1.1.1.1.{strategy}-9.1.1.1.1-1.1.1.1.{strategy}")
    (first,), _, (third,) = _livs(model)
    assert set(first.featurizer.groups) == {"c", "b", "v"}
    assert set(third.featurizer.groups) == {"c", "b", "v"} - taken
    assert cost.livs[2].cache_bytes == (2 - len(taken)) * 100 * 32 * 2


def test_taken_features_are_those_of_the_first_member():
    model, _ = _model("1.1.1.1.4-1.1.1.1.4")
    inputs = torch.randn(2, 1, 6, 32, generator=torch.Generator().manual_seed(0))
    (_, (first,)), (_, (second,)) = model.features_of(inputs.unbind(0))
    assert second["b"] is first["b"]
    assert second["v"] is first["v"]
    assert second["c"] is not first["c"]


def test_features_pass_between_classes_of_one_structure_and_width():
    model, _ = _model("1.1.1.1.2-2.1.1.1.2")
    (first,), (second,) = _livs(model)
    assert "b" in first.featurizer.groups
    assert "b" not in second.featurizer.groups


def test_weights_shared_by_a_member_that_takes_features_keep_every_group_somebody_computes():
    """The second LIV takes keys from the first; the third shares the second's weights but computes its own keys."""
    model, cost = _model("1.1.1.1.2-1.1.2.1.2-1.1.2.1.1")
    _, (second,), (third,) = _livs(model)
    assert second.computes == ("c", "v")
    assert third.computes == ("c", "b", "v")
    assert second.featurizer is third.featurizer
    assert model(torch.zeros(1, 5, dtype=torch.long)).isfinite().all()
    assert cost.parameters == sum(parameter.numel() for parameter in model.parameters())
