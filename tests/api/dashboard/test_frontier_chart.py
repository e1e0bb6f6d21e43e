"""What the frontier chart draws: labels, a zoomed part, baselines, and its picture."""

from __future__ import annotations

import base64
import itertools

import pytest
from playwright.sync_api import Page, expect

from tests.api.dashboard.chart import AXIS, COVERED, LABELS, PLACE
from tests.api.dashboard.hand import Hand
from tests.api.dashboard.test_job_page import open_job, point_at
from tests.served import Service

PREFIXES = {"": 1, "k": 1e3, "M": 1e6}

BOXES = """() => [...document.querySelectorAll('#scatter .name')].map((name) => {
    const { left, top, right, bottom } = name.getBoundingClientRect();
    return [left, top, right, bottom];
})"""
"""Where the names of baselines stand in the window."""

INKED = """async ([url, places]) => {
    const picture = new Image();
    picture.src = url;
    await picture.decode();
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [picture.width, picture.height];
    const context = canvas.getContext('2d');
    context.drawImage(picture, 0, 0);
    const density = picture.width / document.querySelector('#scatter').clientWidth;
    const paper = context.getImageData(0, 0, 1, 1).data.join();
    return places.map(([x, y, width, height]) => {
        const { data } = context.getImageData(...[x, y, width, height].map((one) => Math.round(one * density)));
        for (let n = 0; n < data.length; n += 4) if (data.slice(n, n + 4).join() !== paper) return true;
        return false;
    });
}"""
"""Whether a picture of the chart has another colour than its corner in parts of the chart, given in pixels."""


def value_of(label: str) -> float:
    number, _, unit = label.partition("\u202f")
    return float(number.replace(",", "")) * PREFIXES[unit.removesuffix("B")]


