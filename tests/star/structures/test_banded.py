"""Recurrences in jagged blocks against plain loops; what a token reaches, to the token; which digits are refused."""

from dataclasses import replace

import pytest
import torch

from genome import FEATURIZERS, FeaturizerGenome, Genome, LIVClass, OperatorGenome, Shape, Space, decode, named
from genome.classes import alphabet as a
from genome.classes.choices import SPARSITIES
from genome.classes.feature_groups import OUTPUT
from genome.classes.rules import illegal
from star.cache import Store
from star.contract.case import Case
from star.contract.checks import examine
from star.contract.forms import disagreements
from star.structures import STRUCTURES, jagged

SHAPE = Shape(width=32, head_dim=4, vocab=7)
BLOCK = 16
CONSTANT = {"source": a.Source.CONSTANT, "channel": a.ChannelMixing.DIAGONAL}
LENGTHS = (1, 15, 16, 17, 32, 33, 50)
FEATURES = {row.id: row.groups for row in FEATURIZERS}
BANDED = {
    "Phalanx": (50, 4, 1, 1),
    "constant decay, one channel a head": (5, 4, 1, 1),
    "constant decay, heads": (41, 4, 1, 3),
    "gate a head": (42, 4, 1, 3),
    "gate a key": (43, 4, 1, 3),
    "steps, one key head for all": (44, 4, 1, 3),
    "normalised": (51, 4, 6, 3),
    "normalised, one head": (51, 4, 6, 2),
    "DeltaNet": (70, 5, 1, 3),
    "Gated DeltaNet": (71, 5, 1, 3),
}


def _class(featurizer, mixing, nonlinearity, channel, sparsity=2, **changed):
    groups = tuple(
        (name, replace(group, **changed.get(name, {}))) for name, group in FEATURES[featurizer] if name != OUTPUT
    )
    row = LIVClass(1, "Any", OperatorGenome.of((1, mixing, sparsity, nonlinearity, channel)))
    return row, FeaturizerGenome(1, groups)


def _case(row, featurizer, shape=SHAPE):
    return Case(decode(Genome.of([row.id]), Space((row,), (featurizer,), depth=1)), shape)


@torch.no_grad()
def _mixed(row, featurizer, length, batch=2):
    """The structure, features of random inputs, and the inputs."""
    model = _case(row, featurizer).model
    x_1BLD = torch.randn(1, batch, length, SHAPE.width, generator=torch.Generator().manual_seed(length)).double()
    ((block, (features,)),) = model.features_of(x_1BLD.unbind(0))
    (liv,) = block.operator.livs
    return liv.structure, features, liv


