"""The page of one search: its frontier, live, with one selection for all views."""

from __future__ import annotations

import csv
import json
from pathlib import Path

from playwright.sync_api import Page, expect
from pyarrow import parquet

from search.archive.values import JobState
from tests.api.dashboard.chart import AXIS, COVERED, DRAWN_POINTS, PLACE
from tests.api.dashboard.hand import Hand
from tests.columns import points_of
from tests.served import Service


def open_job(page: Page, hand: Hand, query: str = "") -> None:
    page.goto(f"/jobs/{hand.id}{query}")
    page.wait_for_selector("#cloud[data-dots]")
    page.wait_for_selector("#failures:not([aria-busy])")


def point_at(page: Page, hand: Hand, number: int) -> tuple[float, float]:
    """Where a candidate lies on the screen."""
    metrics = hand.archive.candidate(hand.id, number).metrics
    x, y = page.evaluate(PLACE, [metrics["parameters"], metrics["bits_per_byte"]])
    chart = page.locator("#scatter")
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    assert box is not None
    return box["x"] + x, box["y"] + y


def test_the_frontier_is_drawn_and_a_new_candidate_appears_without_reload(page: Page, site: Service) -> None:
    hand = Hand(site.archive, "growing")
    hand.add("1.1.1.1.1-9.1.1.1.1-1.1.1.1.1-9.1.1.1.1", 3.0)
    open_job(page, hand)
    page.evaluate("window.sameDocument = true")
    expect(page.locator(".frontier tbody tr")).to_have_count(1)
    before = page.evaluate(DRAWN_POINTS)
    assert before > 0
    number = hand.begin("3.1.1.1.1-9.1.1.1.1-3.1.1.1.1-9.1.1.1.1")
    expect(page.locator("#key")).to_contain_text("1 candidate under way")
    hand.end(number, 2.5)
    expect(page.locator(f".frontier [data-number='{number}']")).to_be_visible()
    expect(page.locator("#key")).not_to_contain_text("under way")
    assert page.evaluate(DRAWN_POINTS) > before
    assert page.evaluate("window.sameDocument")


def test_axes_and_points_follow_the_size_of_the_chart(page: Page, search: Hand) -> None:
    open_job(page, search)
    metrics = search.archive.candidate(search.id, 3).metrics
    values = [metrics["parameters"], metrics["bits_per_byte"]]
    assert page.evaluate(COVERED, page.evaluate(PLACE, values))
    lowest = page.evaluate(AXIS, "y")["pixels"][0]
    page.evaluate("document.querySelector('#scatter').style.height = '900px'")
    page.wait_for_function(f"(lowest) => ({AXIS})('y').pixels[0] > lowest", arg=lowest)
    assert page.evaluate(COVERED, page.evaluate(PLACE, values))
    furthest = page.evaluate(AXIS, "x")["pixels"][1]
    page.set_viewport_size({"width": 1000, "height": 900})
    page.wait_for_function(f"(furthest) => ({AXIS})('x').pixels[1] < furthest", arg=furthest)
    assert page.evaluate(COVERED, page.evaluate(PLACE, values))


def test_failed_infeasible_and_baseline_candidates_are_shown_for_what_they_are(page: Page, search: Hand) -> None:
    open_job(page, search)
    expect(page.locator("#key")).to_contain_text("1 failed, below")
    expect(page.locator("#key")).to_contain_text("1 outside a limit, below")
    expect(page.locator("#key .gradient")).to_contain_text("smaller is better")
    expect(page.locator("#failures")).to_contain_text("diverged")
    expect(page.locator("#scatter")).to_contain_text("Transformer++")
    expect(page.locator("#hypervolume .curve")).to_be_visible()


def test_pointing_shows_a_candidate_and_clicking_selects_it_everywhere(page: Page, search: Hand) -> None:
    open_job(page, search)
    x, y = point_at(page, search, 3)
    page.mouse.move(x, y)
    expect(page.locator("#hover")).to_contain_text("Candidate 3")
    expect(page.locator("#hover .genome")).to_be_visible()
    page.mouse.down()
    page.mouse.up()
    expect(page.locator("#selected")).to_contain_text("Candidate 3")
    expect(page.locator(".frontier [data-number='3']")).to_have_attribute("aria-current", "true")
    assert "selected=3" in page.url
    page.reload()
    expect(page.locator("#selected")).to_contain_text("Candidate 3")


