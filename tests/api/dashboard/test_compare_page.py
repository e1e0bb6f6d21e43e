"""The page that compares two candidates of a search."""

from __future__ import annotations

import math
import re

from playwright.sync_api import Page, expect

from tests.api.dashboard.hand import Hand


def test_equal_genes_are_grey_and_changed_ones_are_shown_of_both(page: Page, search: Hand) -> None:
    page.goto(f"/jobs/{search.id}/compare?a=3&b=6")
    drawings = page.locator("#drawings .genome")
    expect(drawings).to_have_count(2)
    for drawing in drawings.all():
        expect(drawing.locator(".same")).to_have_count(3)
        expect(drawing.locator(".block:not(.same)")).to_have_count(1)
        expect(drawing.locator(".link-features")).to_have_count(1)
    expect(page.locator("#genes p")).to_have_text("1 gene differs: candidate 3 above, candidate 6 below.")
    expect(page.locator("#genes .changed span")).to_have_text(["GMemless", "Rec-2"])
    expect(page.locator("#genes tbody tr").nth(2)).to_contain_text("b of LIV 1")


def test_metrics_stand_beside_their_difference_with_its_standard_error(page: Page, search: Hand) -> None:
    page.goto(f"/jobs/{search.id}/compare?a=3&b=6")
    cells = page.locator("[data-metric='bits_per_byte'] td")
    expect(cells).to_have_text(["2.900 ± 0.020", "2.700 ± 0.020", f"−0.200 ± {math.hypot(0.02, 0.02):.3f}"])
    expect(cells.nth(1)).to_have_class(re.compile("best"))
    expect(page.locator("[data-metric='parameters'] td").last).to_contain_text("−")


def test_costs_have_one_scale_and_the_curves_one_chart(page: Page, search: Hand) -> None:
    page.goto(f"/jobs/{search.id}/compare?a=2&b=3")
    expect(page.locator("#curves .curve .line")).to_have_count(2)
    expect(page.locator("#curves .legend li")).to_have_text(["Candidate 2", "Candidate 3"])
    cost = {one.number: one.metrics["cache_bytes"] for one in search.archive.candidates(search.id).items}
    width = (
        "(bar) => [...bar.querySelectorAll('.face')].reduce((sum, one) => sum + Number(one.getAttribute('width')), 0)"
    )
    drawn = [
        page.locator(f"[data-candidate='{number}'] [data-kind='cache_bytes'] svg").evaluate(width) for number in (2, 3)
    ]
    assert math.isclose(drawn[0] / drawn[1], cost[2] / cost[3], rel_tol=1e-6)


def test_a_candidate_is_compared_with_its_parent_and_with_another_number(page: Page, search: Hand) -> None:
    page.goto(f"/jobs/{search.id}/candidates/6")
    page.locator("#parents").get_by_role("link", name="Compare").click()
    expect(page).to_have_url(re.compile(r"/compare\?a=3&b=6$"))
    page.get_by_label("with candidate").fill("2")
    page.get_by_role("button", name="Compare").click()
    expect(page.locator("#drawings h3 a")).to_have_text(["Candidate 3", "Candidate 2"])
    page.locator("#drawings h3 a").last.click()
    page.get_by_label("Compare with candidate").fill("5")
    page.get_by_role("button", name="Compare").click()
    expect(page.locator("#drawings h3 a")).to_have_text(["Candidate 2", "Candidate 5"])


def test_two_rows_of_the_table_are_compared(page: Page, search: Hand) -> None:
    page.goto(f"/jobs/{search.id}/candidates")
    page.get_by_label("Compare candidate 1").check()
    expect(page.locator("#chosen")).to_contain_text("choose another one")
    page.get_by_label("Compare candidate 2").check()
    page.get_by_label("Compare candidate 6").check()
    expect(page.get_by_label("Compare candidate 1")).not_to_be_checked()
    expect(page.get_by_label("Compare candidate 6")).to_be_focused()
    page.reload()
    page.get_by_role("link", name="Compare 2 and 6").click()
    expect(page.locator("#drawings h3 a")).to_have_text(["Candidate 2", "Candidate 6"])


def test_what_cannot_be_compared_is_named(page: Page, search: Hand, tolerated: list[str]) -> None:
    tolerated.append("404")
    page.goto(f"/jobs/{search.id}/compare")
    expect(page.locator("#fault")).to_contain_text("Choose the numbers of two candidates")
    page.goto(f"/jobs/{search.id}/compare?a=1&b=999")
    expect(page.locator("#fault")).to_contain_text("there is no candidate 999")
