"""Filters over distances: what their taps are, that no length changes them, and that states decode them exactly."""

import cmath
import math

import pytest
import torch

from genome import CLASSES, FEATURIZERS, Genome, Heads, Shape, Space, breaches, decode
from genome.catalogue.convolution import CONVOLUTIONS
from genome.classes.alphabet import STATES, TAPS, Generator, Source
from star.analysis.cost import cost
from star.build import build, skeleton
from star.contract.forms import disagreements, relative_rms
from star.features.featurizer import KINDS
from star.features.filters_system import LARGEST_NORM
from star.features.hippo import legs, normal_plus_rank_one
from star.structures.toeplitz import FORMS

HEADS = 6
SHAPE = Shape(width=32, head_dim=8)
FIXED_STATE = [
    row
    for row in CLASSES
    if any(f.id == row.operator.featurizer and f["h"].generator in STATES for f in FEATURIZERS if "h" in f.names)
]


def _filter(generator, seed=0):
    """A filter feature in float64 with drawn weights, every one of them off its initial value."""
    group = next(f["h"] for f in FEATURIZERS if "h" in f.names and f["h"].generator is generator)
    feature = KINDS["h", Source.POSITION, generator]("h", 32, Heads(HEADS, 1), group).double()
    drawn = torch.Generator().manual_seed(seed)
    feature.initialise(drawn)
    with torch.no_grad():
        for weight in feature.parameters():
            weight.add_(0.1 * torch.randn(weight.shape, generator=drawn, dtype=torch.float64))
    return feature


def _of(feature, length):
    with torch.no_grad():
        return feature(torch.zeros(1, 1, 32, dtype=torch.float64), length, None)


def _taps(generator, length, seed=0):
    h = _of(_filter(generator, seed), length)
    return FORMS[generator].taps(h, length) if generator in FORMS else h


def _impulse_response(generator, length):
    h, form = _of(_filter(generator), length), FORMS[generator]
    state, outputs = torch.zeros(1, HEADS, 1, STATES[generator], dtype=torch.float64), []
    for t in range(length):
        y, state = form.step(h, state, torch.full((1, HEADS, 1), float(t == 0), dtype=torch.float64))
        outputs.append(y[0, :, 0])
    return torch.stack(outputs, dim=1)


@pytest.mark.parametrize("generator", STATES, ids=lambda g: g.name)
def test_taps_are_the_impulse_response_of_the_recurrence(generator):
    assert relative_rms(_taps(generator, 300), _impulse_response(generator, 300)) < 1e-12


@pytest.mark.parametrize("generator", STATES, ids=lambda g: g.name)
def test_a_chunk_is_its_tokens_one_by_one(generator):
    h, form = _of(_filter(generator), 1), FORMS[generator]
    draw = torch.Generator().manual_seed(1)
    inputs = torch.randn(2, 37, HEADS, 3, dtype=torch.float64, generator=draw)
    start = state = torch.randn(2, HEADS, 3, STATES[generator], dtype=torch.float64, generator=draw)
    outputs = []
    for u in inputs.unbind(1):
        y, state = form.step(h, state, u)
        outputs.append(y)
    chunk, last = form.advance(h, start, inputs)
    assert relative_rms(chunk, torch.stack(outputs, dim=1)) < 1e-12
    assert relative_rms(last, state) < 1e-12


