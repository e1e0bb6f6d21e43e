"""The operator contract over every class and over random genomes, and proof that it catches what it should."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from genome import CLASSES, Genome, Shape, Space, decode, named, sample
from genome.classes.alphabet import ChannelMixing
from star.build import build
from star.contract.case import Case
from star.contract.checks import CHECKS, check, examine
from star.contract.forms import disagreements

pytestmark = pytest.mark.slow

SHAPE = Shape(width=64, head_dim=16)


def _case(text, shape=SHAPE, **options):
    genome = Genome.parse(text)
    return Case(decode(genome, Space.of(depth=len(genome.segments), allow_skip=True)), shape, **options)


@pytest.mark.parametrize("row", CLASSES, ids=lambda row: row.name)
def test_every_class_keeps_the_contract(row):
    report = examine(_case(f"{row.id}.1.1.1.1-{row.id}.1.1.1.1"))
    assert report.checked == tuple(CHECKS)
    assert report.breaches == ()


@pytest.mark.parametrize("seed", range(12))
def test_random_genomes_of_mixed_sharing_keep_the_contract(seed):
    rng = np.random.default_rng(seed)
    names = [CLASSES[int(n)].name for n in rng.permutation(len(CLASSES))[:3]]
    space = Space.of(names, depth=5, allow_skip=True, groups=1)
    assert check(sample(space, rng).genome, space, SHAPE, seed).breaches == ()


@pytest.mark.parametrize("shape", [Shape(16, 4, 5), Shape(24, 3, 2), Shape(8, 1, 3)], ids=str)
def test_small_and_odd_shapes_keep_the_contract(shape):
    fitting = [row for row in CLASSES if shape.fits(row, Space.of([row.name], depth=1).featurizer(row))]
    assert len(fitting) > len(CLASSES) // 2
    for row in fitting:
        assert examine(_case(f"{row.id}.1.1.1.1", shape)).breaches == (), row.name


def _faulty(fault):
    def construct(blueprint, shape, seed):
        model = build(blueprint, shape, seed)
        fault(model)
        return model

    return construct


def _mixes_over(axis):
    def fault(model):
        block = next(model.stack())
        block.norm.register_forward_hook(lambda module, args, x_BLD: x_BLD + 1e-6 * x_BLD.mean(axis, keepdim=True))

    return fault


def _never_used(model):
    model.norm.spare = torch.nn.Parameter(torch.zeros(3))


def _unseeded(model):
    with torch.no_grad():
        model.head_VD.add_(1e-6 * torch.rand(1))


def _overflows(model):
    with torch.no_grad():
        model.head_VD.mul_(1e30)
    model.head_VD.register_hook(lambda grad: grad * float("inf"))


@pytest.mark.parametrize(
    ("fault", "caught_by"),
    [
        (_mixes_over(1), "causal"),
        (_mixes_over(0), "batch independent"),
        (_never_used, "trainable"),
        (_never_used, "parameters exact"),
        (_unseeded, "seeded"),
        (_overflows, "trainable"),
    ],
)
def test_a_faulty_model_is_caught(fault, caught_by):
    report = examine(_case("7.1.1.1.1-9.1.1.1.1", construct=_faulty(fault)))
    assert any(breach.check == caught_by for breach in report.breaches)


def test_a_structure_whose_forms_disagree_is_caught(monkeypatch):
    case = _case("5.1.1.1.1")
    structure = next(liv for block in case.model.stack() for liv in block.operator.livs).structure
    honest = structure.fast
    monkeypatch.setattr(structure, "fast", lambda features: honest(features) * 1.001)
    assert any("fast differs from mix in the output" in breach for breach in CHECKS["forms"](case))


def test_a_structure_that_loses_digits_in_bfloat16_alone_is_caught(monkeypatch):
    case = _case("5.1.1.1.1")
    structure = next(liv for block in case.model.stack() for liv in block.operator.livs).structure
    honest, mixed = structure.fast, structure.mix

    def narrowed(features):
        return honest(features) * (1.06 if features["v"].dtype is torch.bfloat16 else 1)

    monkeypatch.setattr(structure, "fast", narrowed)
    breaches = [breach for breach in CHECKS["forms"](case) if "37 tokens" in breach]
    assert len(breaches) == 1
    assert "fast in bfloat16 differs from mix in the output by 6.0e-02 relative RMS; allowed 5e-02" in breaches[0]

    def no_better(features):
        return mixed(features) * (1.04 if features["v"].dtype is torch.bfloat16 else 1)

    monkeypatch.setattr(structure, "mix", no_better)
    assert [breach for breach in CHECKS["forms"](case) if "37 tokens" in breach and "fast in" in breach] == []


@pytest.mark.parametrize(("bent_by", "breaches"), [(1e-8, 0), (1e-5, 1)])
def test_a_gradient_whose_terms_cancel_is_measured_by_their_size(bent_by, breaches, monkeypatch):
    """One filter for all channels: its only tap has a gradient of 4,096 terms of size one, which nearly cancel."""
    row = named("GConv-2")
    dense = replace(row, operator=replace(row.operator, channel_mixing=ChannelMixing.DENSE))
    space = Space((dense,), (Space.of([row.name], depth=1).featurizer(row),), depth=1)
    case = Case(decode(Genome.of([row.id]), space), SHAPE)
    with torch.no_grad():
        ((block, features),) = case.model.features_of(case.noise(1).unbind(0))
    ((liv, own),) = block.parts(features)
    asked_BLHV = torch.linspace(-1, 1, own["v"].numel()).cos().bfloat16().double().view_as(own["v"])
    own |= {"c": torch.ones_like(own["c"]), "b": torch.ones_like(own["b"]), "v": 1 / asked_BLHV}
    own["v"][::2] *= -1.00002
    honest = liv.structure.fast

    def bent(features):
        rest = (features["h"] - features["h"].detach()).sum()
        return honest(features) + rest * (bent_by if features["v"].dtype is torch.float32 else 0)

    monkeypatch.setattr(liv.structure, "fast", bent)
    assert len(list(disagreements(liv.structure, own, ["fast in float32"]))) == breaches


def test_a_cache_that_keeps_more_than_it_says_is_caught(monkeypatch):
    case = _case("1.1.1.1.1")
    honest = case.model.new_cache

    def generous(batch=1):
        cache = honest(batch)
        cache.stores[0][0].tensors["hidden"] = torch.zeros(7)
        return cache

    monkeypatch.setattr(case.model, "new_cache", generous)
    assert len(list(CHECKS["cache exact"](case))) == 3


def test_a_state_lost_between_tokens_is_caught(monkeypatch):
    case = _case("5.1.1.1.1")
    structure = next(liv for block in case.model.stack() for liv in block.operator.livs).structure
    monkeypatch.setattr(structure, "step", lambda features, store: structure.fast(features))
    assert any("token by token" in breach for breach in CHECKS["decoding"](case))


def test_an_illegal_genome_is_refused():
    with pytest.raises(ValueError, match="segment 1, class: 999 is not in the space"):
        check(Genome.parse("999.1.1.1.1"), Space.of(depth=1), SHAPE)
