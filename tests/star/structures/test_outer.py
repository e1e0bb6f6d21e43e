"""Filters over outer products and filters cut at the window, compared with their meaning, and the memory they need."""

from dataclasses import replace

import pytest
import torch

import star
from genome import (
    FEATURIZERS,
    FeaturizerGenome,
    Genome,
    GroupGenome,
    Heads,
    LIVClass,
    OperatorGenome,
    Shape,
    Space,
    decode,
    named,
)
from genome.classes import alphabet as a
from genome.classes.quantities import TAPS
from genome.classes.rules import illegal
from star.analysis.state_size import state_of
from star.contract.forms import disagreements, relative_rms
from star.features.featurizer import KINDS
from star.ops.convolution.naive import gated_convolution
from star.ops.outer_product import convolution, dense, fft, fft_tiles
from star.ops.outer_product.naive import outer_product_convolution
from star.structures import structure_of

pytestmark = pytest.mark.slow

HEADS, HEAD, WINDOW = 2, 3, 6
FILTERS = list(TAPS)
PLAIN, OUTER = (OperatorGenome.of((1, 3, 1, 1, channel)) for channel in (3, 4))


def _group(generator):
    return GroupGenome(a.Source.POSITION, a.ChannelMixing.DIAGONAL, generator=generator)


def _case(operator, generator, length, head=HEAD):
    """The structure and float64 features of two sequences, with drawn weights in the filter."""
    featurizer = FeaturizerGenome(
        1, (*((n, GroupGenome()) for n in "cb"), ("h", _group(generator)), ("v", GroupGenome()))
    )
    head_sizes = {**dict.fromkeys("cbv", Heads(HEADS, head)), "h": Heads(HEADS, 1)}
    draw = torch.Generator().manual_seed(length)
    feature = KINDS["h", a.Source.POSITION, generator]("h", HEADS * head, Heads(HEADS, 1), _group(generator)).double()
    feature.initialise(draw)
    features = {
        name: torch.randn(2, length, HEADS, head, generator=draw, dtype=torch.float64) for name in ("c", "b", "v")
    }
    with torch.no_grad():
        features["h"] = feature(features["v"].flatten(2), length, None).detach()
    return structure_of(operator, featurizer)(operator, featurizer, head_sizes, WINDOW), features


def _impulse(structure, features, length):
    """The uncut filter as an ungated operator without a band answers to one token: h_HT."""
    open_ended = structure_of(PLAIN, structure.featurizer)(PLAIN, structure.featurizer, structure.head_sizes, WINDOW)
    ones = torch.ones(1, length, HEADS, 1, dtype=torch.float64)
    pulse = (torch.arange(length) == 0).double().view(1, length, 1, 1).expand(1, length, HEADS, 1)
    return open_ended.mix({"c": ones, "b": ones, "h": features["h"], "v": pulse})[0, :, :, 0].T


@pytest.mark.parametrize("generator", FILTERS, ids=lambda g: g.name)
@pytest.mark.parametrize("banded", [False, True], ids=["whole", "banded"])
def test_every_output_is_the_sum_over_earlier_tokens(generator, banded):
    operator = replace(OUTER, sparsity=a.Sparsity.BANDED) if banded else OUTER
    structure, features = _case(operator, generator, 11)
    h_HW = _impulse(structure, features, 11)[:, : WINDOW if banded else None]
    c, b, v = (features[name] for name in ("c", "b", "v"))
    assert relative_rms(structure.mix(features), outer_product_convolution(c / HEAD**0.5, b, v, h_HW)) < 1e-10


@pytest.mark.parametrize("generator", FILTERS, ids=lambda g: g.name)
def test_a_cut_convolution_is_the_sum_over_the_window(generator):
    structure, features = _case(replace(PLAIN, sparsity=a.Sparsity.BANDED), generator, 11)
    h_HW = _impulse(structure, features, 11)[:, :WINDOW]
    c, b, v = (features[name] for name in ("c", "b", "v"))
    assert relative_rms(structure.mix(features), gated_convolution(c, b, v, h_HW)) < 1e-10