@pytest.mark.parametrize("query", ["?x=cache_bytes&xlog=0", "?x=cache_bytes&xlog=1&ylog=1", "?x=number"])
@pytest.mark.parametrize("width", [1280, 360])
def test_labels_say_where_values_lie_and_have_room(page: Page, search: Hand, query: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    open_job(page, search, query)
    for n, role in enumerate("xy"):
        labels = page.evaluate(LABELS, role)
        assert len(labels) >= 2
        for label, place in labels:
            assert page.evaluate(PLACE, [value_of(label)] * 2)[n] == pytest.approx(place, abs=0.01)
    boxes = [box.bounding_box() for box in page.locator("#scatter .axis-x text").all()[:-1]]
    for one, other in itertools.pairwise(boxes):
        assert one is not None
        assert other is not None
        assert one["x"] + one["width"] < other["x"]


def drag(page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(*end, steps=3)
    page.mouse.up()


def on_screen(page: Page, x: float, y: float) -> tuple[float, float]:
    """Where shares of the axes lie in the window."""
    chart = page.locator("#scatter")
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    assert box is not None
    (left, right), (bottom, top) = (page.evaluate(AXIS, role)["pixels"] for role in "xy")
    return box["x"] + left + x * (right - left), box["y"] + bottom + y * (top - bottom)


def test_a_drawn_box_is_shown_until_a_double_click(page: Page, site: Service) -> None:
    hand = Hand(site.archive, "to be zoomed")
    hand.add("1.1.1.1.1-9.1.1.1.1-1.1.1.1.1-9.1.1.1.1", 3.0)
    hand.add("3.1.1.1.1-9.1.1.1.1-3.1.1.1.1-9.1.1.1.1", 2.8)
    open_job(page, hand)
    whole = {role: page.evaluate(AXIS, role)["values"] for role in "xy"}
    drag(page, on_screen(page, 0.25, 0.5), on_screen(page, 0.75, 0.9))
    for role, low, high in (("x", 0.25, 0.75), ("y", 0.5, 0.9)):
        from_, to = whole[role]
        wanted = [from_ + share * (to - from_) for share in (low, high)]
        assert page.evaluate(AXIS, role)["values"] == pytest.approx(wanted, rel=1e-3)
    zoomed = [page.evaluate(AXIS, role) for role in "xy"]
    before = page.locator("#cloud").get_attribute("data-dots")
    hand.add("5.1.1.1.1-9.1.1.1.1-5.1.1.1.1-9.1.1.1.1", 2.0)
    expect(page.locator(".frontier [data-number='3']")).to_be_visible()
    page.wait_for_function("(before) => document.querySelector('#cloud').dataset.dots !== before", arg=before)
    assert [page.evaluate(AXIS, role) for role in "xy"] == zoomed
    metrics = hand.archive.candidate(hand.id, 3).metrics
    place = page.evaluate(PLACE, [metrics["parameters"], metrics["bits_per_byte"]])
    assert not page.evaluate(COVERED, place)
    page.mouse.dblclick(*on_screen(page, 0.5, 0.5))
    assert page.evaluate(AXIS, "y")["values"][0] < 2.0
    assert page.evaluate(AXIS, "y")["values"][1] == pytest.approx(whole["y"][1], rel=0.05)
    place = page.evaluate(PLACE, [metrics["parameters"], metrics["bits_per_byte"]])
    assert page.evaluate(COVERED, place)


def test_a_zoom_ends_with_the_choice_of_other_axes(page: Page, search: Hand) -> None:
    open_job(page, search)
    whole = page.evaluate(AXIS, "y")["values"]
    drag(page, on_screen(page, 0.1, 0.2), on_screen(page, 0.6, 0.7))
    assert page.evaluate(AXIS, "y")["values"] != whole
    page.get_by_label("Across").select_option("number")
    expect(page.locator("#scatter .xtitle")).to_have_text("Order of proposal")
    assert page.evaluate(AXIS, "y")["values"] == whole


def test_a_flat_box_zooms_one_axis_and_a_click_none(page: Page, search: Hand) -> None:
    open_job(page, search)
    whole = [page.evaluate(AXIS, role)["values"] for role in "xy"]
    page.mouse.click(*on_screen(page, 0.5, 0.5))
    assert [page.evaluate(AXIS, role)["values"] for role in "xy"] == whole
    drag(page, on_screen(page, 0.2, 0.5), on_screen(page, 0.8, 0.505))
    assert page.evaluate(AXIS, "x")["values"][0] > whole[0][0]
    assert page.evaluate(AXIS, "y")["values"] == whole[1]


def test_a_finger_scrolls_the_page_instead_of_zooming(page: Page, site: Service, search: Hand) -> None:
    browser = page.context.browser
    assert browser is not None
    phone = browser.new_context(
        base_url=site.url, viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True
    )
    touched = phone.new_page()
    open_job(touched, search)
    whole = touched.evaluate(AXIS, "x")["values"]
    drag(touched, on_screen(touched, 0.2, 0.2), on_screen(touched, 0.8, 0.8))
    assert touched.evaluate(AXIS, "x")["values"] == whole
    phone.close()


def test_the_names_of_baselines_are_text_that_can_be_read(page: Page, site: Service) -> None:
    hand = Hand(site.archive, "baselines")
    names = ["<b>x</b>", "A baseline with a very long name", "Another baseline with a long name"]
    for n, name in enumerate(names):
        genome = "-".join(["1.1.1.1.1"] * (n + 1) + ["9.1.1.1.1"] * (3 - n))
        hand.add(genome, 3.0 + n / 100, variation="baseline", baseline=name)
    page.set_viewport_size({"width": 360, "height": 740})
    open_job(page, hand, "?x=number")
    expect(page.locator("#scatter .diamond")).to_have_count(3)
    assert page.locator("#scatter .name").all_text_contents() == names
    assert page.locator("#scatter b").count() == 0
    chart = page.locator("#scatter").bounding_box()
    assert chart is not None
    boxes = page.evaluate(BOXES)
    for left, _, right, _ in boxes:
        assert chart["x"] - 4 <= left
        assert right <= chart["x"] + chart["width"] + 4
    centres = sorted((top + bottom) / 2 for _, top, _, bottom in boxes[1:])
    assert centres[1] - centres[0] > 14


def test_the_picture_holds_axes_points_and_baselines(page: Page, search: Hand) -> None:
    open_job(page, search, "?selected=3")
    page.locator(".menu summary").click()
    with page.expect_download() as waiting:
        page.locator(".menu button", has_text="PNG").click()
    url = "data:image/png;base64," + base64.b64encode(waiting.value.path().read_bytes()).decode()
    chart = page.locator("#scatter").bounding_box()
    assert chart is not None
    places = []
    for text in page.locator("#scatter text").all():
        box = text.bounding_box()
        assert box is not None
        places.append([box["x"] - chart["x"], box["y"] - chart["y"], box["width"], box["height"]])
    x, y = point_at(page, search, 3)
    box = page.locator("#scatter").bounding_box()
    assert box is not None
    places.append([x - box["x"], y - box["y"], 1, 1])
    assert page.evaluate(INKED, [url, places]) == [True] * len(places)
    empty = [[2, 2, 20, 10]]
    assert page.evaluate(INKED, [url, empty]) == [False]
