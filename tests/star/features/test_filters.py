"""The taps of each filter are those of its published formula."""

import cmath
import math
from typing import Any

import pytest
import torch

from genome import Heads
from genome.classes.alphabet import Generator, Source
from star.contract.forms import relative_rms
from star.features.featurizer import KINDS
from star.features.filters_system import LARGEST_NORM
from star.features.hippo import legs, normal_plus_rank_one
from star.filter import FORMS
from tests.star.features.filters import HEADS, computed, drawn, group_of, taps_of

pytestmark = pytest.mark.slow


def test_s4d_is_the_published_formula_in_complex_arithmetic():
    feature = drawn(Generator.COMPLEX_MODAL_16)
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
    assert relative_rms(taps_of(Generator.COMPLEX_MODAL_16, 50), expected) < 1e-12


def test_s4d_starts_from_the_linear_frequencies():
    feature: Any = KINDS["h", Source.POSITION, Generator.COMPLEX_MODAL_16]("h", 32, Heads(HEADS, 1), group_of("S4D"))
    feature.initialise(torch.Generator().manual_seed(0))
    torch.testing.assert_close(feature.frequency_HN[0], math.pi * torch.arange(8))
    assert feature.log_rate_HN.exp().unique().tolist() == pytest.approx([0.5])
    assert 1e-3 <= feature.log_step_H.exp().min() <= feature.log_step_H.exp().max() <= 1e-1


def test_dss_taps_are_the_softmax_over_a_long_enough_input():
    feature = drawn(Generator.NORMALISED_MODAL_16)
    with torch.no_grad():
        feature.log_step_H.fill_(math.log(0.05))
        a = torch.complex(-feature.log_rate_HN.exp(), feature.frequency_HN)
        powers = torch.exp(a.unsqueeze(-1) * 0.05 * torch.arange(4000))
        weights = torch.view_as_complex(feature.output_HN2) / a
        expected = 2 * (weights.unsqueeze(-1) * powers / powers.sum(-1, keepdim=True)).sum(1).real
        expected[:, 0] += feature.skip_H
    h = computed(feature, 1)
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
    feature: Any = KINDS["h", Source.POSITION, generator]("h", 32, Heads(1, 1), group_of("S4")).double()
    feature.initialise(torch.Generator().manual_seed(0))
    a, b = legs(16)
    step = 1e-4
    with torch.no_grad():
        feature.output_HN.copy_(b if generator is Generator.DENSE_16 else normal_plus_rank_one(16)[2])
        feature.log_step_H.fill_(math.log(step))
        feature.skip_H.zero_()
    taps = FORMS[generator].taps(computed(feature, 1), 400)[0]
    expected = torch.stack([step * b @ torch.linalg.matrix_exp(a * step * (t + 0.5)) @ b for t in range(400)])
    assert relative_rms(taps, expected) < 1e-3


def test_rtf_is_its_transfer_function():
    feature = drawn(Generator.RATIONAL_16)
    z = torch.exp(torch.tensor(0.7j, dtype=torch.complex128)) * 1.5
    powers = z ** -torch.arange(1, 17)
    norm = feature.denominator_HN.abs().sum(1, keepdim=True)
    denominator = feature.denominator_HN * (LARGEST_NORM / norm.clamp_min(LARGEST_NORM))
    expected = feature.skip_H + (feature.output_HN * powers).sum(1) / (1 + (denominator * powers).sum(1))
    measured = (taps_of(Generator.RATIONAL_16, 400) * z ** -torch.arange(400)).sum(1)
    torch.testing.assert_close(measured, expected.detach(), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("value", [-1.0, 1.0, -1e4])
@pytest.mark.parametrize("coefficients", [slice(None), slice(-1, None)], ids=["all", "last"])
def test_the_taps_of_rtf_decay_however_large_its_denominator_is(value, coefficients):
    feature = drawn(Generator.RATIONAL_16).float()
    with torch.no_grad():
        feature.denominator_HN.zero_()[:, coefficients] = value
        taps = FORMS[Generator.RATIONAL_16].taps(feature(torch.zeros(1, 1, 32), 32768, None), 32768)
    assert taps[:, -1024:].abs().max() < 1e-2 * taps[:, 1:1025].abs().max()


def test_spacetime_shifts_its_state_and_feeds_the_last_number_back():
    feature = drawn(Generator.COMPANION_16)
    feedback = feature.feedback_HN / feature.feedback_HN.abs().sum(1, keepdim=True).clamp_min(1)
    state, expected = feature.input_HN, []
    for _ in range(60):
        expected.append((feature.output_HN * state).sum(1))
        state = torch.nn.functional.pad(state[:, :-1], (1, 0)) + feedback * state[:, -1:]
    expected[0] = expected[0] + feature.skip_H
    assert relative_rms(taps_of(Generator.COMPANION_16, 60), torch.stack(expected, dim=1).detach()) < 1e-12


def test_the_slowest_decaying_filter_falls_to_1_over_e_within_its_taps():
    feature = drawn(Generator.DECAYING_128)
    with torch.no_grad():
        feature.taps_HW.fill_(1.0)
    h = computed(feature, 1)
    assert h.shape == (HEADS, 128)
    assert h[-1, -1].item() == pytest.approx(math.exp(-127 / 128))
    assert (h[:-1, -1] < h[1:, -1]).all()