def test_axes_can_be_chosen_and_stay_in_the_address(page: Page, search: Hand) -> None:
    open_job(page, search)
    expect(page.locator("#scatter .xtitle")).to_have_text("Parameters")
    page.get_by_label("Across").select_option("cache_bytes")
    expect(page.locator("#scatter .xtitle")).to_have_text("Cache")
    page.locator("#axis-x-log").check()
    page.reload()
    page.wait_for_selector("#cloud[data-dots]")
    assert page.evaluate(AXIS, "x")["log"]
    expect(page.locator("#scatter .xtitle")).to_have_text("Cache")
    expect(page.locator("#axis-x-log")).to_be_checked()


def test_the_keyboard_steps_along_the_frontier(page: Page, search: Hand) -> None:
    open_job(page, search)
    page.locator("#scatter").focus()
    page.keyboard.press("ArrowRight")
    first = page.locator("#selected strong").first.inner_text()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#selected strong").first).not_to_have_text(first)
    page.keyboard.press("Escape")
    expect(page.locator("#selected")).to_contain_text("Choose a point")


def test_the_table_sorts_and_two_candidates_can_be_compared(page: Page, search: Hand) -> None:
    open_job(page, search, "?selected=3")
    by_quality = page.locator(".frontier tbody tr").first.get_attribute("data-number")
    page.locator(".frontier").get_by_role("button", name="Bits per byte").click()
    assert page.locator(".frontier tbody tr").last.get_attribute("data-number") == by_quality
    expect(page.locator(".frontier [aria-sort='descending']")).to_have_text("Bits per byte")
    page.get_by_role("button", name="Compare").click()
    page.locator(".frontier [data-number='6'] td").first.click()
    expect(page.locator("#selected .genome")).to_have_count(2)
    # Candidate 6 differs from candidate 3 in its last LIV alone.
    expect(page.locator("#selected .genome").first.locator(".same")).to_have_count(3)


def test_pause_resume_and_cancel_which_asks_once(page: Page, site: Service) -> None:
    hand = Hand(site.archive, "to be cancelled")
    open_job(page, hand)
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("button", name="Resume")).to_be_visible()
    assert site.archive.job(hand.id).state == JobState.PAUSED
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Keep it").click()
    assert site.archive.job(hand.id).state == JobState.RUNNING
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Cancel the search").click()
    expect(page.locator("#heading .state")).to_have_text("cancelled")
    assert site.archive.job(hand.id).state == JobState.CANCELLED


def test_downloads(page: Page, search: Hand, tmp_path: Path) -> None:
    open_job(page, search)

    def downloaded(item: str) -> Path:
        page.locator(".menu summary").click()
        with page.expect_download() as waiting:
            page.locator(".menu button", has_text=item).click()
        file = tmp_path / waiting.value.suggested_filename
        waiting.value.save_as(file)
        return file

    table = downloaded("CSV")
    assert table.name == "Lean-caches.csv"
    rows = list(csv.DictReader(table.read_text().splitlines()))
    assert [row["genome"] for row in rows] == points_of(search.archive, search.id)["genome"]
    assert parquet.read_table(downloaded("Parquet")).column("genome").to_pylist() == [row["genome"] for row in rows]
    frontier = json.loads(downloaded("JSON").read_text())["frontier"]
    assert [row["number"] for row in frontier] == [row.number for row in search.archive.frontier(search.id)]
    assert downloaded("PNG").read_bytes().startswith(b"\x89PNG")


def test_a_lost_connection_says_so_and_comes_back(page: Page, search: Hand, tolerated: list[str]) -> None:
    tolerated.append("ERR_FAILED")
    page.route("**/events?*", lambda route: route.abort())
    open_job(page, search)
    expect(page.locator("#notice")).to_contain_text("connection was lost")
    page.unroute("**/events?*")
    expect(page.locator("#notice")).to_be_hidden()


def test_an_open_choice_survives_new_candidates(page: Page, site: Service) -> None:
    hand = Hand(site.archive, "busy")
    hand.add("1.1.1.1.1-9.1.1.1.1-1.1.1.1.1-9.1.1.1.1", 3.0)
    open_job(page, hand, "?selected=1")
    page.get_by_label("Across").focus()
    page.evaluate("window.chooser = document.activeElement")
    hand.add("3.1.1.1.1-9.1.1.1.1-3.1.1.1.1-9.1.1.1.1", 2.9)
    expect(page.locator(".frontier [data-number='2']")).to_be_visible()
    assert page.evaluate("window.chooser.isConnected && window.chooser === document.activeElement")
