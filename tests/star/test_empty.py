"""No tokens, or no sequences, mean the same for every class: no logits, and a cache that stays as it is."""

import pytest
import torch

import star
from genome import CLASSES, Genome, Shape, Space, decode


def _model(row, **shape):
    space = Space.of([row.name], depth=2)
    return star.build(decode(Genome.parse(f"{row.id}.1.1.1.1-{row.id}.1.1.1.1"), space), Shape(**shape)).eval()


@pytest.mark.parametrize("row", CLASSES, ids=lambda row: row.name)
@torch.no_grad()
def test_no_tokens_have_no_logits_and_leave_the_cache_as_it_is(row):
    model = _model(row, width=32, head_dim=8, vocab=11)
    none_BL = torch.zeros(2, 0, dtype=torch.long)
    tokens_BL = torch.arange(14).view(2, 7) % 11
    assert model(none_BL).shape == (2, 0, 11)

    plain, interrupted = model.new_cache(2), model.new_cache(2)
    first = model(tokens_BL[:, :5], plain)
    assert model(none_BL, interrupted).shape == (2, 0, 11)
    assert torch.equal(model(tokens_BL[:, :5], interrupted), first)
    held = interrupted.bytes
    assert model(none_BL, interrupted).shape == (2, 0, 11)
    assert interrupted.bytes == held
    assert torch.equal(model(tokens_BL[:, 5:], interrupted), model(tokens_BL[:, 5:], plain))


@pytest.mark.parametrize("row", CLASSES, ids=lambda row: row.name)
@torch.no_grad()
def test_no_sequences_have_no_logits(row):
    model = _model(row, width=32, head_dim=8, vocab=11)
    none_BL = torch.zeros(0, 3, dtype=torch.long)
    assert model(none_BL).shape == (0, 3, 11)
    assert model(none_BL, model.new_cache(0)).shape == (0, 3, 11)


def test_no_tokens_have_gradients_of_zero():
    model = _model(next(row for row in CLASSES if row.name == "Mamba-1"), width=32, head_dim=8, vocab=11)
    model(torch.zeros(2, 0, dtype=torch.long)).sum().backward()
    assert model.head_VD.grad is not None
    assert model.head_VD.grad.count_nonzero() == 0


@torch.no_grad()
def test_no_steps_of_real_values_have_no_values():
    model = _model(next(row for row in CLASSES if row.name == "SA-1"), width=32, head_dim=8, vocab=4, channels=3)
    assert model(torch.zeros(2, 0, 3), model.new_cache(2)).shape == (2, 0, 4)
