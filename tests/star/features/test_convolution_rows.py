"""Rows of the catalogue with a filter: their state, their forms, their decoding and their rules."""

import pytest
import torch

from genome import CLASSES, FEATURIZERS, Genome, Shape, Space, breaches, decode
from genome.catalogue.convolution import CONVOLUTIONS
from genome.catalogue.published_filters import PUBLISHED_CONVOLUTIONS
from genome.classes.quantities import SHORT_CONVOLUTIONS, STATES
from star.analysis.cost import cost
from star.build import build, skeleton
from star.contract.forms import disagreements, relative_rms
from tests.star.features.filters import group_of

pytestmark = pytest.mark.slow

SHAPE = Shape(width=32, head_dim=8)
FIXED_STATE = [
    row
    for row in CLASSES
    if any(f.id == row.operator.featurizer and f["h"].generator in STATES for f in FEATURIZERS if "h" in f.names)
]


def blueprint_of(row):
    return decode(Genome.of([row.id]), Space.of([row.name], depth=1))


@pytest.mark.parametrize("row", FIXED_STATE, ids=lambda row: row.name)
def test_state_space_rows_keep_a_state_that_does_not_grow(row):
    blueprint = blueprint_of(row)
    costs = [cost(blueprint, SHAPE, context) for context in (1, 128, 4096)]
    assert len({one.cache_bytes for one in costs}) == 1
    assert len({one.flops_per_token for one in costs}) == 1
    (elements,) = skeleton(blueprint, SHAPE).cache_elements(4096)
    mixings = [group.token for _, group in blueprint.livs[0].featurizer.groups if group.token in SHORT_CONVOLUTIONS]
    convolved = sum(SHAPE.width * (SHORT_CONVOLUTIONS[token].taps - 1) for token in mixings)
    assert elements == SHAPE.width * STATES[group_of(row.name).generator] + convolved


@pytest.mark.parametrize("row", [*CONVOLUTIONS, *PUBLISHED_CONVOLUTIONS], ids=lambda row: row.name)
def test_forms_agree_with_gradients_where_blocks_and_ffts_begin(row):
    model = build(blueprint_of(row), SHAPE).double().eval()
    for length in (63, 64, 65, 130):
        draw = torch.Generator().manual_seed(length)
        noise = torch.randn(1, 1, length, SHAPE.width, dtype=torch.float64, generator=draw)
        with torch.no_grad():
            ((block, (features,)),) = model.features_of(noise.unbind(0))
        for liv in block.operator.livs:
            assert list(disagreements(liv.structure, features)) == []


@pytest.mark.parametrize("row", [*CONVOLUTIONS, *PUBLISHED_CONVOLUTIONS], ids=lambda row: row.name)
@pytest.mark.parametrize("length", [1, 2, 63, 64, 65, 130, 1000, 1025, 2100])
def test_a_prompt_and_then_tokens_give_what_the_whole_gives(row, length):
    model = build(blueprint_of(row), SHAPE).double().eval()
    tokens = torch.randint(SHAPE.vocab, (1, length + 3), generator=torch.Generator().manual_seed(length))
    with torch.no_grad():
        cache = model.new_cache()
        parts = [model(chunk, cache) for chunk in torch.split(tokens, [length, 1, 1, 1], dim=1)]
        assert relative_rms(torch.cat(parts, dim=1), model(tokens)) < 1e-9


def test_gates_of_ones_are_refused_where_there_is_no_filter():
    attention = Space.of(["SA-1"], depth=1).to_json()
    attention["featurizers"][0]["groups"]["c"] = [2, 1, 1, 1, 1, 1, 1, 6, 1]
    with pytest.raises(ValueError, match="only toeplitz can do without this gate"):
        Space.from_json(attention)


def test_an_ungated_operator_may_share_its_filter_but_not_its_values():
    space = Space.of(["S4D"], depth=2)
    assert breaches(Genome.parse("96.1.1.1.5-96.1.1.1.5"), space) == []
    (breach,) = breaches(Genome.parse("96.1.1.1.3-96.1.1.1.3"), space)
    assert breach.why == "3 takes v, all that S4D computes from its own input"
