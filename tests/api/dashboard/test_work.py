"""Workers and failures on the page of one search."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from evaluator.evaluation import Failure
from tests.api.dashboard.hand import Hand
from tests.served import Service

GENOME = "{}.1.1.1.1-{}.1.1.1.1-9.1.1.1.1-9.1.1.1.1"
CLASSES = (1, 2, 3, 4, 5)


def test_failed_candidates_are_listed_in_pages_with_their_reasons(page: Page, site: Service) -> None:
    hand = Hand(site.archive, "failing")
    genomes = [GENOME.format(one, other) for one in CLASSES for other in CLASSES]
    for n, genome in enumerate(genomes[:22]):
        reason = Failure.DIVERGED if n % 4 else Failure.OUT_OF_MEMORY
        hand.fail(hand.begin(genome), reason, f"candidate {n + 1} said so")
    page.goto(f"/jobs/{hand.id}")
    expect(page.locator("#key")).to_contain_text("22 failed, below: 16 diverged, 6 out of memory")
    expect(page.locator("#failed")).to_have_count(0)
    page.locator("#work-card").scroll_into_view_if_needed()
    rows = page.locator("#failed tbody tr")
    expect(rows).to_have_count(20)
    expect(rows.first).to_contain_text("candidate 22 said so")
    expect(rows.nth(1)).to_contain_text("out of memory")
    page.get_by_role("button", name="Show more of 22").click()
    expect(rows).to_have_count(22)
    expect(page.get_by_role("button", name="Show more of 22")).to_have_count(0)
    hand.fail(hand.begin(genomes[22]), Failure.DIVERGED, "the last one")
    expect(rows.first).to_contain_text("the last one")


def test_the_runner_that_holds_a_search_is_named(page: Page, site: Service) -> None:
    hand = Hand(site.archive, "held")
    hand.begin(GENOME.format(1, 1))
    page.goto(f"/jobs/{hand.id}")
    page.locator("#work-card").scroll_into_view_if_needed()
    expect(page.locator("#holder")).to_have_text("No runner holds this search.")
    site.archive.report_runner("hand", 3, "1.0")
    hand.begin(GENOME.format(2, 2))
    expect(page.locator("#holder")).to_have_text("Runner hand holds this search. 2 of its 3 workers train for it.")
    expect(page.locator("#busy .curve")).to_be_visible()
    site.archive.dismiss_runner("hand")
