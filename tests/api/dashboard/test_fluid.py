"""What keeps the page of a large search fluid: parsing beside the page, and drawing only what changed."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.api.dashboard.hand import Hand
from tests.api.dashboard.test_job_page import open_job

UPLOADS = """() => {
    window.buffers = 0;
    const upload = WebGLRenderingContext.prototype.bufferData;
    WebGLRenderingContext.prototype.bufferData = function (...given) {
        window.buffers += 1;
        return upload.apply(this, given);
    };
}"""
"""Counts what is sent to the graphics card from then on."""


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
    expect(page.locator("#scatter .ring")).to_have_count(1)
    sent = page.evaluate("window.buffers")
    assert sent == 0
    page.get_by_label("Across").select_option("number")
    page.wait_for_function("() => window.buffers > 0")
