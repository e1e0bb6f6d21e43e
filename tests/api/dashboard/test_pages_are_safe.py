"""What no page may do: run what it shows, or be wider than its window. The `page` fixture checks errors and policy."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.api.dashboard.drawn import DRAWN
from tests.api.dashboard.hand import Hand
from tests.served import Service

MARKUP = "<img src=x onerror=\"window.hurt=1\"><a href='javascript:1'>x</a>"
PAGES = (
    "/",
    "/#new",
    "/jobs/{job}?selected=2",
    "/jobs/{job}/candidates",
    "/jobs/{job}/candidates/2",
    "/jobs/{job}/compare?a=3&b=6",
)


def test_markup_in_names_is_text(page: Page, site: Service) -> None:
    hand = Hand(site.archive, MARKUP)
    hand.add("1.1.1.1.1-9.1.1.1.1-1.1.1.1.1-9.1.1.1.1", 3.0, baseline=MARKUP)
    number = hand.begin("3.1.1.1.1-9.1.1.1.1-3.1.1.1.1-9.1.1.1.1")
    for path in (
        "/",
        f"/jobs/{hand.id}?selected=1",
        f"/jobs/{hand.id}/candidates",
        f"/jobs/{hand.id}/candidates/1",
        f"/jobs/{hand.id}/candidates/{number}",
        f"/jobs/{hand.id}/compare?a=1&b={number}",
    ):
        page.goto(path)
        expect(page.get_by_text("<img src=x").first).to_be_visible()
        page.wait_for_load_state("load")
        assert page.evaluate(
            "[window.hurt ?? null, document.querySelectorAll('img[src=x], main a[href^=javascript]').length]"
        ) == [None, 0]


def test_markup_in_a_pasted_genome_is_text(page: Page, tolerated: list[str]) -> None:
    tolerated.append("422")
    page.goto("/#new")
    page.locator("summary", has_text="First genomes").click()
    page.get_by_label("Genomes, one a line").fill(MARKUP)
    expect(page.locator("[data-path='genomes'] .fault")).to_contain_text("<img src=x")
    assert page.evaluate("window.hurt ?? null") is None


def test_an_unknown_search_says_so(page: Page, tolerated: list[str]) -> None:
    tolerated.append("404")
    page.goto("/jobs/no-such-search")
    expect(page.locator("#fault")).to_contain_text("no-such-search")


@pytest.mark.parametrize("path", PAGES)
def test_pages_fit_a_narrow_window_and_follow_the_systems_scheme(page: Page, search: Hand, path: str) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    page.emulate_media(color_scheme="light")
    page.goto(path.format(job=search.id))
    page.wait_for_function(DRAWN)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    paper = "Number(getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0])"
    assert page.evaluate(paper) > 200
    page.emulate_media(color_scheme="dark")
    assert page.evaluate(paper) < 50
