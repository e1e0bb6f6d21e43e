"""The page of all candidates of a search."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.api.dashboard.hand import Hand
from tests.served import Service

CLASSES = (1, 3, 5, 7, 8, 10, 14)


@pytest.fixture(scope="module")
def long(site: Service) -> Hand:
    """A running search of 60 candidates: more than a page holds."""
    hand = Hand(site.archive, "a long search", candidates=100)
    for n in range(60):
        ids = [CLASSES[n // 7**place % 7] for place in (0, 1, 2)]
        hand.add("-".join(f"{one}.1.1.1.1" for one in (*ids, 9)), 2 + (n * 37 % 60) / 100)
    return hand


def numbers(page: Page) -> Locator:
    return page.locator(".candidates tbody th a")


def test_it_is_reached_from_the_search_and_leads_to_a_candidate(page: Page, search: Hand) -> None:
    page.goto(f"/jobs/{search.id}")
    page.get_by_role("link", name="All candidates").click()
    expect(numbers(page)).to_have_text(["1", "2", "3", "4", "5", "6"])
    row = page.locator("[data-number='2']")
    expect(row.locator(".genome .block")).to_have_count(4)
    expect(row).to_contain_text("2.800 ± 0.020")
    expect(page.locator("[data-number='4']")).to_contain_text("diverged")
    expect(page.locator("[data-number='5']")).to_contain_text("outside a limit")
    row.get_by_role("link").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Candidate 2")


def test_pages_and_orders_are_in_the_address_and_in_the_history(page: Page, long: Hand) -> None:
    page.goto(f"/jobs/{long.id}/candidates")
    expect(numbers(page)).to_have_count(50)
    page.get_by_role("link", name="Next page").click()
    expect(numbers(page)).to_have_text([str(number) for number in range(51, 61)])
    page.go_back()
    expect(numbers(page)).to_have_count(50)
    page.get_by_role("button", name="Bits per byte").click()
    expect(page).to_have_url(re.compile(r"\?sort=bits_per_byte$"))
    expect(page.locator("th[aria-sort='ascending']")).to_have_text("Bits per byte")
    expect(page.locator(".candidates tbody tr").first).to_contain_text("2.000 ± 0.020")
    page.get_by_role("link", name="Next page").click()
    expect(page.locator(".candidates tbody tr").last).to_contain_text("2.590 ± 0.020")
    page.get_by_role("button", name="Bits per byte").click()
    expect(page).to_have_url(re.compile(r"\?sort=-bits_per_byte$"))
    expect(page.locator(".candidates tbody tr").first).to_contain_text("2.590 ± 0.020")
    expect(page.get_by_role("button", name="Bits per byte")).to_be_focused()
    page.reload()
    expect(page.locator(".candidates tbody tr").first).to_contain_text("2.590 ± 0.020")


def test_filters_are_in_the_address(page: Page, search: Hand) -> None:
    page.goto(f"/jobs/{search.id}/candidates")
    page.get_by_label("Failed because").select_option("diverged")
    expect(numbers(page)).to_have_text(["4"])
    page.reload()
    expect(page.get_by_label("Failed because")).to_have_value("diverged")
    expect(numbers(page)).to_have_text(["4"])
    page.get_by_label("State").select_option("succeeded")
    expect(page.locator("#table")).to_have_text("No candidate passes the filters.")
    page.get_by_label("Failed because").select_option("")
    page.get_by_label("Contains class").select_option("Rec-1-Diff")
    expect(numbers(page)).to_have_text(["2"])
    page.goto(f"/jobs/{search.id}/candidates")
    page.get_by_label("On the frontier").check()
    expect(page).to_have_url(re.compile(r"\?frontier=true$"))
    expect(numbers(page)).to_have_text([str(one.number) for one in search.archive.frontier(search.id)])
    expect(page.locator(".candidates tbody .best")).to_have_count(numbers(page).count())


def test_a_new_candidate_appears_without_reload(page: Page, site: Service) -> None:
    hand = Hand(site.archive, "growing")
    page.goto(f"/jobs/{hand.id}/candidates")
    expect(page.locator("#table")).to_have_text("No candidate yet.")
    hand.add("3.1.1.1.1-9.1.1.1.1-3.1.1.1.1-9.1.1.1.1", 2.5)
    expect(page.locator("[data-number='1']")).to_contain_text("on the frontier")


def test_an_order_that_the_search_lacks_says_which_there_are(page: Page, search: Hand, tolerated: list[str]) -> None:
    tolerated.append("422")
    page.goto(f"/jobs/{search.id}/candidates?sort=beauty")
    expect(page.locator("#fault")).to_contain_text("number, finished_at, bits_per_byte")
