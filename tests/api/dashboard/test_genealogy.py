"""The ancestors of a candidate on its page."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.api.dashboard.hand import Hand
from tests.served import Service


@pytest.fixture(scope="module")
def line(site: Service) -> Hand:
    """Two founders, their child, a grandchild that is hardly better, and one that fell back."""
    hand = Hand(site.archive, "a line")
    hand.add("1.1.1.1.1-9.1.1.1.1-1.1.1.1.1-9.1.1.1.1", 3.0, variation="baseline", baseline="Transformer++")
    hand.add("3.1.1.1.1-9.1.1.1.1-5.1.1.1.1-6.1.1.1.1", 2.9)
    hand.add("1.1.1.1.1-9.1.1.1.1-5.1.1.1.1-7.1.1.1.1", 2.5, parents=(1, 2), variation="crossover+mutation")
    hand.add("1.1.1.1.1-9.1.1.1.1-3.1.1.1.1-7.1.1.1.1", 2.49, parents=(3,), variation="mutation")
    hand.add("10.1.1.1.1-9.1.1.1.1-3.1.1.1.1-7.1.1.1.1", 2.8, parents=(4,), variation="mutation")
    return hand


def test_the_line_shows_generations_what_was_new_and_the_change_of_quality(page: Page, line: Hand) -> None:
    page.goto(f"/jobs/{line.id}/candidates/5")
    drawn = page.locator("#line")
    expect(page.locator("#line-said")).to_contain_text("4 ancestors in 3 generations, 2 founders.")
    expect(drawn.locator("h3")).to_have_text(["This candidate", "Parents", "Grandparents", "3 back"])
    expect(drawn.locator(".lines path")).to_have_count(4)
    child = drawn.locator("[data-ancestor='3']")
    expect(child).to_contain_text("1 LIV new")
    expect(child.locator(".genome .same")).to_have_count(3)
    expect(child.locator(".gained")).to_have_text("−0.400 ± 0.028")
    expect(drawn.locator("[data-ancestor='1']")).to_contain_text("founder")
    expect(drawn.locator("[data-ancestor='1'] .genome .same")).to_have_count(0)
    expect(drawn.locator("[data-ancestor='4'] .gained")).to_have_count(0)  # within the noise
    expect(drawn.locator("[data-ancestor='5'] .lost")).to_have_text("+0.310 ± 0.028")


def test_the_line_is_walked_by_keyboard(page: Page, line: Hand) -> None:
    page.goto(f"/jobs/{line.id}/candidates/4")
    page.locator("#line [data-ancestor='4']").focus()
    page.keyboard.press("Tab")
    expect(page.locator("#line [data-ancestor='3']")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/candidates/3$"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Candidate 3")


def test_a_founder_has_no_line(page: Page, line: Hand) -> None:
    page.goto(f"/jobs/{line.id}/candidates/1")
    expect(page.locator("#metrics table")).to_be_visible()
    expect(page.locator("#line-card")).to_be_hidden()