@pytest.mark.parametrize("generator", TAPS, ids=lambda g: g.name)
def test_the_length_changes_no_tap(generator):
    longest = _taps(generator, 1000)
    for length in (1, 2, 63, 64, 65, 130):
        reach = min(length, longest.shape[1])
        torch.testing.assert_close(_taps(generator, length)[:, :reach], longest[:, :reach], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("generator", STATES, ids=lambda g: g.name)
def test_no_filter_grows_over_16384_tokens_and_all_gradients_are_finite(generator):
    feature = _filter(generator).float()
    taps = FORMS[generator].taps(feature(torch.zeros(1, 1, 32), 16384, None), 16384)
    assert taps[:, 8192:].abs().max() <= taps.abs().max()
    taps.square().sum().backward()
    assert all(weight.grad.isfinite().all() and weight.grad.any() for weight in feature.parameters())


def test_s4d_is_the_published_formula_in_complex_arithmetic():
    feature = _filter(Generator.COMPLEX_MODAL_16)
    expected = torch.zeros(HEADS, 50, dtype=torch.float64)
    for head in range(HEADS):
        step = math.exp(feature.log_step_H[head].item())
        for n in range(8):
            a = complex(-math.exp(feature.log_rate_HN[head, n].item()), feature.frequency_HN[head, n].item())
            c = complex(*feature.output_HN2[head, n].tolist())
            pole = cmath.exp(step * a)
            for t in range(50):
                expected[head, t] += 2 * (c * (pole - 1) / a * pole**t).real
        expected[head, 0] += feature.skip_H[head].item()
    assert relative_rms(_taps(Generator.COMPLEX_MODAL_16, 50), expected) < 1e-12


def test_s4d_starts_from_the_linear_frequencies():
    feature = KINDS["h", Source.POSITION, Generator.COMPLEX_MODAL_16]("h", 32, Heads(HEADS, 1), _group("S4D"))
    feature.initialise(torch.Generator().manual_seed(0))
    torch.testing.assert_close(feature.frequency_HN[0], math.pi * torch.arange(8))
    assert feature.log_rate_HN.exp().unique().tolist() == pytest.approx([0.5])
    assert 1e-3 <= feature.log_step_H.exp().min() <= feature.log_step_H.exp().max() <= 1e-1


def _group(name):
    row = next(row for row in CLASSES if row.name == name)
    return next(f for f in FEATURIZERS if f.id == row.operator.featurizer)["h"]


def test_dss_taps_are_the_softmax_over_a_long_enough_input():
    feature = _filter(Generator.NORMALISED_MODAL_16)
    with torch.no_grad():
        feature.log_step_H.fill_(math.log(0.05))
        a = torch.complex(-feature.log_rate_HN.exp(), feature.frequency_HN)
        powers = torch.exp(a.unsqueeze(-1) * 0.05 * torch.arange(4000))
        weights = torch.view_as_complex(feature.output_HN2) / a
        expected = 2 * (weights.unsqueeze(-1) * powers / powers.sum(-1, keepdim=True)).sum(1).real
        expected[:, 0] += feature.skip_H
    h = _of(feature, 1)
    assert relative_rms(FORMS[Generator.NORMALISED_MODAL_16].taps(h, 4000), expected) < 1e-10


def test_hippo_is_normal_plus_rank_one():
    a, b = legs(16)
    assert (a[2, 1].item(), a[1, 1].item(), a[1, 2].item(), b[1].item()) == pytest.approx((-(15**0.5), -2, 0, 3**0.5))
    frequencies, low_rank, entering = normal_plus_rank_one(16)
    normal = torch.block_diag(*(torch.tensor([[-0.5, -w], [w, -0.5]]) for w in frequencies.tolist())).double()
    rebuilt = normal - torch.outer(low_rank, low_rank)
    for power in range(6):
        expected = b @ torch.linalg.matrix_power(a, power) @ b
        assert (entering @ torch.linalg.matrix_power(rebuilt, power) @ entering).item() == pytest.approx(
            expected.item(), rel=1e-5
        )


@pytest.mark.parametrize("generator", [Generator.DENSE_16, Generator.DPLR_16], ids=lambda g: g.name)
def test_s4_and_lssl_follow_their_differential_equation(generator):
    """With B for an output map, LegS from its initial values: taps in small steps are dt B exp(A t) B."""
    feature = KINDS["h", Source.POSITION, generator]("h", 32, Heads(1, 1), _group("S4")).double()
    feature.initialise(torch.Generator().manual_seed(0))
    a, b = legs(16)
    step = 1e-4
    with torch.no_grad():
        feature.output_HN.copy_(b if generator is Generator.DENSE_16 else normal_plus_rank_one(16)[2])
        feature.log_step_H.fill_(math.log(step))
        feature.skip_H.zero_()
    taps = FORMS[generator].taps(_of(feature, 1), 400)[0]
    expected = torch.stack([step * b @ torch.linalg.matrix_exp(a * step * (t + 0.5)) @ b for t in range(400)])
    assert relative_rms(taps, expected) < 1e-3


def test_rtf_is_its_transfer_function():
    feature = _filter(Generator.RATIONAL_16)
    z = torch.exp(torch.tensor(0.7j, dtype=torch.complex128)) * 1.5
    powers = z ** -torch.arange(1, 17)
    norm = feature.denominator_HN.abs().sum(1, keepdim=True)
    denominator = feature.denominator_HN * (LARGEST_NORM / norm.clamp_min(LARGEST_NORM))
    expected = feature.skip_H + (feature.output_HN * powers).sum(1) / (1 + (denominator * powers).sum(1))
    measured = (_taps(Generator.RATIONAL_16, 400) * z ** -torch.arange(400)).sum(1)
    torch.testing.assert_close(measured, expected.detach(), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("value", [-1.0, 1.0, -1e4])
@pytest.mark.parametrize("coefficients", [slice(None), slice(-1, None)], ids=["all", "last"])
def test_the_taps_of_rtf_decay_however_large_its_denominator_is(value, coefficients):
    feature = _filter(Generator.RATIONAL_16).float()
    with torch.no_grad():
        feature.denominator_HN.zero_()[:, coefficients] = value
        taps = FORMS[Generator.RATIONAL_16].taps(feature(torch.zeros(1, 1, 32), 32768, None), 32768)
    assert taps[:, -1024:].abs().max() < 1e-2 * taps[:, 1:1025].abs().max()


def test_spacetime_shifts_its_state_and_feeds_the_last_number_back():
    feature = _filter(Generator.COMPANION_16)
    feedback = feature.feedback_HN / feature.feedback_HN.abs().sum(1, keepdim=True).clamp_min(1)
    state, expected = feature.input_HN, []
    for _ in range(60):
        expected.append((feature.output_HN * state).sum(1))
        state = torch.nn.functional.pad(state[:, :-1], (1, 0)) + feedback * state[:, -1:]
    expected[0] = expected[0] + feature.skip_H
    assert relative_rms(_taps(Generator.COMPANION_16, 60), torch.stack(expected, dim=1).detach()) < 1e-12


def test_the_slowest_decaying_filter_falls_to_1_over_e_within_its_taps():
    feature = _filter(Generator.DECAYING_128)
    with torch.no_grad():
        feature.taps_HW.fill_(1.0)
    h = _of(feature, 1)
    assert h.shape == (HEADS, 128)
    assert h[-1, -1].item() == pytest.approx(math.exp(-127 / 128))
    assert (h[:-1, -1] < h[1:, -1]).all()


def _blueprint(row):
    return decode(Genome.of([row.id]), Space.of([row.name], depth=1))


@pytest.mark.parametrize("row", FIXED_STATE, ids=lambda row: row.name)
def test_state_space_rows_keep_a_state_that_does_not_grow(row):
    blueprint = _blueprint(row)
    costs = [cost(blueprint, SHAPE, context) for context in (1, 128, 4096)]
    assert len({one.cache_bytes for one in costs}) == 1
    assert len({one.flops_per_token for one in costs}) == 1
    (elements,) = skeleton(blueprint, SHAPE).cache_elements(4096)
    convolved = 3 * 3 * SHAPE.width if "Hyena" in row.name else 0  # the tails of c, b and v
    assert elements == SHAPE.width * STATES[_group(row.name).generator] + convolved


@pytest.mark.parametrize("row", CONVOLUTIONS, ids=lambda row: row.name)
def test_forms_agree_with_gradients_where_blocks_and_ffts_begin(row):
    model = build(_blueprint(row), SHAPE).double().eval()
    for length in (63, 64, 65, 130):
        draw = torch.Generator().manual_seed(length)
        noise = torch.randn(1, 1, length, SHAPE.width, dtype=torch.float64, generator=draw)
        with torch.no_grad():
            ((block, (features,)),) = model.features_of(noise.unbind(0))
        for liv in block.operator.livs:
            assert list(disagreements(liv.structure, features)) == []


@pytest.mark.parametrize("row", CONVOLUTIONS, ids=lambda row: row.name)
@pytest.mark.parametrize("length", [1, 2, 63, 64, 65, 130, 1000, 1025, 2100])
def test_a_prompt_and_then_tokens_give_what_the_whole_gives(row, length):
    model = build(_blueprint(row), SHAPE).double().eval()
    tokens = torch.randint(SHAPE.vocab, (1, length + 3), generator=torch.Generator().manual_seed(length))
    with torch.no_grad():
        cache = model.new_cache()
        parts = [model(chunk, cache) for chunk in torch.split(tokens, [length, 1, 1, 1], dim=1)]
        assert relative_rms(torch.cat(parts, dim=1), model(tokens)) < 1e-9


def test_gates_of_ones_are_refused_where_there_is_no_filter():
    attention = Space.of(["SA-1"], depth=1).to_json()
    attention["featurizers"][0]["groups"]["c"] = [2, 1, 1, 1, 1, 1, 1, 6, 1]
    with pytest.raises(ValueError, match="only toeplitz can do without this gate"):
        Space.from_json(attention)


def test_an_ungated_operator_may_share_its_filter_but_not_its_values():
    space = Space.of(["S4D"], depth=2)
    assert breaches(Genome.parse("96.1.1.1.5-96.1.1.1.5"), space) == []
    (breach,) = breaches(Genome.parse("96.1.1.1.3-96.1.1.1.3"), space)
    assert breach.why == "3 takes v, all that S4D computes from its own input"
