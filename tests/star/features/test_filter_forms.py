"""Taps, single steps and chunks of a filter agree, at every length."""

import pytest
import torch

from genome.classes.quantities import STATES, TAPS
from star.contract.forms import relative_rms
from star.filter import FORMS
from tests.star.features.filters import HEADS, computed, drawn, taps_of

pytestmark = pytest.mark.slow


def impulse_response(generator, length):
    h, form = computed(drawn(generator), length), FORMS[generator]
    state, outputs = torch.zeros(1, HEADS, 1, STATES[generator], dtype=torch.float64), []
    for t in range(length):
        y, state = form.step(h, state, torch.full((1, HEADS, 1), float(t == 0), dtype=torch.float64))
        outputs.append(y[0, :, 0])
    return torch.stack(outputs, dim=1)


@pytest.mark.parametrize("generator", STATES, ids=lambda g: g.name)
def test_taps_are_the_impulse_response_of_the_recurrence(generator):
    assert relative_rms(taps_of(generator, 300), impulse_response(generator, 300)) < 1e-12


@pytest.mark.parametrize("generator", STATES, ids=lambda g: g.name)
def test_a_chunk_is_its_tokens_one_by_one(generator):
    h, form = computed(drawn(generator), 1), FORMS[generator]
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
    longest = taps_of(generator, 1000)
    for length in (1, 2, 63, 64, 65, 130):
        reach = min(length, longest.shape[1])
        torch.testing.assert_close(taps_of(generator, length)[:, :reach], longest[:, :reach], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("generator", STATES, ids=lambda g: g.name)
def test_no_filter_grows_over_16384_tokens_and_all_gradients_are_finite(generator):
    feature = drawn(generator).float()
    taps = FORMS[generator].taps(feature(torch.zeros(1, 1, 32), 16384, None), 16384)
    assert taps[:, 8192:].abs().max() <= taps.abs().max()
    taps.square().sum().backward()
    assert all(weight.grad.isfinite().all() and weight.grad.any() for weight in feature.parameters())
