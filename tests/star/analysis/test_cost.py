"""Costs against arithmetic done by hand and against STAR's published figures."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import star
from genome import CLASSES, STAR_CLASSES, Genome, Shape, Space, decode, sample
from star.build import skeleton


def _alternating(depth, width, head_dim):
    text = "-".join("1.1.1.1.1" if n % 2 == 0 else "9.1.1.1.1" for n in range(depth))
    return decode(Genome.parse(text), Space.of(depth=depth)), Shape(width, head_dim)


@pytest.mark.parametrize(("depth", "width", "published"), [(48, 2048, 805_306_368), (24, 768, 150_994_944)])
def test_transformer_cache_is_the_published_one(depth, width, published):
    assert star.cost(*_alternating(depth, width, 64)).cache_bytes == published


def _cost(class_id, shape, context=4096):
    return star.cost(decode(Genome.of([class_id]), Space.of(depth=1)), shape, context=context).livs[0]


def test_parameters_by_hand():
    d, norm = 64, 64
    by_name = {row.name: _cost(row.id, Shape(d, 16)).parameters - norm for row in STAR_CLASSES}
    conv = 4
    recurrent = {n: 2 * n * d + 2 * n * conv + d * n + (d * d + d) + (d * d + d * conv) + d * d for n in (2, 16)}
    implicit = 17 * 32 + 32 * 32 + d * 32 + 2 * d
    expected = {
        "SA-1": 4 * d * d,
        "SA-2": 4 * d * d + 3 * d * conv,
        "SA-3": 2 * d * d + 2 * d * d // 4,
        "SA-4": 2 * d * d + 2 * d * d // 2,
        "Rec-1": recurrent[16],
        "Rec-2": recurrent[2],
        "GConv-1": 4 * d * d + 3 * d,
        "GConv-2": 4 * d * d + implicit,
        "GMemless": 3 * d * 176,
    }
    expected |= {f"{name}-Diff": 2 * count + 1 for name, count in expected.items() if name != "GMemless"}
    assert by_name == expected


def test_cache_by_hand():
    d, context = 64, 1000
    by_name = {row.name: _cost(row.id, Shape(d, 16), context).cache_bytes for row in STAR_CLASSES[:9]}
    assert by_name == {
        "SA-1": 2 * context * d * 2,
        "SA-2": 2 * context * d * 2 + 3 * 3 * d * 2,
        "SA-3": 2 * context * d // 4 * 2,
        "SA-4": 2 * context * d // 2 * 2,
        "Rec-1": (16 * d + 3 * (d + 2 * 16)) * 2,
        "Rec-2": (2 * d + 3 * (d + 2 * 2)) * 2,
        "GConv-1": 2 * d * 2,
        "GConv-2": context * d * 2,
        "GMemless": 0,
    }


@pytest.mark.parametrize("row", CLASSES, ids=lambda row: row.name)
def test_fixed_state_is_what_is_left_of_a_cache_without_its_growth(row):
    """The growth is that between two far lengths, at which the windows and filters of this shape are full."""
    shape = Shape(64, 16, window=32)
    near, far = (_cost(row.id, shape, context) for context in (5000, 7000))
    assert near.state_bytes == far.state_bytes
    growth = (far.cache_bytes - near.cache_bytes) / 2000
    assert near.state_bytes == near.cache_bytes - 5000 * growth
    assert _cost(row.id, shape, context=1).state_bytes == near.state_bytes


def test_state_by_hand():
    d = 64
    by_name = {row.name: _cost(row.id, Shape(d, 16)).state_bytes for row in STAR_CLASSES[:9]}
    assert by_name == {
        "SA-1": 0,
        "SA-2": 3 * 3 * d * 2,
        "SA-3": 0,
        "SA-4": 0,
        "Rec-1": (16 * d + 3 * (d + 2 * 16)) * 2,
        "Rec-2": (2 * d + 3 * (d + 2 * 2)) * 2,
        "GConv-1": 2 * d * 2,
        "GConv-2": 0,
        "GMemless": 0,
    }


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), depth=st.integers(1, 6), context=st.integers(1, 3000))
def test_costs_that_add_up_over_livs_are_those_of_the_whole_model(seed, depth, context):
    """Weights and features are shared in every way that sampling knows, over all classes."""
    space, shape = Space.of(depth=depth, allow_skip=True), Shape()
    blueprint = decode(sample(space, np.random.default_rng(seed)).genome, space)
    whole, found = skeleton(blueprint, shape), star.cost(blueprint, shape, context)
    assert found.parameters == sum(parameter.numel() for parameter in whole.parameters())
    embedding_and_head = 2 * shape.vocab * shape.width
    assert found.parameters_without_embedding == found.parameters - embedding_and_head
    assert found.cache_bytes == 2 * sum(whole.cache_elements(context))
    assert found.state_bytes == sum(liv.state_bytes for liv in found.livs)
    decoded = sum(block.operator.flops(context) for block in whole.stack())
    assert found.flops_per_token == decoded + 2 * shape.width * shape.vocab


def test_the_skeleton_allocates_no_weight():
    blueprint, shape = _alternating(24, 768, 64)
    assert {parameter.device for parameter in skeleton(blueprint, shape).parameters()} == {torch.device("meta")}


def test_a_shape_that_does_not_fit_is_refused_by_name():
    with pytest.raises(ValueError, match="class 3 SA-3 shares each b head among 4 heads; width 32"):
        _cost(3, Shape(32, 16))


@pytest.mark.parametrize("wrong", [{"context": 0}, {"element_bytes": 0}])
def test_nonsense_is_refused(wrong):
    with pytest.raises(ValueError, match="must be 1 or more"):
        star.cost(*_alternating(2, 64, 16), **wrong)
