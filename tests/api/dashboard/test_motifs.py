"""The motifs of a search: classes over time, and what the frontier has more often than all candidates."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from evaluator.evaluation import Failure
from tests.api.dashboard.hand import Hand
from tests.served import Service

ATTENTION, MEMORYLESS, SKIP = "1.1.1.1.1", "9.1.1.1.1", "0.1.1.1.1"
SHARING = "1.1.2.1.1"
DEPTH = 9
SPACE = {"depth": DEPTH, "allow_skip": True}


def of(*livs: str) -> str:
    """A genome of these LIVs; its other segments are skipped."""
    return "-".join([*livs, *[SKIP] * (DEPTH - len(livs))])


def opened(page: Page, hand: Hand) -> None:
    page.goto(f"/jobs/{hand.id}")
    page.locator("#motifs-card").scroll_into_view_if_needed()


def test_motifs_of_the_frontier_are_counted_against_all_candidates(page: Page, site: Service) -> None:
    """Six candidates on the frontier begin with attention, which lends its weights in two; six behind them do not."""
    hand = Hand(site.archive, "motifs", objectives=["bits_per_byte", "parameters"], space=SPACE)
    hand.fail(hand.begin(of("2.1.1.1.1")), Failure.DIVERGED, "loss was not finite")
    for n in range(6):  # more parameters each, and better
        hand.add(of(ATTENTION, *[MEMORYLESS] * (n + 1)), 3.0 - n / 10)
    for n in range(6):  # as many parameters, and worse than all
        hand.add(of(*[MEMORYLESS] * (n + 1), ATTENTION), 4.0 + n / 10)
    for n in range(2):
        hand.add(of(SHARING, SHARING, *[MEMORYLESS] * (n + 6)), 2.0 - n / 10)
    frontier = [one.number for one in site.archive.frontier(hand.id)]
    assert frontier == [*range(2, 8), 14, 15]

    opened(page, hand)
    expect(page.locator("#motifs-said")).to_have_text("8 candidates on the frontier against all 14 that succeeded.")
    pairs = page.locator("[data-kind=pairs] [data-motif='1-9'] td")
    # All 8 on the frontier and 8 of all 14 have it: Wilson's interval of 8 of 8 is 0.676 to 1.
    expect(pairs).to_have_text(["8 100\u202f%", "8 57\u202f%", "1.75", "1.18 to 1.75"])
    expect(page.locator("[data-kind=pairs] [data-motif='9-1']")).to_have_count(0)
    expect(page.locator("[data-kind=pairs] [data-motif='1-1'] td").nth(2)).to_have_text("too few")
    link = page.locator("[data-kind=links] [data-motif='weights:1-1:1']")
    expect(link).to_contain_text("shares its weights with")
    expect(link.locator("td").first).to_have_text("2 25\u202f%")
    expect(page.locator("[data-kind=triples] [data-motif='1-9-9'] td").first).to_have_text("7 88\u202f%")
    expect(page.locator("#motifs [data-class='2']")).to_have_count(0)  # of a candidate that failed
    # The first window is the first candidate, with one LIV of two; the last one has two of nine.
    shares = page.locator("#motifs [data-class='1'] td.numeric")
    expect(shares.nth(0)).to_have_text("50\u202f%")
    expect(shares.nth(1)).to_have_text("22\u202f%")


def test_motifs_follow_a_running_search_and_are_counted_only_in_view(page: Page, site: Service) -> None:
    hand = Hand(site.archive, "motifs to come", space=SPACE)
    hand.add(of(ATTENTION, MEMORYLESS), 3.0)
    page.goto(f"/jobs/{hand.id}")
    expect(page.locator(".frontier tbody tr")).to_have_count(1)
    expect(page.locator("#motifs-said")).to_have_count(0)
    page.locator("#motifs-card").scroll_into_view_if_needed()
    expect(page.locator("#motifs-said")).to_contain_text("against all 1 that succeeded")
    hand.add(of(MEMORYLESS, MEMORYLESS), 2.0)
    expect(page.locator("#motifs-said")).to_contain_text("against all 2 that succeeded")
