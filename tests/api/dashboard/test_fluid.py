"""What keeps the page of a large search fluid: loading in parallel, and drawing only what changed."""

from __future__ import annotations

from playwright.sync_api import Page, Route, expect

from tests.api.dashboard.hand import Hand
from tests.api.dashboard.test_job_page import COVERED, DRAWN, PLACE, open_job

UPLOADS = """() => {
    window.buffers = 0;
    const upload = WebGLRenderingContext.prototype.bufferData;
    WebGLRenderingContext.prototype.bufferData = function (...given) {
        window.buffers += 1;
        return upload.apply(this, given);
    };
}"""
"""Counts what is sent to the graphics card from then on."""


def test_the_chart_library_loads_while_the_points_are_on_their_way(page: Page, search: Hand) -> None:
    held: list[Route] = []
    page.route("**/points", lambda route: held.append(route))
    with page.expect_response("**/plotly.min.js"):
        page.goto(f"/jobs/{search.id}")
    expect(page.locator("#facts")).to_contain_text("Done")
    while not held:
        page.wait_for_timeout(50)
    expect(page.locator("#cloud[data-dots]")).to_have_count(0)
    held[0].continue_()
    expect(page.locator("#cloud[data-dots]")).to_have_count(1)


def test_points_are_painted_before_the_chart_library_is_there_and_where_it_puts_them(page: Page, search: Hand) -> None:
    held: list[Route] = []
    page.route("**/plotly.min.js", lambda route: held.append(route))
    page.goto(f"/jobs/{search.id}")
    expect(page.locator("#key")).to_contain_text("on the frontier")
    page.wait_for_function(f"({DRAWN})() > 0")
    expect(page.locator("#scatter .main-svg")).to_have_count(0)
    early = page.evaluate(DRAWN)
    for route in held:
        route.continue_()
    page.wait_for_selector("#cloud[data-dots]")
    metrics = search.archive.candidate(search.id, 3).metrics
    place = page.evaluate(PLACE, [metrics["parameters"], metrics["bits_per_byte"]])
    assert page.evaluate(COVERED, place)
    assert page.evaluate(DRAWN) == early


def test_the_answer_in_columns_is_parsed_beside_the_page(page: Page, search: Hand) -> None:
    workers: list[str] = []
    page.on("worker", lambda worker: workers.append(worker.url))
    page.add_init_script(
        "Response.prototype.json = new Proxy(Response.prototype.json, { apply(of, self, given) {"
        "  (window.parsed ??= []).push(self.url); return Reflect.apply(of, self, given); } })"
    )
    open_job(page, search)
    assert any(url.endswith("/columns/worker.js") for url in workers)
    parsed = page.evaluate("window.parsed")
    assert any(url.endswith(search.id) for url in parsed)
    assert not any(url.endswith(("/points", "/history")) for url in parsed)


def test_a_selection_rings_a_point_and_draws_no_point_again(page: Page, search: Hand) -> None:
    open_job(page, search)
    page.evaluate(UPLOADS)
    page.locator("#scatter").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#selected .selected-name")).to_be_visible()
    page.wait_for_function("document.querySelector('#scatter').data.at(-1).x.length === 1")
    sent = page.evaluate("window.buffers")
    assert sent == 0
    page.get_by_label("Across").select_option("number")
    page.wait_for_function("window.buffers > 0")
