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


@pytest.mark.parametrize("gates", [-30.0, 30.0])
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_extreme_gates_stay_finite_over_long_sequences(row, gates):
    """Input and output gates, steps, keys and decays are pushed to where sigmoids and exponentials saturate."""
    structure, features = _features(row, 4096, torch.float32)
    pushed = {name: value + gates if name in ("c", "b") else value for name, value in features.items()}
    if "d" in pushed:
        pushed["d"] = torch.nn.functional.softplus(torch.full_like(features["d"], gates)).clamp_max(
            1.0 if gates < 0 else 30.0
        )
    if "a" in pushed and gates > 0:
        pushed["a"] = features["a"] * gates
    leaves = {name: value.detach().requires_grad_() for name, value in pushed.items()}
    output = structure.fast(leaves)
    grads = torch.autograd.grad(output.square().mean(), list(leaves.values()), allow_unused=True)
    assert output.isfinite().all()
    assert all(grad.isfinite().all() for grad in grads if grad is not None)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_long_sequence_in_two_chunks_is_the_whole(row):
    model = build(decode(Genome.parse(f"{row.id}.1.1.1.1"), Space.of([row.name], depth=1)), SHAPE).double()
    tokens = torch.randint(8, (1, 700), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        cache = model.new_cache(1)
        parts = torch.cat([model(tokens[:, :333], cache), model(tokens[:, 333:], cache)], dim=1)
        assert relative_rms(parts, model(tokens)) <= 1e-9
