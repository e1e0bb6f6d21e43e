"""What keeps the page of a large search fluid: parsing beside the page, and drawing only what changed."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.api.dashboard.hand import Hand
from tests.api.dashboard.test_job_page import open_job

UPLOADS = """() => {
    window.buffers = 0;
    const upload = WebGL2RenderingContext.prototype.bufferData;
    WebGL2RenderingContext.prototype.bufferData = function (...given) {
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


PIECES = """async () => {
    const { Cloud } = await import('/static/frontier/cloud.js');
    const pieces = [];
    const draw = WebGL2RenderingContext.prototype.drawArrays;
    WebGL2RenderingContext.prototype.drawArrays = function (mode, first, count) {
        pieces.push(count);
        draw.call(this, mode, first, count);
    };
    const dots = (count, x) => ({
        count,
        place: new Float32Array(2 * count).fill(x),
        hue: new Uint8Array(4 * count).fill(255),
        size: new Float32Array(count).fill(8),
        shape: new Float32Array(count),
    });
    const canvas = document.createElement('canvas');
    const cloud = new Cloud(canvas);
    const opacity = (x) => {
        const copy = document.createElement('canvas').getContext('2d');
        copy.drawImage(canvas, 0, 0);
        return copy.getImageData(x, x, 1, 1).data[3];
    };
    const size = { width: 40, height: 40 };
    await cloud.draw(dots(10, 10), size);
    const drawing = cloud.draw(dots(50_000, 20), size);
    const meanwhile = [[...pieces], opacity(10), opacity(20)];
    await drawing;
    const afterwards = [[...pieces], opacity(10), opacity(20)];
    await Promise.all([cloud.draw(dots(50_000, 20), size), cloud.draw(dots(10, 30), size)]);
    return { meanwhile, afterwards, last: [opacity(20), opacity(30)] };
}"""
"""Drawings of few and of many points: pieces so far, and the opacity where few and where many points lie."""


def test_many_points_are_drawn_in_pieces_and_seen_together(page: Page) -> None:
    page.goto("/")
    found = page.evaluate(PIECES)
    assert found["meanwhile"] == [[10, 20_000], 255, 0]
    assert found["afterwards"] == [[10, 20_000, 20_000, 10_000], 0, 255]
    assert found["last"] == [0, 255], "an earlier drawing does not replace a later one"
