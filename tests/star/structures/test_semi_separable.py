"""Every kind of decay under every channel mixing, and what the rows of the literature promise."""

import itertools
from typing import Any

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from genome import CLASSES, FeaturizerGenome, Genome, GroupGenome, LIVClass, OperatorGenome, Shape, Space, decode, named
from genome.classes.alphabet import ChannelMixing, Expansion, Generator, Source, TokenMixing
from genome.classes.choices import CHANNEL_MIXINGS
from star.build import build
from star.contract.forms import disagreements

pytestmark = pytest.mark.slow

SHAPE = Shape(width=12, head_dim=3, vocab=5)
ROWS = [
    row
    for row in CLASSES
    if row.operator.token_mixing is TokenMixing.SEMI_SEPARABLE
    and not row.differential
    and SHAPE.fits(row, Space.of([row.name], depth=1).featurizer(row))
]
CONSTANT: dict[str, Any] = {"source": Source.CONSTANT, "channel": ChannelMixing.DIAGONAL}
DECAYS: dict[str, dict[str, Any]] = {
    "learned": CONSTANT,
    "none": CONSTANT | {"generator": Generator.ZERO},
    "fixed": CONSTANT | {"generator": Generator.FIXED},
    "gated": {},
}


def _liv(liv_class, featurizers, length, shape=SHAPE, scale=1.0, dtype=torch.float64):
    space = Space((liv_class,), featurizers, depth=1)
    model = build(decode(Genome.of([liv_class.id]), space), shape).to(dtype)
    noise = scale * torch.randn(1, 2, length, shape.width, generator=torch.Generator().manual_seed(length))
    ((block, (features,)),) = model.features_of(noise.to(dtype).unbind(0))
    (liv,) = block.operator.livs
    return liv, features, model


def _row(name, *sizes, **options):
    row = named(name)
    space = Space.of([name], depth=1)
    return _liv(row, space.featurizers, *sizes, **options)


@pytest.mark.parametrize("kind", DECAYS)
@pytest.mark.parametrize("mixing", CHANNEL_MIXINGS[TokenMixing.SEMI_SEPARABLE])
def test_forms_agree_for_every_decay_channel_mixing_and_state(kind, mixing):
    decay = GroupGenome(**DECAYS[kind])
    steps = GroupGenome(), GroupGenome(**CONSTANT, generator=Generator.ONES)
    states = (Expansion.SAME, Expansion.STATE_2)
    for state, step, each in itertools.product(states, steps, (False, True)):
        keys = GroupGenome(expansion=state)
        rates = GroupGenome(**{**DECAYS[kind], "expansion": Expansion.PER_HEAD if each else state})
        groups = (("c", keys), ("b", keys), ("a", rates), ("d", step), ("v", GroupGenome()))
        operator = OperatorGenome.of((1, 4, 1, 1, mixing))
        with torch.no_grad():
            liv, features, _ = _liv(LIVClass(1, "Any", operator), (FeaturizerGenome(1, groups),), 37)
        assert list(disagreements(liv.structure, features)) == [], (decay, state, step, each)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_large_gates_stay_finite_over_long_sequences(row):
    liv, features, model = _row(row.name, 4096, scale=100.0, dtype=torch.float32)
    y_BLHV = liv.structure.fast(features)
    assert y_BLHV.isfinite().all()
    y_BLHV.square().mean().backward()
    assert all(p.grad.isfinite().all() for p in model.parameters() if p.grad is not None)


@torch.no_grad()
def test_lightnet_is_a_softmax_of_keys_over_time():
    liv, features, _ = _row("LightNet", 50)
    keys_BLHK = liv.featurizer["a"].weight
    x_BLD = torch.randn(1, 2, 50, SHAPE.width, generator=torch.Generator().manual_seed(50)).double()[0]
    keys_BLHK = torch.nn.functional.linear(x_BLD, keys_BLHK).unflatten(2, (4, 3))
    for t in (0, 1, 49):
        weights = keys_BLHK[:, : t + 1].softmax(1)
        state = torch.einsum("blhk,blhv->bhkv", weights, features["v"][:, : t + 1])
        expected = torch.einsum("bhk,bhkv->bhv", features["c"][:, t], state)
        torch.testing.assert_close(liv.structure.fast(features)[:, t], expected)


@torch.no_grad()
def test_hgrn_keeps_a_weighted_mean_of_its_inputs():
    liv, features, _ = _row("HGRN", 200)
    ones = {**features, "c": torch.ones_like(features["c"]), "v": torch.ones_like(features["v"])}
    kept = torch.exp(features["a"].cumsum(1))
    torch.testing.assert_close(liv.structure.fast(ones), 1 - kept)


@torch.no_grad()
def test_retnet_forgets_at_the_rates_of_the_paper():
    _, features, _ = _row("RetNet", 3)
    expected = 1 - 2.0 ** -torch.arange(5, 9, dtype=torch.float64)
    torch.testing.assert_close(features["a"].exp().squeeze(1), expected)


@torch.no_grad()
@pytest.mark.parametrize("name", ["GLA", "RetNet", "DeltaNet"])
def test_the_matrix_is_made_on_the_device_of_the_features(name):
    liv, features, _ = _row(name, 5, dtype=torch.float32)
    with FakeTensorMode():
        on_gpu = {group: torch.empty(x.shape, device="cuda") for group, x in features.items()}
        assert liv.structure.matrix(on_gpu).device.type == "cuda"