CASES = [(OUTER, a.Sparsity.NONE), (OUTER, a.Sparsity.BANDED), (PLAIN, a.Sparsity.BANDED)]


@pytest.mark.parametrize("generator", FILTERS, ids=lambda g: g.name)
@pytest.mark.parametrize(("operator", "sparsity"), CASES, ids=["outer", "outer banded", "banded"])
@pytest.mark.parametrize("length", [1, WINDOW, 40])
def test_forms_agree_for_every_filter(generator, operator, sparsity, length):
    assert list(disagreements(*_case(replace(operator, sparsity=sparsity), generator, length))) == []


@pytest.mark.parametrize("form", ["dense", "diagonal tiles", "fft"])
@pytest.mark.parametrize("generator", [a.Generator.IMPLICIT, a.Generator.DECAYING_128, a.Generator.DPLR_16])
def test_every_fast_form_is_the_same_operator(form, generator, monkeypatch):
    monkeypatch.setattr(convolution, "LEAST_REACH", 0 if form == "fft" else 10_000)
    length = 300 if form == "diagonal tiles" else 140
    structure, features = _case(OUTER, generator, length, head=2)
    assert structure.exactly_causal(length) is (form != "fft" or generator is a.Generator.DPLR_16)
    assert list(disagreements(structure, features, forms=("fast", "fast in float32"))) == []


@pytest.mark.parametrize("taps", [1, 300, 1030, 1100], ids=lambda taps: f"{taps} taps")
@pytest.mark.parametrize("elements", [1, 1 << 13, 1 << 26], ids=["a product", "some products", "all products"])
def test_both_forms_have_the_same_outputs_and_gradients(taps, elements, monkeypatch):
    """The length is no multiple of the tile's tokens, nor the channels of the channels that are computed at once."""
    monkeypatch.setattr(dense, "TILE_ELEMENTS", elements)
    monkeypatch.setattr(fft_tiles, "ELEMENTS_AT_ONCE", elements)
    monkeypatch.setattr(fft_tiles, "FEWEST_TRANSFORMS", 1)
    draw = torch.Generator().manual_seed(taps)
    sizes = [(3, 1030, 2, 3), (3, 1030, 2, 3), (3, 1030, 2, 5), (2, taps)]
    inputs = [torch.randn(size, generator=draw, dtype=torch.float64).requires_grad_() for size in sizes]
    dy = torch.randn(sizes[2], generator=draw, dtype=torch.float64)
    one, other = ([y.detach(), *torch.autograd.grad(y, inputs, dy)] for y in (fft.fft(*inputs), dense.dense(*inputs)))
    assert [relative_rms(*pair) < 1e-12 for pair in zip(one, other, strict=True)] == [True] * 5


@pytest.mark.parametrize("generator", [a.Generator.IMPLICIT, a.Generator.EXPLICIT_7])
def test_without_the_fft_a_later_token_changes_no_bit(generator):
    structure, features = _case(OUTER, generator, 90)
    changed = {**features, "v": features["v"].clone()}
    changed["v"][:, 60:] += 1
    before, after = structure.fast(features), structure.fast(changed)
    assert torch.equal(before[:, :60], after[:, :60])
    assert not torch.equal(before[:, 60], after[:, 60])


@pytest.mark.parametrize("operator", [OUTER, PLAIN], ids=["outer", "plain"])
@pytest.mark.parametrize("generator", [a.Generator.COMPLEX_MODAL_16, a.Generator.IMPLICIT, a.Generator.DECAYING_128])
def test_a_token_beyond_the_window_changes_no_bit(operator, generator):
    structure, features = _case(replace(operator, sparsity=a.Sparsity.BANDED), generator, 30)
    changed = {**features, "v": features["v"].clone(), "b": features["b"].clone()}
    changed["v"][:, 10] += 1
    changed["b"][:, 10] += 1
    for form in (structure.mix, structure.fast):
        moved = (form(features) != form(changed)).flatten(2).any(-1).any(0)
        assert moved.nonzero().flatten().tolist() == list(range(10, 10 + WINDOW))


