"""Every class of the catalogue at lengths and gate values that no training of ours has seen."""

import pytest
import torch

from genome import CLASSES, Genome, Shape, Space, decode
from star.build import build
from star.contract.forms import disagreements, relative_rms

pytestmark = pytest.mark.slow

ROWS = [row for row in CLASSES if not row.differential]
SHAPE = Shape(width=16, head_dim=4, vocab=8, window=24)
NARROW = Shape(width=8, head_dim=2, vocab=8, window=24)
LENGTHS = (63, 64, 65, 130, 1000)


def _model(row, shape=SHAPE):
    return build(decode(Genome.of([row.id]), Space.of([row.name], depth=1)), shape)


def _features(row, length):
    noise = torch.randn(1, 1, length, SHAPE.width, dtype=torch.float64, generator=torch.Generator().manual_seed(length))
    with torch.no_grad():
        ((block, (features,)),) = _model(row).double().features_of(noise.unbind(0))
    (liv,) = block.operator.livs
    return liv.structure, {name: features[name] for name in liv.structure.groups}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_forms_agree_around_the_sizes_of_chunks_and_at_a_thousand_tokens(row):
    for length in LENGTHS:
        forms = ("fast", "fast in float32") if length > 130 else None
        structure, features = _features(row, length)
        assert list(disagreements(structure, features, forms=forms)) == [], length


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_inputs_that_saturate_every_gate_stay_finite_over_16384_tokens(row):
    """Thirty times the usual input: logits of gates, steps and decays lie around -30 and 30."""
    shape = NARROW if NARROW.fits(row, Space.of([row.name], depth=1).featurizer(row)) else SHAPE
    model = _model(row, shape)
    noise = 30 * torch.randn(1, 1, 16_384, shape.width, generator=torch.Generator().manual_seed(5))
    ((block, (features,)),) = model.features_of(noise.unbind(0))
    output = block.operator.mix(features)
    assert output.isfinite().all()
    output.square().mean().backward()
    assert all(p.grad.isfinite().all() for p in block.operator.parameters() if p.grad is not None)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_long_sequence_in_two_chunks_is_the_whole(row):
    model = _model(row).double()
    tokens = torch.randint(8, (1, 700), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        cache = model.new_cache(1)
        parts = torch.cat([model(tokens[:, :333], cache), model(tokens[:, 333:], cache)], dim=1)
        assert relative_rms(parts, model(tokens)) <= 1e-9