def _first_seen(i):
    """The first token that token i reaches."""
    return max(0, i // BLOCK * BLOCK - BLOCK)


@pytest.mark.parametrize("length", LENGTHS)
@torch.no_grad()
def test_phalanx_is_its_recurrence_block_by_block(length):
    row = named("Phalanx")
    structure, features, _ = _mixed(row, next(f for f in FEATURIZERS if f.id == 50), length)
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
    model = _case(named("Phalanx"), next(f for f in FEATURIZERS if f.id == 50)).model
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
    structure, features, _ = _mixed(*_class(row, 5, 1, 3), length, batch=1)
    c, b, d, v = (features[name][0] for name in "cbdv")
    log_decay = features["a"].expand(length, -1, -1) if features["a"].dim() == 2 else features["a"][0]
    expected = torch.zeros_like(v)
    heads = (0, v.shape[1] - 1)
    for h in heads:
        for i in range(length):
            for j in range(_first_seen(i), i + 1):
                reached = d[j, h] * b[j, h]
                for t in range(j + 1, i + 1):
                    reached = log_decay[t, h].exp() * reached
                    reached = reached - d[t, h] * b[t, h] * (b[t, h] @ reached)
                expected[i, h] += (c[i, h] @ reached) * v[j, h]
    torch.testing.assert_close(structure.fast(features)[0][:, heads], expected[:, heads])


@pytest.mark.parametrize("kind", BANDED)
def test_forms_agree_where_blocks_begin_and_end(kind):
    for length in LENGTHS:
        structure, features, _ = _mixed(*_class(*BANDED[kind]), length)
        assert list(disagreements(structure, features)) == [], length


@pytest.mark.parametrize("kind", ["Phalanx", "gate a key", "DeltaNet"])
def test_tiles_of_blocks_are_joined_in_order(kind, monkeypatch):
    monkeypatch.setattr(jagged, "TILE_ELEMENTS", 400)
    structure, features, _ = _mixed(*_class(*BANDED[kind]), 100)
    assert list(disagreements(structure, features, {"fast"})) == []


@pytest.mark.parametrize(
    "sizes", [[1] * 60, [15, 1, 16, 28], [3, 40, 1, 16], [16, 16, 28], [5, 2, 53], [33, 27]], ids=str
)
@pytest.mark.parametrize("kind", ["Phalanx", "normalised", "Gated DeltaNet"])
@torch.no_grad()
def test_chunks_of_any_size_continue_a_sequence(kind, sizes):
    structure, features, _ = _mixed(*_class(*BANDED[kind]), sum(sizes))
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
    structure, features, _ = _mixed(*_class(*BANDED[kind]), 70)
    before = structure.fast(features)
    for j in (0, 15, 16, 31, 37):
        changed = {name: x.clone() for name, x in features.items()}
        for name in "bv":
            changed[name][:, j] = 0.5 * features[name][:, j] + 0.25
        moved = (structure.fast(changed) - before).abs().flatten(2).amax((0, 2))
        for i in range(70):
            assert (moved[i] > 0) == (_first_seen(i) <= j <= i), (j, i)


@pytest.mark.parametrize("kind", BANDED)
def test_large_gates_stay_finite_over_long_sequences(kind):
    structure, features, _ = _mixed(*_class(*BANDED[kind]), 1000)
    large = {name: (x if name in "bd" else 100 * x).float().requires_grad_() for name, x in features.items()}
    y_BLHV = structure.fast(large)
    grads = torch.autograd.grad(y_BLHV.square().mean(), list(large.values()))
    assert all(x.isfinite().all() for x in (y_BLHV, *grads))


def test_a_banded_recurrence_keeps_two_states_and_works_for_both():
    one, both = (_mixed(*_class(70, 5, 1, 3, sparsity), 3)[0] for sparsity in (1, 2))
    assert both.memory(5) == {"state": one.memory(5)["state"], "local": one.memory(5)["state"]}
    assert both.flops(5) == 2 * one.flops(5)


@pytest.mark.parametrize(
    ("featurizer", "nonlinearity", "changed"),
    [
        (50, 1, {}),
        (50, 1, CONSTANT | {"generator": a.Generator.NONE}),
        (5, 1, {}),
        (5, 1, {"generator": a.Generator.FORGET, "source": a.Source.PROJECTED, "channel": a.ChannelMixing.DENSE}),
    ],
)
@pytest.mark.parametrize("sparsity", [1, 2])
def test_a_decay_of_sixteen_channels_keeps_the_contract(featurizer, nonlinearity, changed, sparsity):
    row, genome = _class(featurizer, 4, nonlinearity, 1, sparsity, a={"repeat": a.Repeat.SIXTEEN} | changed)
    assert examine(_case(row, genome, Shape())).breaches == ()


@pytest.mark.parametrize("featurizer", [43, 71])
def test_a_forget_gate_stands_wherever_a_projected_decay_does(featurizer):
    mixing = {43: 4, 71: 5}[featurizer]
    row, genome = _class(featurizer, mixing, 1, 3, sparsity=1, a={"generator": a.Generator.FORGET})
    assert examine(_case(row, genome, Shape())).breaches == ()


@pytest.mark.parametrize(
    ("digits", "changed", "said"),
    [
        ((50, 4, 1, 3), {}, "group a: repeat 16 needs heads of one channel, channel mixing 1 .*; use repeat 1"),
        ((71, 5, 1, 1), {"a": {"repeat": a.Repeat.SIXTEEN}}, r"group a: repeat 16 .* legal: 1 \(one\)$"),
        ((50, 4, 1, 1), {"v": {"repeat": a.Repeat.SIXTEEN}}, r"group v: repeat 16 .* legal: 1 \(one\)$"),
        ((50, 4, 1, 1), {"a": {"repeat": a.Repeat.TWO}}, r"group a: repeat 2 .* legal: 1 \(one\), 16 \(sixteen\)$"),
        ((46, 4, 1, 1), {"a": {"repeat": a.Repeat.SIXTEEN}}, "needs a decay for every head: repeat 1 of a"),
        (
            (50, 4, 1, 1),
            {"c": {"nonlinearity": a.Nonlinearity.SIGMOID}},
            r"group c: nonlinearity 5 .* legal: 1 ",
        ),
        ((50, 4, 1, 1), {"b": {"generator": a.Generator.FORGET}}, r"group b: generator 22 \(forget\) cannot be built"),
    ],
)
def test_what_cannot_be_built_is_refused(digits, changed, said):
    row, featurizer = _class(*digits, **changed)
    with pytest.raises(ValueError, match=said):
        raise ValueError(illegal(row.operator, featurizer))


def test_sixteen_channels_must_divide_the_width():
    row = named("Phalanx")
    featurizer = Space.of([row.name], depth=1).featurizer(row)
    assert Shape(width=48, head_dim=3).fits(row, featurizer)
    with pytest.raises(ValueError, match="shares each a head among 16 heads"):
        Shape(width=24, head_dim=3).groups(row, featurizer)


@pytest.mark.parametrize("name", ["GMemless", "sLSTM"])
def test_other_structures_have_no_band(name):
    row = named(name)
    featurizer = Space.of([row.name], depth=1).featurizer(row)
    assert "sparsity 2 (banded) cannot be built" in str(
        illegal(replace(row.operator, sparsity=a.Sparsity.BANDED), featurizer)
    )


def test_structures_and_rules_admit_the_same_sparsities():
    assert {(mixing, one) for mixing, legal in SPARSITIES.items() for one in legal} == set(STRUCTURES)


def test_banded_rows_keep_their_ids_and_digits():
    assert (named("Phalanx").id, named("Phalanx").operator.digits) == (50, (50, 4, 2, 1, 1))
    assert (named("Banded DeltaNet").id, named("Banded DeltaNet").operator.digits) == (72, (70, 5, 2, 1, 3))