@pytest.mark.parametrize(
    ("operator", "generator", "kept"),
    [
        (OUTER, a.Generator.EXPLICIT_7, {"b.tail": (6, HEADS, HEAD), "v.tail": (6, HEADS, HEAD)}),
        (OUTER, a.Generator.IMPLICIT, {"b.tail": (50, HEADS, HEAD), "v.tail": (50, HEADS, HEAD)}),
        (OUTER, a.Generator.DPLR_16, {"state": (HEADS, HEAD * HEAD, 16)}),
        (replace(OUTER, sparsity=a.Sparsity.BANDED), a.Generator.DPLR_16, {"b.tail": (5, 2, 3), "v.tail": (5, 2, 3)}),
        (replace(PLAIN, sparsity=a.Sparsity.BANDED), a.Generator.DPLR_16, {"tail": (5, HEADS * HEAD)}),
        (replace(PLAIN, sparsity=a.Sparsity.BANDED), a.Generator.EXPLICIT_3, {"tail": (2, HEADS * HEAD)}),
    ],
)
def test_the_memory_after_fifty_tokens(operator, generator, kept):
    structure, _ = _case(operator, generator, 1)
    assert structure.memory(50) == kept
    assert all(sizes[0] <= 1 or name == "state" for name, sizes in _case(OUTER, generator, 1)[0].memory(1).items())


def test_the_state_of_outer_products_is_counted_by_the_rank_it_allows():
    assert state_of(_case(OUTER, a.Generator.DPLR_16, 1)[0], 50) == (HEAD * 16, False)
    assert state_of(_case(OUTER, a.Generator.EXPLICIT_7, 1)[0], 50) == (6, False)


@pytest.mark.parametrize("window", [1, 2, 100])
def test_a_window_of_any_size_decodes_as_it_trains(window):
    (featurizer,) = [row for row in FEATURIZERS if row.id == 95]
    rows = tuple(LIVClass(n, f"cut {n}", OperatorGenome.of((95, 3, 2, 1, n))) for n in (1, 3, 4))
    space = Space(rows, (featurizer,), 3)
    blueprint, shape = decode(Genome.parse("1.1.1.1.1-3.1.1.1.1-4.1.1.1.1"), space), Shape(16, 4, 8, window)
    model = star.build(blueprint, shape).double()
    tokens = torch.randint(8, (2, 70), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        cache = model.new_cache(2)
        parts = torch.cat([model(part, cache) for part in torch.split(tokens, [30, 1, 39], dim=1)], dim=1)
        assert relative_rms(parts, model(tokens)) < 1e-9
    tails = 2 * (window - 1) + 2 * min(window - 1, 70)
    assert cache.bytes == 2 * 8 * 16 * (tails + 3 * 3 * 3)


def _featurizer(**changed):
    (hyena,) = [row for row in FEATURIZERS if row.id == 91]
    return FeaturizerGenome(91, tuple((name, changed.get(name, group)) for name, group in hyena.groups))


UNIT = GroupGenome(a.Source.CONSTANT, a.ChannelMixing.DIAGONAL, generator=a.Generator.ONES)


@pytest.mark.parametrize("name", ["c", "b"])
def test_outer_products_need_gates_of_their_own(name):
    operator = named("Multi-Hyena").operator
    assert illegal(operator, _featurizer()) is None
    assert f"group {name}: outer products (channel mixing 4)" in str(illegal(operator, _featurizer(**{name: UNIT})))
    assert illegal(replace(operator, channel_mixing=a.ChannelMixing.GROUPED), _featurizer(**{name: UNIT})) is None


@pytest.mark.parametrize("name", ["SA-1", "GMemless", "GLA", "DeltaNet"])
def test_outer_products_belong_to_filters(name):
    row = named(name).operator
    (featurizer,) = [one for one in FEATURIZERS if one.id == row.featurizer]
    said = str(illegal(replace(row, channel_mixing=a.ChannelMixing.OUTER), featurizer))
    assert "channel mixing 4 (outer) cannot be built; legal: 1 (diagonal), 2 (dense), 3 (grouped)" in said


def test_projections_have_no_outer_products():
    said = str(illegal(PLAIN, _featurizer(v=GroupGenome(channel=a.ChannelMixing.OUTER))))
    assert "group v: channel mixing 4 (outer) cannot be built" in said
