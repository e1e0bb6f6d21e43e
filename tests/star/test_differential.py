"""A differential operator computes a whole sequence at once, and this is the difference of its two LIVs.

B batch, L tokens, D model width.
"""

from dataclasses import replace

import pytest
import torch

from genome import CLASSES, Genome, Shape, Space, decode, named
from genome.classes.feature_groups import ACTIVATION
from star.build import build
from star.structures.recurrent import Recurrent
from tests.star.contract.elsewhere import Elsewhere

SHAPE = Shape(width=32, head_dim=8, vocab=16, window=4)
ROUTED = ("MoM", "MoM-Published", "MoM-GLA", "MoE", "Routing Transformer", "SeqBoat")
ACTIVATED = [row.name for row in CLASSES if ACTIVATION in Space.of([row.name], depth=1).featurizer(row).names]


def _operator(row):
    """Build the difference of two LIVs of this class, with weights that are not those of initialisation."""
    catalogue = Space.of([row.name], depth=1)
    space = replace(catalogue, classes=(replace(row, differential=True),))
    operator = next(build(decode(Genome.of([row.id]), space), SHAPE).double().stack()).operator
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for weight in operator.parameters():
            weight.add_(0.1 * torch.randn(weight.shape, generator=generator, dtype=weight.dtype))
    return operator


def _gradients(compute, operator, x_BLD):
    y_BLD = compute(x_BLD)
    loss = y_BLD.mul(torch.linspace(-1, 1, y_BLD.numel(), dtype=y_BLD.dtype).view_as(y_BLD)).sum()
    leaves = [x_BLD, *operator.parameters()]
    found = torch.autograd.grad(loss, leaves, allow_unused=True, materialize_grads=True)
    return [y_BLD, *found]


@pytest.mark.parametrize("length", [1, 2, 37, 130])
@pytest.mark.parametrize("row", [row for row in CLASSES if not row.differential], ids=lambda row: row.name)
def test_both_livs_at_once_are_the_difference_of_the_two(row, length, monkeypatch):
    operator = _operator(row)
    x_BLD = torch.randn(2, length, SHAPE.width, dtype=torch.float64, generator=torch.Generator().manual_seed(length))
    x_BLD.requires_grad_()

    def one_after_the_other(x_BLD):
        return operator.combined([liv.mix(liv.features(x_BLD)) for liv in operator.livs])

    expected = _gradients(one_after_the_other, operator, x_BLD)
    monkeypatch.setattr(Recurrent, "pairs_on", lambda structure, device: True)
    torch.testing.assert_close(_gradients(operator, operator, x_BLD), expected, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("row", [row for row in CLASSES if not row.differential], ids=lambda row: row.name)
def test_a_pair_is_one_part_on_a_gpu_unless_it_routes_tokens_or_activates_its_output(row):
    operator = _operator(row)
    with Elsewhere():
        assert len(operator.parts) == (2 if row.name in (*ROUTED, *ACTIVATED) else 1)


@pytest.mark.parametrize(
    ("row", "parts"), [("SA-1", 1), ("GConv-1", 1), ("Rec-1", 1), ("GLA", 2), ("Banded DeltaNet", 2)]
)
def test_a_pair_is_one_part_on_a_cpu_where_that_is_faster(row, parts):
    assert len(_operator(named(row)).parts) == parts


@pytest.mark.parametrize("genome", ["10.1.1.1.4-11.1.1.1.4", "14.1.1.1.2-14.1.1.1.2", "16.1.2.1.1-16.1.2.1.1"])
def test_pairs_pass_features_and_weights_on(genome):
    """Decoding computes one LIV after the other, and so tells which features and weights a pair must have taken."""
    genome = Genome.parse(genome)
    model = build(decode(genome, Space.of(depth=len(genome.segments))), SHAPE).double()
    tokens_BL = torch.randint(SHAPE.vocab, (2, 37), generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(model(tokens_BL), model(tokens_BL, model.new_cache(2)))
    traced = [len(features) for _, features in model.trace(tokens_BL)]
    assert traced == [2, 2]
