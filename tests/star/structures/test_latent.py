"""Latent attention against its decompressed form, what it keeps, whom it lends to, and where its digits may stand."""

from dataclasses import replace

import pytest
import torch

import star
from genome import (
    FEATURIZERS,
    FeaturizerGenome,
    Genome,
    GroupGenome,
    OperatorGenome,
    Shape,
    Space,
    breaches,
    decode,
    named,
)
from genome.classes import alphabet as a
from genome.classes.rules import illegal

pytestmark = pytest.mark.slow

SHAPE = Shape(width=32, head_dim=8, window=5)
HEADS, HEAD, LATENT, ROTATED = 4, 8, 32, 4
ROW = named("MLA").operator
(DIGITS,) = [row for row in FEATURIZERS if row.id == ROW.featurizer]


def _model(*names, features=1):
    text = "-".join(f"{named(name).id}.1.1.1.{features}" for name in names)
    blueprint = decode(Genome.parse(text), Space.of(sorted(set(names)), depth=len(names)))
    return star.build(blueprint, SHAPE).double(), blueprint


def _liv(model, position=0):
    return list(model.stack())[position].operator


def _turned(x, t):
    """One token's rotated part: pair (n, n + half) turned by the angle t / 10000^(n / half)."""
    half = len(x) // 2
    pairs = torch.complex(x[:half], x[half:])
    turned = pairs * torch.exp(1j * t * 10000.0 ** (-torch.arange(half, dtype=torch.float64) / half))
    return torch.cat([turned.real, turned.imag])


@pytest.mark.parametrize(("name", "window"), [("MLA", 99), ("SWA-MLA", 5)])
def test_it_is_the_decompressed_attention_whose_maps_it_has_absorbed(name, window):
    """Keys [W_uk c ; rotated] and values W_uv c are written out for every head; the model holds only the products."""
    draw = torch.Generator().manual_seed(0)
    w_q, w_uk, w_uv = (
        torch.randn(HEADS, HEAD, size, generator=draw, dtype=torch.float64) / size**0.5 for size in (32, LATENT, LATENT)
    )
    w_qr = torch.randn(HEADS, ROTATED, 32, generator=draw, dtype=torch.float64) / 32**0.5
    w_dkv = torch.randn(LATENT, 32, generator=draw, dtype=torch.float64) / 32**0.5
    w_kr = torch.randn(ROTATED, 32, generator=draw, dtype=torch.float64) / 32**0.5
    w_o = torch.randn(32, HEADS, HEAD, generator=draw, dtype=torch.float64)
    x = torch.randn(9, 32, generator=draw, dtype=torch.float64)

    model, _ = _model(name)
    liv = _liv(model)
    scale = ((LATENT + ROTATED) / (HEAD + ROTATED)) ** 0.5
    with torch.no_grad():
        absorbed = torch.cat([w_uk.transpose(1, 2) @ w_q, w_qr], dim=1) * scale
        liv.featurizer["c"].weight.copy_(absorbed.flatten(0, 1))
        liv.featurizer["b"].weight.copy_(torch.cat([w_dkv, w_kr]))
        liv.out_DC.copy_(torch.cat([w_o[:, h] @ w_uv[h] for h in range(HEADS)], dim=1))
        found = liv(x.unsqueeze(0))[0]

    for i in range(9):
        expected = torch.zeros(32, dtype=torch.float64)
        seen = range(max(0, i + 1 - window), i + 1)
        for h in range(HEADS):
            query = torch.cat([w_q[h] @ x[i], _turned(w_qr[h] @ x[i], i)])
            keys = [torch.cat([w_uk[h] @ w_dkv @ x[j], _turned(w_kr @ x[j], j)]) for j in seen]
            weights = torch.softmax(torch.stack([query @ key for key in keys]) / (HEAD + ROTATED) ** 0.5, dim=0)
            values = torch.stack([w_uv[h] @ w_dkv @ x[j] for j in seen])
            expected += w_o[:, h] @ (weights @ values)
        torch.testing.assert_close(found[i], expected)


