"""Every page passes axe (WCAG AA and best practices), light and dark, wide and narrow, and never scrolls sideways."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from search.archive.custody.keys import Scope
from tests.api.dashboard.drawn import DRAWN
from tests.api.dashboard.hand import Hand
from tests.served import Service, serving

SIZES = (1280, 360)
SCHEMES = ("light", "dark")
PAGES = {
    "searches": "/",
    "searches with a tag": "/?tag=lean",
    "form": "/#new",
    "search": "/jobs/{job}?selected=2&compare=3",
    "finished search": "/jobs/{several}",
    "candidate": "/jobs/{job}/candidates/6",
    "failed candidate": "/jobs/{job}/candidates/4",
    "candidate with several trainings": "/jobs/{several}/candidates/2",
    "all candidates": "/jobs/{job}/candidates?chosen=2-3",
    "two candidates": "/jobs/{job}/compare?a=3&b=6",
}


STILL = "() => document.getAnimations().length === 0"


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A server that asks for a key."""
    with serving(tmp_path_factory.mktemp("locked")) as service:
        service.archive.create_key("Ada", Scope.SUBMIT)
        yield service


def breaches(page: Page) -> dict[str, list[str]]:
    """Return the rules of axe that a page breaks, in any scheme and width, each with the elements that break it."""
    found: dict[str, list[str]] = {}
    for width in SIZES:
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_function(
            "() => document.documentElement.scrollWidth <= innerWidth"
        )  # charts follow the window late
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            page.wait_for_function(DRAWN)
            page.wait_for_function(STILL)
            for one in Axe().run(page).response["violations"]:
                places = [f"{width} {scheme}: {node['target']} {node['failureSummary']}" for node in one["nodes"]]
                found.setdefault(one["id"], []).extend(places)
    return found


@pytest.mark.parametrize("name", PAGES)
def test_a_page_passes_axe(page: Page, search: Hand, several: str, name: str) -> None:
    page.emulate_media(reduced_motion="reduce")
    page.goto(PAGES[name].format(job=search.id, several=several))
    page.wait_for_function(DRAWN)
    page.wait_for_function(STILL)
    page.evaluate("for (const one of document.querySelectorAll('dialog details')) one.open = true")
    assert breaches(page) == {}


def test_the_dialog_for_name_and_tags_passes_axe(page: Page, search: Hand) -> None:
    page.emulate_media(reduced_motion="reduce")
    page.goto(f"/jobs/{search.id}")
    page.wait_for_function(DRAWN)
    page.get_by_role("button", name="Edit").click()
    assert breaches(page) == {}


def test_the_dialog_for_a_key_passes_axe(page: Page, locked: Service, tolerated: list[str]) -> None:
    tolerated.append("401")
    page.emulate_media(reduced_motion="reduce")
    page.goto(locked.url)
    page.get_by_role("dialog", name="API key").wait_for()
    page.wait_for_function("() => document.getAnimations().length === 0")
    page.evaluate("for (const one of document.querySelectorAll('[aria-busy]')) one.removeAttribute('aria-busy')")
    assert breaches(page) == {}
