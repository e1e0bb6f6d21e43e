"""What the page of one search shows of a model's predictions, of the initial design, and before a training ends."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from evaluator.evaluation import Failure
from search.algorithms.algorithm import Choice
from search.origin import Reason
from tests.api.dashboard.hand import Hand
from tests.served import Service

STACK = "9.1.1.1.1-9.1.1.1.1-9.1.1.1.1-9.1.1.1.1"
CLASSES = (1, 2, 3, 4, 5, 6)


def predicted_and_found(hand: Hand, count: int) -> None:
    """Record this many candidates of which a model predicted 3.0, 2.9, ...; each turns out worse by 0.01."""
    for n, one in enumerate(CLASSES[:count]):
        choice = Choice(Reason.IMPROVEMENT, predicted=3.0 - n / 10, deviation=0.08, improvement=0.01)
        hand.add(f"{one}.1.1.1.1-9.1.1.1.1-{one}.1.1.1.1-9.1.1.1.1", 3.01 - n / 10, choice=choice)


def test_the_model_is_judged_by_its_predictions_without_a_reload(page: Page, site: Service) -> None:
    hand = Hand(site.archive, "judged")
    predicted_and_found(hand, 4)
    page.goto(f"/jobs/{hand.id}")
    model = page.locator("#model")
    expect(model).to_contain_text("Too few predictions yet.")
    expect(model).to_contain_text("Each prediction was made before its candidate was trained.")
    number = hand.begin("7.1.1.1.1-9.1.1.1.1-7.1.1.1.1-9.1.1.1.1", choice=Choice(Reason.IMPROVEMENT, 2.6, 0.08, 0.01))
    hand.end(number, 2.8)
    expect(model).not_to_contain_text("Too few")
    shown = model.inner_text().replace("\u202f", " ")
    # Four of five outcomes lie within 1.28 standard deviations; Wilson's interval of 4 of 5 is 0.376 to 0.964.
    assert "80 % 38 % to 96 %" in shown
    assert "Rank correlation\n0.90 " in shown
    assert "Error, bits per byte\n0.08989" in shown


def test_a_search_that_predicts_nothing_has_no_model(page: Page, site: Service) -> None:
    hand = Hand(site.archive, "without a model", algorithm="nsga2")
    hand.add(STACK, 3.0)
    with page.expect_response("**/predictions"):
        page.goto(f"/jobs/{hand.id}")
    expect(page.locator(".frontier tbody tr")).to_have_count(1)
    expect(page.locator("#model-card")).to_be_hidden()


def test_the_table_names_the_stacks_of_the_initial_design(page: Page, site: Service) -> None:
    hand = Hand(site.archive, "stacks")
    hand.add("1.1.1.1.1-9.1.1.1.1-1.1.1.1.1-9.1.1.1.1", 3.0, variation="alternating stack")
    page.goto(f"/jobs/{hand.id}")
    row = page.locator(".frontier tbody th")
    expect(row).to_have_text("1 alternating stack")
    later = hand.add(STACK, 2.5, variation="stack")
    expect(page.locator(f".frontier [data-number='{later}'] th")).to_have_text("2 stack")


def test_a_candidate_with_known_costs_is_drawn_only_once_it_was_trained(page: Page, site: Service) -> None:
    hand = Hand(site.archive, "costs first")
    failing = hand.begin(STACK)
    page.goto(f"/jobs/{hand.id}")
    expect(page.locator("#key")).to_contain_text("1 candidate under way")
    expect(page.locator("#key")).to_contain_text("0 on the frontier")
    expect(page.locator("#table")).to_contain_text("No candidate is on the frontier yet.")
    number = hand.begin("1.1.1.1.1-9.1.1.1.1-1.1.1.1.1-9.1.1.1.1")
    expect(page.locator("#key")).to_contain_text("2 candidates under way")
    hand.fail(failing, Failure.DIVERGED, "loss was not finite")
    expect(page.locator("#key")).to_contain_text("1 failed, below")
    expect(page.locator("#table")).to_contain_text("No candidate is on the frontier yet.")
    hand.end(number, 2.9)
    expect(page.locator(f".frontier [data-number='{number}']")).to_be_visible()
    expect(page.locator("#key")).not_to_contain_text("under way")
