"""Pages follow the stream of events from what they have read, and never replay a search's history."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.api.dashboard.hand import Hand
from tests.served import Service

SHOW = """(hidden) => {
    Object.defineProperty(document, 'hidden', { value: hidden, configurable: true });
    document.dispatchEvent(new Event('visibilitychange'));
}"""
"""Hides the tab or brings it back to the front."""


@pytest.fixture
def asked_from(page: Page) -> list[int]:
    """The event numbers from which the page has asked for its stream."""
    asked: list[int] = []

    def hear(url: str) -> None:
        parts = urlsplit(url)
        if parts.path.endswith("/events"):
            asked.append(int(parse_qs(parts.query)["after"][0]))

    page.on("request", lambda request: hear(request.url))
    return asked


@pytest.mark.parametrize("path", ["/jobs/{id}", "/jobs/{id}/candidates/1"])
def test_a_page_follows_from_what_it_read_also_when_it_returns_to_the_front(
    page: Page, site: Service, asked_from: list[int], path: str
) -> None:
    hand = Hand(site.archive, "followed")
    hand.add("1.1.1.1.1-9.1.1.1.1-1.1.1.1.1-9.1.1.1.1", 3.0)
    read = site.archive.job(hand.id).last_event

    with page.expect_request("**/events?*"):
        page.goto(path.format(id=hand.id))
    assert asked_from == [read]

    page.evaluate(SHOW, True)
    hand.add("3.1.1.1.1-9.1.1.1.1-3.1.1.1.1-9.1.1.1.1", 2.5, parents=(1,), variation="mutation")
    reached = site.archive.job(hand.id).last_event
    with page.expect_request("**/events?*"):
        page.evaluate(SHOW, False)
    assert asked_from == [read, reached]
    expect(page.locator("[data-number='2'], [data-relative='2']").first).to_be_visible()

    hand.add("5.1.1.1.2-7.1.1.1.1-5.1.1.1.2-9.1.1.1.1", 2.0, parents=(1,), variation="mutation")
    if "candidates" not in path:
        expect(page.locator("[data-number='3']").first).to_be_visible()


def test_the_page_of_all_searches_follows_from_what_it_read(page: Page, site: Service, asked_from: list[int]) -> None:
    read = site.archive.last_event()
    with page.expect_request("**/v1/events?*"):
        page.goto("/")
    assert asked_from == [read]

    page.evaluate(SHOW, True)
    later = Hand(site.archive, "begun while hidden")
    reached = site.archive.last_event()
    with page.expect_request("**/v1/events?*"):
        page.evaluate(SHOW, False)

    assert asked_from == [read, reached]
    expect(page.locator(f"[data-job='{later.id}']")).to_contain_text("begun while hidden")