def test_it_keeps_the_latent_and_its_rotated_part_once_for_all_heads():
    model, blueprint = _model("MLA")
    cache = model.new_cache(1)
    model(torch.zeros(1, 7, dtype=torch.long), cache)
    assert cache.bytes == 7 * (LATENT + ROTATED) * 8
    assert star.cost(blueprint, SHAPE, context=100).cache_bytes == 100 * (LATENT + ROTATED) * 2
    decompressed = 100 * HEADS * (2 * HEAD + ROTATED) * 2
    assert decompressed > 2 * 100 * (LATENT + ROTATED) * 2


def test_a_head_of_128_has_the_proportions_of_the_paper():
    row = named("MLA")
    head_sizes = Shape(width=512, head_dim=128).group_sizes(row, DIGITS)
    assert head_sizes == {"c": (4, 512 + 64), "b": (1, 512 + 64), "v": (1, 512)}


def test_values_are_the_first_channels_of_the_keys():
    model, _ = _model("MLA")
    x = torch.randn(1, 1, 6, 32, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    ((_, (features,)),) = model.features_of(x)
    torch.testing.assert_close(features["v"], features["b"][..., :LATENT], rtol=0, atol=0)
    assert features["v"].untyped_storage().data_ptr() == features["b"].untyped_storage().data_ptr()
    assert list(_liv(model).featurizer["v"].parameters()) == []


@pytest.mark.parametrize("strategy", [2, 4])
def test_a_member_that_takes_keys_keeps_nothing_and_decodes_from_what_is_lent(strategy):
    model, blueprint = _model("MLA", "MLA", features=strategy)
    assert [liv.cache_bytes for liv in star.cost(blueprint, SHAPE, context=10).livs] == [10 * 36 * 2, 0]
    tokens = torch.randint(256, (1, 12), generator=torch.Generator().manual_seed(1))
    cache = model.new_cache(1)
    with torch.no_grad():
        parts = torch.cat([model(part, cache) for part in torch.split(tokens, [4, 1, 7], dim=1)], dim=1)
        torch.testing.assert_close(parts, model(tokens))
    assert cache.bytes == 12 * 36 * 8


def test_values_alone_cannot_be_taken():
    space = Space.of(["MLA"], depth=2)
    (breach,) = breaches(Genome.parse("23.1.1.1.3-23.1.1.1.3"), space)
    assert breach.why == "3 takes v, which follows from b in MLA: take b with it"


KEYS = DIGITS["b"]
VALUES = DIGITS["v"]


@pytest.mark.parametrize(
    ("operator", "changed", "said"),
    [
        (ROW, {"c": GroupGenome()}, "group c beside a latent: expansion 1"),
        (ROW, {"b": GroupGenome(repeat=a.Repeat.ALL)}, "group b beside a latent: expansion 1"),
        (ROW, {"v": GroupGenome(repeat=a.Repeat.ALL)}, "group v of a latent: generator 1"),
        (ROW, {"v": replace(VALUES, nonlinearity=a.Nonlinearity.SILU)}, "its digits are 1.2.1.1.1.8.0.23"),
        (
            ROW,
            {"b": replace(KEYS, repeat=a.Repeat.ONE), "v": replace(VALUES, repeat=a.Repeat.ONE)},
            "group b of a latent",
        ),
        (
            ROW,
            {"b": replace(KEYS, channel=a.ChannelMixing.GROUPED)},
            "channel mixing 3 (grouped) cannot be built; legal: 2",
        ),
        (OperatorGenome.of((23, 3, 1, 1, 3)), {}, "mixes the feature groups c, b, h, v"),
        (OperatorGenome.of((9, 1, 1, 4, 2)), {"b": None}, "expansion 8"),
    ],
)
def test_what_a_latent_asks_for(operator, changed, said):
    groups = {name: changed.get(name, group) for name, group in DIGITS.groups}
    kept = tuple((name, group) for name, group in groups.items() if group is not None)
    assert said in str(illegal(operator, FeaturizerGenome(23, kept)))


def test_tied_values_need_a_latent():
    values = GroupGenome(generator=a.Generator.TIED)
    featurizer = FeaturizerGenome(1, (("c", GroupGenome()), ("b", GroupGenome()), ("v", values)))
    said = str(illegal(named("SA-1").operator, featurizer))
    assert "beside a latent: expansion 1 (same) cannot be built; legal: 8 (latent)" in said
