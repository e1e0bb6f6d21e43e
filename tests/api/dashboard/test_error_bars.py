"""The error bars of the frontier chart, and what pointing at a candidate says about its trainings."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from search.origin import Purpose
from tests.api.dashboard.chart import AXIS
from tests.api.dashboard.hand import Hand
from tests.api.dashboard.test_job_page import open_job, point_at
from tests.served import Service

BARS = f"""() => [...document.querySelectorAll('#scatter .error')].map((bar) => {{
    const {{ x, y, width, height }} = bar.getBBox();
    const value = (role, place) => {{
        const {{ values: [from, to], pixels: [start, end] }} = ({AXIS})(role);
        return from + ((place - start) / (end - start)) * (to - from);
    }};
    return [value('x', x + width / 2), (value('y', y) - value('y', y + height)) / 2];
}})"""
"""Each bar as its place on the x axis and its length on one side; both axes are linear."""


def test_means_of_several_seeds_have_bars_that_lie_within_the_axes(page: Page, site: Service) -> None:
    hand = Hand(site.archive, "noisy", objectives=["bits_per_byte", "parameters"])
    best = hand.add("1.1.1.1.1-1.1.1.1.1-1.1.1.1.1-1.1.1.1.1", 2.9)
    worst = hand.add("1.1.1.1.1-9.1.1.1.1-1.1.1.1.1-9.1.1.1.1", 3.0)  # dominated, and a mean of two seeds
    hand.add("1.1.1.1.1-1.1.1.1.1-1.1.1.1.1-9.1.1.1.1", 2.95)  # dominated, with one seed
    hand.again(best, 2.1, Purpose.REPEAT, seed=1)
    hand.again(worst, 3.8, Purpose.REPEAT, seed=1)
    open_job(page, hand)
    expect(page.locator("#key")).to_contain_text("± one standard error")
    metrics = {number: hand.archive.candidate(hand.id, number).metrics for number in (best, worst)}
    drawn = sorted(page.evaluate(BARS))
    wanted = sorted([one["parameters"], one["bits_per_byte_stderr"]] for one in metrics.values())
    assert len(drawn) == len(wanted)
    for bar, (place, error) in zip(drawn, wanted, strict=True):
        assert bar == [pytest.approx(place, rel=1e-3), pytest.approx(error, rel=1e-3)]
    low, high = page.evaluate(AXIS, "y")["values"]
    assert low < 2.5 - metrics[best]["bits_per_byte_stderr"] < 2.11
    assert high > 3.4 + metrics[worst]["bits_per_byte_stderr"] > 3.79

    page.mouse.move(*point_at(page, hand, worst))
    expect(page.locator("#hover")).to_contain_text("mean of 2 seeds, 307\u202fk tokens each")


def test_pointing_at_a_candidate_with_one_training_names_its_tokens(page: Page, search: Hand) -> None:
    open_job(page, search)
    page.mouse.move(*point_at(page, search, 3))
    expect(page.locator("#hover")).to_contain_text("one seed, 307\u202fk tokens")
