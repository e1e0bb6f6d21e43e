"""The honest finish on the pages: its progress, the table of finalists, and the verdicts of one candidate."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, expect

from evaluator.evaluation import Failure
from search.evolution.proposal import Further
from search.origin import Purpose
from tests.api.dashboard.drawn import DRAWN
from tests.api.dashboard.hand import Hand
from tests.served import Service

ATTENTION = "1.1.1.1.1-9.1.1.1.1-1.1.1.1.1-9.1.1.1.1"
MIXERS = "9.1.1.1.1-9.1.1.1.1-9.1.1.1.1-9.1.1.1.1"
OTHER = "5.1.1.1.2-7.1.1.1.1-5.1.1.1.2-9.1.1.1.1"
FULL = 307_200


@pytest.fixture
def hand(site: Service) -> Hand:
    """A running search that will end with an honest finish: one baseline, two members of the frontier."""
    hand = Hand(site.archive, "to be finished", finish={"seeds": 2, "members": 4})
    hand.add(ATTENTION, 3.0, variation="baseline", baseline="Transformer++")
    hand.add(MIXERS, 2.5)
    hand.add(OTHER, 2.99)
    return hand


def reads(place: Locator, *texts: str) -> None:
    """Expect these texts in a place, with every kind of space as a plain one."""
    for text in texts:
        expect(place).to_contain_text(text, use_inner_text=True)


def finish(hand: Hand, seed: int, qualities: dict[int, float]) -> None:
    for number, quality in qualities.items():
        hand.again(number, quality, Purpose.FINISH, seed=1000 + seed)


def test_the_finish_is_followed_to_its_verdicts_without_a_reload(page: Page, hand: Hand) -> None:
    card = page.locator("#finish-card")
    page.goto(f"/jobs/{hand.id}")
    expect(card).to_contain_text("each with 2 seeds that the search never used")
    expect(card).to_contain_text("It begins when the search has ended.")
    page.evaluate("window.sameDocument = true")

    finish(hand, 0, {1: 3.0})
    expect(card.locator(".progress")).to_have_text("1 of 6 trainings")
    finish(hand, 0, {2: 2.6, 3: 2.98})
    expect(card.locator(".progress")).to_have_text("3 of 6 trainings")
    expect(card.locator("tbody[data-number='2']")).to_contain_text("noise not known")
    expect(card).to_contain_text("So far: The best winner by bits per byte is candidate 2 with 2.600.")

    finish(hand, 1, {1: 3.04, 2: 2.56, 3: 3.02})
    expect(card.locator(".progress")).to_have_count(0)
    assert page.evaluate("window.sameDocument")
    reads(card.locator("tbody[data-number='1'] tr"), "1 Transformer++ 2 of 2 3.020 ± 0.020 14.9 k 524 kB")
    winner, other = card.locator("tbody[data-number='2'] tr"), card.locator("tbody[data-number='3'] tr")
    reads(winner.nth(0), "2 2 of 2 2.580 ± 0.020")
    # 0.44 is 15.6 standard errors of the difference; the noise has three degrees of freedom.
    reads(winner.nth(1), "against Transformer++ > 99.9 % clear lead", "100 % smaller")
    # 0.02 is 0.71 standard errors.
    reads(other.nth(1), "against Transformer++ 73 % within the noise")
    expect(winner.nth(1).locator(".verdict-lead")).to_have_text("clear lead")
    expect(card.locator(".finish-best")).to_contain_text(
        "candidate 2 with 2.580 ± 0.020. The probability that it beats"
    )
    card.get_by_role("link", name="2", exact=True).click()
    page.wait_for_url("**/candidates/2")


def test_a_failed_training_of_the_finish_counts_as_done(page: Page, hand: Hand) -> None:
    finish(hand, 0, {1: 3.0, 2: 2.6})
    hand.archive.begin(hand.claim, Further(3, hand.plan.seed + 1000, FULL, Purpose.FINISH, FULL), {})
    hand.fail(3, Failure.DIVERGED, "loss was not finite")
    page.goto(f"/jobs/{hand.id}")
    expect(page.locator("#finish .progress")).to_have_text("3 of 6 trainings")
    row = page.locator("#finish tbody[data-number='3'] tr")
    expect(row).to_have_count(1)
    reads(row, "3 0 of 2, 1 failed –")


def test_a_finish_of_baselines_alone_says_so(page: Page, site: Service) -> None:
    hand = Hand(site.archive, "baselines alone", finish={"seeds": 1})
    hand.add(ATTENTION, 3.0, variation="baseline", baseline="Transformer++")
    finish(hand, 0, {1: 3.0})
    page.goto(f"/jobs/{hand.id}")
    expect(page.locator("#finish .finish-best")).to_have_text("The finish has no candidates other than baselines.")
    expect(page.locator("#finish .progress")).to_have_count(0)


def test_a_search_without_a_finish_has_no_card(page: Page, search: Hand) -> None:
    page.goto(f"/jobs/{search.id}")
    expect(page.locator(".frontier tbody tr").first).to_be_visible()
    expect(page.locator("#finish-card")).to_be_hidden()
    page.goto(f"/jobs/{search.id}/candidates/6")
    expect(page.locator("#trainings tbody tr")).to_have_count(1)
    expect(page.locator("#finish-card")).to_be_hidden()
    expect(page.locator("#purposes dt")).to_have_count(0)


def test_a_winners_page_shows_its_verdicts_and_what_its_trainings_were_for(page: Page, hand: Hand) -> None:
    finish(hand, 0, {1: 3.0, 2: 2.6})
    hand.again(2, 2.52, Purpose.REPEAT, seed=1)
    page.goto(f"/jobs/{hand.id}/candidates/2")
    card = page.locator("#finish-card")
    expect(card).to_contain_text("on seeds that the search never used (1 of 2)")
    quality = card.locator("[data-metric='bits_per_byte']")
    expect(quality).to_contain_text("noise not known")

    finish(hand, 1, {1: 3.04, 2: 2.56})

    reads(quality, "Bits per byte 2.580 ± 0.020 3.020 ± 0.020 \u22120.440 ± 0.028 99.8 % clear lead")
    reads(card.locator("[data-metric='cache_bytes']"), "Cache 0 B 524 kB \u2212524 kB 100 % smaller")
    reads(
        page.locator("#purposes"),
        "search the first training of this genome",
        "re-evaluation the same tokens with another seed, because its place on the frontier was uncertain",
        "honest finish from scratch with a seed that the search never used; it decides nothing in the search",
    )
    page.goto(f"/jobs/{hand.id}/candidates/1")
    expect(card).to_contain_text("This candidate is a baseline: the winners are compared with it.")
    expect(card.locator("tbody tr")).to_have_count(3)


def test_a_search_that_a_runner_finished_shows_rungs_and_finish(page: Page, site: Service, several: str) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto(f"/jobs/{several}")
    expect(page.locator("#finish tbody[data-number='1']")).to_contain_text("2 of 2")
    found = site.client.get(f"/v1/jobs/{several}/finish").json()["finalists"]
    expect(page.locator("#finish tbody")).to_have_count(len(found))
    expect(page.locator("#finish .against")).to_have_count(2 * sum(not one["baseline"] for one in found))
    rows = page.locator(".rungs tbody tr")
    expect(rows).to_have_count(2)
    for n, one in enumerate(site.client.get(f"/v1/jobs/{several}/rungs").json()["rungs"]):
        known = one["rank_correlation"]
        reads(rows.nth(n), f"{one['below']} and {one['above']}", "too few" if known is None else f"{known:.2f}")
    page.wait_for_function(DRAWN)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
