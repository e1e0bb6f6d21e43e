"""What the pages show of candidates with several trainings: on rungs, on further seeds, and in the honest finish."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from evaluator.evaluation import Execution
from search.algorithms.algorithm import Choice
from search.origin import Purpose, Reason
from tests.api.dashboard.hand import Hand
from tests.served import Service

ATTENTION = "1.1.1.1.1-9.1.1.1.1-1.1.1.1.1-9.1.1.1.1"
LINEAR = "3.1.1.1.1-9.1.1.1.1-3.1.1.1.1-9.1.1.1.1"
RUNG = 77_824


@pytest.fixture
def hand(site: Service) -> Hand:
    """A running search with one lower rung."""
    return Hand(site.archive, "on rungs", rungs={"tokens": [RUNG]})


def test_each_training_has_a_curve_and_a_row(page: Page, hand: Hand) -> None:
    number = hand.add(ATTENTION, 3.4)
    hand.again(number, 3.1, Purpose.PROMOTION)
    hand.again(number, 3.0, Purpose.REPEAT, seed=1)
    hand.again(number, 2.9, Purpose.FINISH, seed=1000)
    page.goto(f"/jobs/{hand.id}/candidates/{number}")

    rows = page.locator("#trainings tbody tr")
    listed = [
        "search 77,824 0 3.400 ± 0.020 2.0 s – succeeded",
        "promotion 307,200 0 3.100 ± 0.020 2.0 s – succeeded",
        "re-evaluation 307,200 1 3.000 ± 0.020 2.0 s – succeeded",
        "honest finish 307,200 1000 2.900 ± 0.020 2.0 s – succeeded",
    ]
    expect(rows).to_have_text(listed, use_inner_text=True)
    expect(page.locator("#curve .curve .line")).to_have_count(4)
    thin, *others = page.locator("#curve .curve .line").evaluate_all(
        "(lines) => lines.map((line) => parseFloat(getComputedStyle(line).strokeWidth))"
    )
    assert all(thin < other for other in others), "the honest finish is drawn thin, below the others"
    key = [item.replace("\u202f", " ") for item in page.locator("#curve-key li").all_inner_texts()]
    assert key[0] == "77.8 k tokens, seed 0, search"
    assert key[3] == "307 k tokens, seed 1000, honest finish"
    expect(page.locator("#heading .under")).to_contain_text("mean of 2 seeds")
    expect(page.locator("[data-metric='bits_per_byte'] td").nth(1)).to_have_text("3.050 ± 0.050")


def test_one_training_needs_no_key(page: Page, search: Hand) -> None:
    page.goto(f"/jobs/{search.id}/candidates/6")
    expect(page.locator("#curve .curve .area")).to_have_count(1)
    expect(page.locator("#trainings tbody tr")).to_have_count(1)
    expect(page.locator("#curve-key")).to_have_count(0)


def test_a_training_tells_where_it_ran_and_how(page: Page, hand: Hand) -> None:
    forms = {"projection": ["onednn"], "recurrence": ["c", "torch"], "short_convolution": ["triton"]}
    number = hand.add(ATTENTION, 3.4)
    hand.again(number, 3.1, Purpose.PROMOTION, execution=Execution("NVIDIA H100", forms, 2, 3_210_000_000))
    hand.again(number, 3.0, Purpose.REPEAT, seed=1, execution=Execution("cpu", {}, 1))
    page.goto(f"/jobs/{hand.id}/candidates/{number}")

    told = page.locator("#trainings tbody td:nth-of-type(5)")
    how = "projection in oneDNN, recurrence in C and PyTorch, short convolution in Triton"
    how = f"{how}, batches in 2 parts, at most 3.21\u202fGB"
    expect(told).to_have_text(["–", f"NVIDIA H100 {how}", "cpu"], use_inner_text=True)


def test_a_further_training_appears_on_the_page_of_a_candidate_that_has_succeeded(page: Page, hand: Hand) -> None:
    number = hand.add(ATTENTION, 3.4)
    page.goto(f"/jobs/{hand.id}/candidates/{number}")
    under = page.locator("#heading .under")
    expect(under).to_contain_text("on a lower rung")
    expect(under).to_contain_text("77.8\u202fk of 307\u202fk tokens")
    page.evaluate("window.sameDocument = true")

    hand.again(number, 3.1, Purpose.PROMOTION)

    expect(page.locator("#trainings tbody tr")).to_have_count(2)
    expect(under).to_contain_text("on the frontier")
    assert page.evaluate("window.sameDocument")


def test_ranks_compare_candidates_that_were_trained_on_as_many_tokens(page: Page, hand: Hand) -> None:
    first = hand.add(ATTENTION, 3.4)
    hand.add(LINEAR, 3.6)
    rank = page.locator("[data-metric='bits_per_byte'] td").nth(2)
    page.goto(f"/jobs/{hand.id}/candidates/{first}")
    expect(rank).to_have_text("1st of 2")
    hand.again(first, 3.1, Purpose.PROMOTION)
    expect(rank).to_have_text("1st of 1")


def test_a_candidate_on_a_lower_rung_is_marked_until_it_is_promoted(page: Page, hand: Hand) -> None:
    number, other = hand.add(ATTENTION, 3.4), hand.add(LINEAR, 3.6)
    page.goto(f"/jobs/{hand.id}?selected={number}")
    page.wait_for_selector("#cloud[data-dots='2']")
    key, selected = page.locator("#key"), page.locator("#selected")
    expect(key).to_contain_text("2 on a lower rung")
    expect(key).to_contain_text("0 on the frontier")
    expect(selected).to_contain_text("on a lower rung")
    expect(selected).to_contain_text("one seed, 77.8\u202fk of 307\u202fk tokens")
    expect(page.locator("#facts")).to_contain_text("Training tokens156\u202fk")
    page.evaluate("window.sameDocument = true")

    hand.again(number, 3.1, Purpose.PROMOTION)

    row = page.locator(f".frontier [data-number='{number}']")
    expect(row).to_contain_text("3.100 ± 0.020")
    expect(key).to_contain_text("1 on a lower rung")
    expect(selected).to_contain_text("on the frontier")
    expect(selected).not_to_contain_text("lower rung")
    expect(page.locator("#facts")).to_contain_text("Training tokens463\u202fk")

    hand.again(number, 3.0, Purpose.REPEAT, seed=1)

    expect(row).to_contain_text("mean of 2 seeds")
    expect(row).to_contain_text("3.050 ± 0.050")
    expect(selected).to_contain_text("mean of 2 seeds")
    expect(page.locator(f".frontier [data-number='{other}']")).to_have_count(0)
    assert page.evaluate("window.sameDocument")


def test_a_prediction_is_compared_with_the_training_for_which_it_was_made(page: Page, hand: Hand) -> None:
    choice = Choice(Reason.IMPROVEMENT, predicted=3.5, deviation=0.08, improvement=0.01)
    number = hand.add(ATTENTION, 3.4, choice=choice)
    page.goto(f"/jobs/{hand.id}/candidates/{number}")
    expect(page.locator("#choice")).to_contain_text("3.500 ± 0.080 on 77.8\u202fk tokens before training.")
    expect(page.locator("[data-metric='bits_per_byte'] td").first).to_have_text("3.500 ± 0.080")

    hand.again(number, 3.1, Purpose.PROMOTION)

    page.goto(f"/jobs/{hand.id}/candidates/{number}")
    expect(page.locator("[data-metric='bits_per_byte'] td").first).to_have_text("–")


def test_the_form_offers_rungs_repeats_and_the_honest_finish(page: Page, site: Service, tolerated: list[str]) -> None:
    tolerated.append("422")
    page.goto("/#new")
    page.locator("summary", has_text="Search").click()
    rungs = page.locator("[data-path='rungs.tokens']")
    tokens = rungs.get_by_label("Tokens of lower rungs")
    for text, fault in (
        ("30720, many", "each must be a whole number"),
        ("30720, 1.5", "each must be a whole number"),
        ("1 2 3 4 5 6 7 8 9", "must be 8 numbers at most"),
        ("", ""),
        ("61440, 30720", ""),
    ):
        tokens.fill(text)
        expect(rungs.locator(".fault")).to_have_text(fault)
    page.get_by_role("button", name="Start the search").click()
    expect(rungs.locator(".fault")).to_contain_text("must rise")

    tokens.fill("30720, 61440")
    page.get_by_label("Share promoted").fill("0.5")
    page.get_by_label("Share of repeats").fill("0.1")
    page.get_by_label("Seeds of the honest finish").fill("3")
    page.get_by_label("Members in the honest finish").fill("4")
    expect(page.locator("[data-short='search']")).to_contain_text("2 lower rungs, honest finish with 3 seeds")
    page.get_by_role("button", name="Start the search").click()
    page.wait_for_url("**/jobs/*")

    plan = site.archive.job(page.url.rsplit("/", 1)[1]).plan
    assert plan["rungs"] == {"tokens": [30720, 61440], "promoted": 0.5}
    assert (plan["repeats"], plan["finish"]) == (0.1, {"seeds": 3, "members": 4})
