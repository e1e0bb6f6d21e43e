"""The button by which a person asks for another attempt at a failed candidate."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from evaluator.evaluation import Failure
from search.archive.values import Action
from tests.api.dashboard.hand import Hand
from tests.served import Service

GENOME = "1.1.1.1.1-9.1.1.1.1-1.1.1.1.1-9.1.1.1.1"


def test_a_failed_candidate_is_asked_for_again_while_its_search_goes_on(page: Page, site: Service) -> None:
    hand = Hand(site.archive, "with a failure")
    fine = hand.add("3.1.1.1.1-9.1.1.1.1-3.1.1.1.1-9.1.1.1.1", 2.9)
    failed = hand.begin(GENOME)
    hand.fail(failed, Failure.DIVERGED, "loss was not finite")
    button = page.get_by_role("button", name="Train it again")

    page.goto(f"/jobs/{hand.id}/candidates/{fine}")
    expect(page.locator("#heading h1")).to_contain_text(f"Candidate {fine}")
    expect(button).to_have_count(0)

    page.goto(f"/jobs/{hand.id}/candidates/{failed}")
    button.click()
    expect(page.locator("#again")).to_contain_text("with another seed")
    assert site.archive.asked_again(hand.id) == [(failed, 0)]

    site.archive.act(hand.id, Action.CANCEL)
    page.goto(f"/jobs/{hand.id}/candidates/{failed}")
    expect(page.locator("#heading")).to_contain_text("diverged")
    expect(button).to_have_count(0)
