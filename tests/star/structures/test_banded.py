"""Recurrences in jagged blocks against plain loops, and the first token that a token reaches."""

import pytest
import torch

from genome import FEATURIZERS, named
from star.cache import Store
from star.contract.forms import disagreements
from star.structures import jagged
from tests.star.structures.banded import BANDED, BLOCK, LENGTHS, SHAPE, case_of, class_of, first_seen, mixed

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("length", LENGTHS)
@torch.no_grad()
def test_phalanx_is_its_recurrence_block_by_block(length):
    row = named("Phalanx")
    structure, features, _ = mixed(row, next(f for f in FEATURIZERS if f.id == 50), length)
    decay = features["a"].exp().repeat_interleave(16, dim=2)
    gate, values = features["b"], features["v"]
    assert decay.shape == gate.shape == values.shape == (2, length, SHAPE.width, 1)
    assert ((gate > 0) & (gate < 1) & (decay > 0) & (decay < 1)).all()
    expected, left = [], torch.zeros_like(values[:, 0])
    for start in range(0, length, BLOCK):
        x, alone = left, torch.zeros_like(left)
        for t in range(start, min(length, start + BLOCK)):
            x = decay[:, t] * x + gate[:, t] * values[:, t]
            alone = decay[:, t] * alone + gate[:, t] * values[:, t]
            expected.append(features["c"][:, t] * x)
        left = alone
    torch.testing.assert_close(structure.fast(features), torch.stack(expected, 1))


@torch.no_grad()
def test_phalanx_forgets_by_a_sigmoid_of_a_projection_that_sixteen_channels_share():
    model = case_of(named("Phalanx"), next(f for f in FEATURIZERS if f.id == 50)).model
    (block,) = model.stack()
    gate = block.operator.featurizer["a"]
    gate.bias_HK.copy_(torch.tensor([[0.5], [-2.0]]))
    x_BLD = torch.randn(2, 3, SHAPE.width).double()
    expected = torch.sigmoid(x_BLD @ gate.weight.T + torch.tensor([0.5, -2.0]).double()).unsqueeze(-1)
    torch.testing.assert_close(gate(x_BLD, 3, None).exp(), expected)


@pytest.mark.parametrize("row", [70, 71])
@pytest.mark.parametrize("length", [1, 17, 40])
@torch.no_grad()
def test_the_delta_rule_in_blocks_is_a_product_of_transitions_since_the_block_before(row, length):
    structure, features, _ = mixed(*class_of(row, 5, 1, 3), length, batch=1)
    c, b, d, v = (features[name][0] for name in "cbdv")
    log_decay = features["a"].expand(length, -1, -1) if features["a"].dim() == 2 else features["a"][0]
    expected = torch.zeros_like(v)
    heads = (0, v.shape[1] - 1)
    for h in heads:
        for i in range(length):
            for j in range(first_seen(i), i + 1):
                reached = d[j, h] * b[j, h]
                for t in range(j + 1, i + 1):
                    reached = log_decay[t, h].exp() * reached
                    reached = reached - d[t, h] * b[t, h] * (b[t, h] @ reached)
                expected[i, h] += (c[i, h] @ reached) * v[j, h]
    torch.testing.assert_close(structure.fast(features)[0][:, heads], expected[:, heads])


@pytest.mark.parametrize("kind", BANDED)
def test_forms_agree_where_blocks_begin_and_end(kind):
    for length in LENGTHS:
        structure, features, _ = mixed(*class_of(*BANDED[kind]), length)
        assert list(disagreements(structure, features)) == [], length


@pytest.mark.parametrize("kind", ["Phalanx", "gate a key", "DeltaNet"])
def test_tiles_of_blocks_are_joined_in_order(kind, monkeypatch):
    monkeypatch.setattr(jagged, "TILE_ELEMENTS", 400)
    structure, features, _ = mixed(*class_of(*BANDED[kind]), 100)
    assert list(disagreements(structure, features, {"fast"})) == []


@pytest.mark.parametrize(
    "sizes", [[1] * 60, [15, 1, 16, 28], [3, 40, 1, 16], [16, 16, 28], [5, 2, 53], [33, 27]], ids=str
)
@pytest.mark.parametrize("kind", ["Phalanx", "normalised", "Gated DeltaNet"])
@torch.no_grad()
def test_chunks_of_any_size_continue_a_sequence(kind, sizes):
    structure, features, _ = mixed(*class_of(*BANDED[kind]), sum(sizes))
    store = Store({name: torch.zeros(2, *size).double() for name, size in structure.memory(0).items()}, {})
    outputs, first = [], 0
    for size in sizes:
        chunk = {name: x[:, first : first + size] if x.dim() == 4 else x for name, x in features.items()}
        outputs.append(structure.step(chunk, store))
        store.advance(size)
        first += size
    torch.testing.assert_close(torch.cat(outputs, 1), structure.mix(features), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("kind", BANDED)
@torch.no_grad()
def test_a_token_reaches_the_block_before_its_own_and_nothing_earlier(kind):
    structure, features, _ = mixed(*class_of(*BANDED[kind]), 70)
    before = structure.fast(features)
    for j in (0, 15, 16, 31, 37):
        changed = {name: x.clone() for name, x in features.items()}
        for name in "bv":
            changed[name][:, j] = 0.5 * features[name][:, j] + 0.25
        moved = (structure.fast(changed) - before).abs().flatten(2).amax((0, 2))
        for i in range(70):
            assert (moved[i] > 0) == (first_seen(i) <= j <= i), (j, i)


@pytest.mark.parametrize("kind", BANDED)
def test_large_gates_stay_finite_over_long_sequences(kind):
    structure, features, _ = mixed(*class_of(*BANDED[kind]), 1000)
    large = {name: (x if name in "bd" else 100 * x).float().requires_grad_() for name, x in features.items()}
    y_BLHV = structure.fast(large)
    grads = torch.autograd.grad(y_BLHV.square().mean(), list(large.values()))
    assert all(x.isfinite().all() for x in (y_BLHV, *grads))


def test_a_banded_recurrence_keeps_two_states_and_works_for_both():
    one, both = (mixed(*class_of(70, 5, 1, 3, sparsity), 3)[0] for sparsity in (1, 2))
    assert both.memory(5) == {"state": one.memory(5)["state"], "local": one.memory(5)["state"]}
    assert both.flops(5) == 2 * one.flops(5)
