"""Every class of the catalogue at lengths and gate values that no training of ours has seen."""

import pytest
import torch

from genome import CLASSES, Genome, Shape, Space, decode
from star.build import build
from star.views import disagreements, relative_rms

ROWS = [row for row in CLASSES if not row.differential]
SHAPE = Shape(width=16, head_dim=4, vocab=8, window=24)


def _features(row, length, dtype):
    model = build(decode(Genome.parse(f"{row.id}.1.1.1.1"), Space.of([row.name], depth=1)), SHAPE).to(dtype)
    noise = torch.randn(1, 1, length, SHAPE.width, dtype=dtype, generator=torch.Generator().manual_seed(length))
    with torch.no_grad():
        ((block, features),) = model.features_of(noise.unbind(0))
    ((_, liv),) = block.operator.livs()
    return liv.structure, {name: features[name] for name in liv.structure.groups}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_views_agree_at_a_thousand_tokens(row):
    structure, features = _features(row, 1000, torch.float64)
    assert list(disagreements(structure, features, views=("fast", "fast in float32"))) == []


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_inputs_that_saturate_every_gate_stay_finite_over_long_sequences(row):
    """Thirty times the usual input: logits of gates, steps and decays lie around -30 and 30."""
    model = build(decode(Genome.parse(f"{row.id}.1.1.1.1"), Space.of([row.name], depth=1)), SHAPE)
    noise = 30 * torch.randn(1, 1, 4096, SHAPE.width, generator=torch.Generator().manual_seed(5))
    ((block, features),) = model.features_of(noise.unbind(0))
    output = block.operator.mix(features)
    assert output.isfinite().all()
    output.square().mean().backward()
    assert all(p.grad.isfinite().all() for p in block.operator.parameters() if p.grad is not None)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_long_sequence_in_two_chunks_is_the_whole(row):
    model = build(decode(Genome.parse(f"{row.id}.1.1.1.1"), Space.of([row.name], depth=1)), SHAPE).double()
    tokens = torch.randint(8, (1, 700), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        cache = model.new_cache(1)
        parts = torch.cat([model(tokens[:, :333], cache), model(tokens[:, 333:], cache)], dim=1)
        assert relative_rms(parts, model(tokens)) <= 1e-9
