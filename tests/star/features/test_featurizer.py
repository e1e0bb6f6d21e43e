"""Features that follow from other features: computed after them, from the same input or from shared features."""

import pytest
import torch

from genome import CLASSES, FEATURIZERS, Shape, named
from star.features import Featurizer
from star.features.featurizer import KINDS, KINDS_BY_EXPANSION
from star.ops.experts.packed import to_experts

SHAPE = Shape(width=16, head_dim=4, vocab=8)
FOLLOWING = {("HGRN", "b"): "a", ("MLA", "v"): "b", ("MoE", "c"): "r", ("MoE", "v"): "r"}
"""The group that each of these groups of a class follows from."""


def _genome(row):
    return next(f for f in FEATURIZERS if f.id == row.operator.featurizer)


def _featurizer(name):
    row = named(name)
    genome = _genome(row)
    featurizer = Featurizer(genome, SHAPE.group_sizes(row, genome), SHAPE.width, genome.names)
    generator = torch.Generator().manual_seed(0)
    for group in genome.names:
        featurizer[group].initialise(generator)
    return featurizer.double()


def _input():
    return torch.randn(2, 5, SHAPE.width, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(("name", "group"), FOLLOWING)
def test_a_feature_is_computed_from_the_feature_that_it_needs(name, group):
    featurizer, x = _featurizer(name), _input()
    with torch.no_grad():
        features = featurizer(x, tuple(featurizer.groups), None, {})
    needed = features[FOLLOWING[name, group]]
    feature = featurizer[group]
    assert feature.needs == (FOLLOWING[name, group],)
    with torch.no_grad():
        assert torch.equal(features[group], feature(x, x.shape[1], None, needed))


@pytest.mark.parametrize(("name", "group"), FOLLOWING)
def test_the_order_of_the_names_changes_nothing(name, group):
    featurizer, x = _featurizer(name), _input()
    names = tuple(featurizer.groups)
    with torch.no_grad():
        forwards, backwards = featurizer(x, names, None, {}), featurizer(x, names[::-1], None, {})
    assert tuple(forwards) == names
    assert tuple(backwards) == names[::-1]
    assert all(torch.equal(forwards[one], backwards[one]) for one in names)


def test_a_write_is_the_complement_of_a_shared_decay():
    featurizer, x = _featurizer("HGRN"), _input()
    with torch.no_grad():
        shared = featurizer(-x, ("a",), None, {})
        features = featurizer(x, ("b",), None, shared)
    assert tuple(features) == ("b",)
    torch.testing.assert_close(features["b"], 1 - shared["a"].exp())


def test_values_tied_to_keys_are_the_first_channels_of_shared_keys():
    featurizer, x = _featurizer("MLA"), _input()
    with torch.no_grad():
        shared = featurizer(-x, ("b",), None, {})
        values = featurizer(x, ("v",), None, shared)["v"]
    assert torch.equal(values, shared["b"][..., : values.shape[-1]])


def test_experts_follow_shared_routes():
    featurizer, x = _featurizer("MoE"), _input()
    experts = featurizer["v"]
    with torch.no_grad():
        shared = featurizer(-x, ("r",), None, {})
        values = featurizer(x, ("v",), None, shared)["v"]
        assert torch.equal(values, to_experts(x, shared["r"], experts.weight_MID, values.shape[2]))


@pytest.mark.parametrize("row", CLASSES, ids=lambda row: row.name)
def test_every_group_that_a_feature_of_the_catalogue_needs_is_a_group_of_its_featurizer(row):
    genome = _genome(row)
    for name, group in genome.groups:
        kind = KINDS_BY_EXPANSION.get(group.expansion, KINDS[name, group.source, group.generator])
        assert set(kind.needs) <= set(genome.names) - {name}
