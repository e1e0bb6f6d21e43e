"""The page of a search that failed: its reason, and the way back."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from search.archive.values import Action, JobState
from tests.api.dashboard.hand import Hand
from tests.served import Service


def test_a_failed_search_says_why_and_can_be_resumed(page: Page, site: Service) -> None:
    hand = Hand(site.archive, "failed")
    site.archive.finish(hand.claim, JobState.FAILED, "the plan names a task that is gone")
    page.goto(f"/jobs/{hand.id}")
    expect(page.locator("#why")).to_have_text("the plan names a task that is gone")
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    expect(page.locator("#heading .state")).to_have_text("queued")
    site.archive.act(hand.id, Action.CANCEL)
    expect(page.locator("#heading .state")).to_have_text("cancelled")
