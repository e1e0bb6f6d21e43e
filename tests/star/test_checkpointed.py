"""With activation checkpointing a model computes the same bits, in the forward pass and in all gradients."""

import pytest
import torch

from evaluator.budget import Budget
from evaluator.gradients import add_gradients
from evaluator.tasks.loaded import Examples
from genome import CLASSES, Genome, Shape, Space, decode, named
from star.build import build
from star.ops.dispatch import forced

SHAPE = Shape(width=32, head_dim=8, vocab=16, window=8)


class Saved(torch.autograd.graph.saved_tensors_hooks):
    """Counts the elements that are saved for a backward pass."""

    def __init__(self):
        super().__init__(self._count, torch.positive)
        self.elements = 0

    def _count(self, x):
        self.elements += x.numel()
        return x


def _computed(genome, checkpointed, length=65):
    model = build(decode(genome, Space.of(depth=len(genome.segments))), SHAPE)
    model.checkpoint_activations = checkpointed
    tokens_BL = torch.randint(SHAPE.vocab, (3, length + 1), generator=torch.Generator().manual_seed(0))
    loss, _ = add_gradients(model, Examples(tokens_BL[:, :-1], tokens_BL[:, 1:]), 2)
    return [loss, *(weight.grad for weight in model.parameters())]


def _same(genome, length=65):
    found, expected = (_computed(genome, checkpointed, length) for checkpointed in (True, False))
    assert all(map(torch.equal, found, expected))


@pytest.mark.parametrize("row", CLASSES, ids=lambda row: row.name)
@pytest.mark.parametrize("kernels", ["auto", "torch"])
def test_every_class_computes_the_same_bits(row, kernels):
    with forced(kernels):
        _same(Genome.of([row.id, 9]))


def test_convolutions_by_fourier_transform_too():
    _same(Genome.of([named("Multi-Hyena").id]), 700)


@pytest.mark.parametrize(
    "genome", ["1.1.1.1.4-9.1.1.1.1-1.1.1.1.4", "10.1.2.1.1-10.1.2.1.1", "112.1.1.1.2-112.1.1.1.2"]
)
def test_shared_features_and_weights_too(genome):
    _same(Genome.parse(genome))


def test_fewer_tensors_are_kept():
    genome = Genome.parse("1.1.1.1.1-9.1.1.1.1")
    model = build(decode(genome, Space.of(depth=2)), SHAPE)
    kept = {}
    for checkpointed in (False, True):
        model.checkpoint_activations = checkpointed
        saved = Saved()
        with saved:
            model(torch.zeros(2, 64, dtype=torch.long))
        kept[checkpointed] = saved.elements
    assert kept[True] < kept[False] / 3


def test_it_is_off_where_a_budget_does_not_name_it():
    assert not Budget().checkpoint_activations
