"""The time slider on the page of one search: the frontier as it was, in every view, and live at the right end."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from evaluator.evaluation import Failure
from tests.api.dashboard.chart import AXIS
from tests.api.dashboard.hand import Hand
from tests.api.dashboard.test_job_page import open_job
from tests.served import Service

BETTER = (
    ("1.1.1.1.1-9.1.1.1.1-1.1.1.1.1-9.1.1.1.1", 3.0),
    ("3.1.1.1.1-9.1.1.1.1-3.1.1.1.1-9.1.1.1.1", 2.9),
    ("9.1.1.1.1-9.1.1.1.1-9.1.1.1.1-9.1.1.1.1", 2.0),
)
"""Genomes and qualities; the last one is the best in every objective."""


@pytest.fixture
def growing(site: Service) -> Hand:
    """A running search of five outcomes, the second one a failure and the fourth one that of candidate 5."""
    hand = Hand(site.archive, "with a past", objectives=["bits_per_byte", "cache_bytes"])
    hand.add(*BETTER[0])
    hand.fail(hand.begin("8.1.1.1.1-8.1.1.1.1-9.1.1.1.1-9.1.1.1.1"), Failure.DIVERGED, "loss was not finite")
    hand.add(*BETTER[1])
    late = hand.begin("14.1.1.1.1-9.1.1.1.1-14.1.1.1.1-9.1.1.1.1")
    hand.add(*BETTER[2])
    hand.end(late, 3.5)
    return hand


def frontier(page: Page) -> list[int]:
    rows = page.locator(".frontier tbody tr")
    return sorted(int(number) for number in rows.evaluate_all("rows => rows.map((row) => row.dataset.number)"))


def test_every_view_shows_the_frontier_as_it_was(page: Page, growing: Hand) -> None:
    open_job(page, growing)
    said = page.locator("#timeline output")
    expect(said).to_have_text("live, 5 outcomes")
    assert frontier(page) == [5]
    page.get_by_role("slider", name="Outcomes so far").focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    expect(said).to_have_text("after 3 of 5")
    expect(page.locator("#key")).to_contain_text("2 later")
    expect(page.locator("#key")).to_contain_text("1 failed")
    expect(page.locator(".frontier [data-number='5']")).to_have_count(0)
    before_candidate_5 = frontier(page)
    assert {1, 3} >= set(before_candidate_5) > set()
    expect(page.locator("#key")).to_contain_text(f"{len(before_candidate_5)} on the frontier")
    page.locator("#parallel-card").scroll_into_view_if_needed()
    expect(page.locator("#parallel [role=status]")).to_contain_text(f"{len(before_candidate_5)} on the frontier")
    page.reload()
    expect(said).to_have_text("after 3 of 5")
    expect(page.locator(f".frontier [data-number='{before_candidate_5[0]}']")).to_be_visible()


def test_the_axes_stay_while_time_changes(page: Page, growing: Hand) -> None:
    open_job(page, growing)
    live = page.evaluate(AXIS, "y")
    open_job(page, growing, "?after=1")
    expect(page.locator("#key")).to_contain_text("4 later")
    assert page.evaluate(AXIS, "y") == live


def test_the_past_stays_while_the_search_goes_on_and_the_right_end_follows_it(page: Page, growing: Hand) -> None:
    open_job(page, growing, "?after=3")
    said = page.locator("#timeline output")
    expect(said).to_have_text("after 3 of 5")
    past = frontier(page)
    growing.add("10.1.1.1.1-9.1.1.1.1-9.1.1.1.1-9.1.1.1.1", 1.5)
    expect(said).to_have_text("after 3 of 6")
    assert frontier(page) == past
    page.get_by_role("slider", name="Outcomes so far").press("End")
    expect(said).to_have_text("live, 6 outcomes")
    expect(page.locator(".frontier [data-number='6']")).to_be_visible()
    assert "after" not in page.url


def test_the_course_of_the_search_can_be_played(page: Page, growing: Hand) -> None:
    open_job(page, growing)
    page.evaluate("""() => {
        window.seen = [];
        new MutationObserver(() => window.seen.push(document.querySelector('#timeline output').textContent))
            .observe(document.querySelector('#timeline output'), { childList: true });
    }""")
    page.get_by_role("button", name="Play the course of the search").click()
    expect(page.get_by_role("button", name="Pause the course of the search")).to_be_visible()
    expect(page.get_by_role("button", name="Play the course of the search")).to_be_visible()
    seen = page.evaluate("[...new Set(window.seen)]")
    assert seen == [*(f"after {n} of 5" for n in range(5)), "live, 5 outcomes"]
