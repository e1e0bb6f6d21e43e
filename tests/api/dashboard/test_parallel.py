"""Parallel coordinates on the page of one search: ranges, which the scatter follows, and the shared selection."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.api.dashboard.chart import PLACE
from tests.api.dashboard.hand import Hand
from tests.api.dashboard.test_job_page import open_job

OPACITY = """([x, y]) => {
    const source = document.querySelector('#cloud');
    const copy = document.createElement('canvas');
    [copy.width, copy.height] = [source.width, source.height];
    const context = copy.getContext('2d');
    context.drawImage(source, 0, 0);
    return context.getImageData(Math.round(x), Math.round(y), 1, 1).data[3] / 255;
}"""
"""The opacity of the points' canvas at a place of the chart, given in pixels."""

LINE = """([name, value]) => {
    const track = document.querySelector(`[data-metric=${name}] .parallel-track`).getBoundingClientRect();
    const ticks = [...document.querySelectorAll(`[data-metric=${name}] .parallel-tick`)];
    const at = ticks.map((tick) => [parseFloat(tick.textContent), parseFloat(tick.style.bottom)]);
    const [[low, from], [high, to]] = [at[0], at.at(-1)];
    const share = (from + ((value - low) / (high - low)) * (to - from)) / 100;
    return [track.left + track.width / 2, track.bottom - share * track.height];
}"""
"""Where an axis has a value, in pixels of the window; the axis is linear and its ticks say where values are."""


def opened(page: Page, hand: Hand, query: str = "") -> None:
    open_job(page, hand, query)
    page.locator("#parallel-card").scroll_into_view_if_needed()
    expect(page.locator("#parallel [role=status]")).to_contain_text("on the frontier")


def place_of(page: Page, hand: Hand, number: int) -> list[float]:
    metrics = hand.archive.candidate(hand.id, number).metrics
    found: list[float] = page.evaluate(PLACE, [metrics["parameters"], metrics["bits_per_byte"]])
    return found


def opacity_of(page: Page, hand: Hand, number: int) -> float:
    return float(page.evaluate(OPACITY, place_of(page, hand, number)))


def test_each_objective_and_each_limited_metric_has_an_axis(page: Page, search: Hand) -> None:
    opened(page, search)
    names = page.locator(".parallel-axis").evaluate_all("axes => axes.map((axis) => axis.dataset.metric)")
    assert names[: len(search.plan.objectives)] == list(search.plan.objectives)
    assert "cache_bytes" in names
    least, most = page.locator("[data-metric=cache_bytes] .parallel-limit").all()
    expect(least).to_have_attribute("title", "limit of the plan: at least 1.00\u202fkB")
    expect(most).to_have_attribute("title", "limit of the plan: at most 1.00\u202fMB")
    expect(page.locator("[data-metric=parameters] .parallel-limit")).to_have_count(2)
    assert not any(mark.is_visible() for mark in page.locator("[data-metric=parameters] .parallel-limit").all())
    expect(page.locator("[data-metric=bits_per_byte] .parallel-better")).to_have_text("↓ better")


def test_a_range_chosen_with_the_keyboard_dims_what_is_outside_in_the_scatter_too(page: Page, search: Hand) -> None:
    opened(page, search)
    said = page.locator("#parallel [role=status]")
    outside, within = opacity_of(page, search, 2), opacity_of(page, search, 6)
    handle = page.get_by_role("slider", name="Bits per byte, at most")
    expect(handle).to_have_attribute("aria-valuetext", "open")
    handle.focus()
    for _ in range(3):  # from the top, 3.0, to below 2.75, in the middle between 2.0 and 3.0
        page.keyboard.press("PageDown")
    expect(said).to_contain_text("2 of 5 candidates in the ranges")
    page.wait_for_function(f"([x, y]) => ({OPACITY})([x, y]) < {outside / 2}", arg=place_of(page, search, 2))
    assert opacity_of(page, search, 2) > 0
    assert opacity_of(page, search, 6) == within
    page.reload()
    expect(said).to_contain_text("2 of 5 candidates in the ranges")
    page.get_by_role("button", name="Clear ranges").click()
    expect(said).not_to_contain_text("in the ranges")
    assert "ranges" not in page.url


def test_a_stroke_along_an_axis_selects_a_range_and_a_click_on_it_none(page: Page, search: Hand) -> None:
    opened(page, search)
    said = page.locator("#parallel [role=status]")
    x, high = page.evaluate(LINE, ["bits_per_byte", 2.85])
    _, low = page.evaluate(LINE, ["bits_per_byte", 2.65])
    page.mouse.move(x, low)
    page.mouse.down()
    page.mouse.move(x, high, steps=4)
    page.mouse.up()
    expect(said).to_contain_text("2 of 5 candidates in the ranges")
    page.mouse.click(x, (low + high) / 2)
    expect(said).not_to_contain_text("in the ranges")


def test_a_click_on_a_line_selects_its_candidate_everywhere(page: Page, search: Hand) -> None:
    opened(page, search)
    x, y = page.evaluate(LINE, ["bits_per_byte", 2.9])
    page.mouse.click(x + 19, y)  # beside the axis, on the line of candidate 3
    expect(page.locator("#selected")).to_contain_text("Candidate 3")
    assert "selected=3" in page.url
