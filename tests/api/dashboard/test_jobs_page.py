"""The page of all searches and the form for a new one."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

import star
from genome import Genome, Shape, Space, decode
from tests.api.dashboard.hand import Hand
from tests.served import Service


def test_a_search_is_a_row_with_its_state_and_progress(page: Page, site: Service) -> None:
    newest = Hand(site.archive, "Newest of all")  # only the newest twenty have sparklines
    newest.add("1.1.1.1.1-9.1.1.1.1-1.1.1.1.1-9.1.1.1.1", 3.0)
    newest.add("3.1.2.1.1-14.1.1.1.1-3.1.2.1.1-9.1.1.1.1", 2.8)
    page.goto("/")
    expect((row := page.locator(f"[data-job='{newest.id}']")).locator(".state")).to_have_text("running")
    expect(row.locator("progress")).to_have_attribute("max", "30")
    expect(row.locator(".sparkline")).to_be_visible()
    row.get_by_role("link", name="Newest of all").click()
    expect(page).to_have_url(re.compile(f"/jobs/{newest.id}$"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Newest of all")


def test_a_search_submitted_elsewhere_appears_without_reload(page: Page, site: Service) -> None:
    page.goto("/")
    expect(page.locator("[data-job]").first).to_be_visible()
    later = Hand(site.archive, "begun elsewhere")
    expect(page.locator(f"[data-job='{later.id}']")).to_contain_text("begun elsewhere")


def test_a_pasted_genome_shows_its_drawing_and_cost(page: Page, tolerated: list[str]) -> None:
    tolerated.append("422")
    text = "2.1.2.1.1-9.1.1.1.1-2.1.2.1.1"
    blueprint = decode(Genome.parse(text), Space.of(depth=3))
    cost = star.cost(blueprint, Shape(64, 16, 256), 4096)
    page.goto("/#new")
    page.locator("summary", has_text="First genomes").click()
    page.get_by_label("Genomes, one a line").fill(text)
    preview = page.locator(".preview")
    expect(preview.locator(".genome .block")).to_have_count(3)
    expect(preview.locator(".link-weights")).to_have_count(1)
    shown = preview.get_by_role("definition").first.inner_text()
    number, prefix = shown.split("\u202f")
    assert prefix == "k"
    assert float(number) == round(cost.parameters / 1000, len(number.partition(".")[2]))

    page.get_by_label("Genomes, one a line").fill("77.1.1.1.1")
    expect(page.locator("[data-path='genomes'] .fault")).to_contain_text("77")
    expect(preview).to_be_empty()


def test_a_search_is_found_by_its_title(page: Page, site: Service) -> None:
    Hand(site.archive, "needle in the hay")
    page.goto("/")
    page.get_by_label("Find a search").fill("NEEDLE")
    expect(page.locator("tr[data-job]")).to_have_count(1)
    expect(page.locator("tr[data-job]")).to_contain_text("needle in the hay")
    page.get_by_label("Find a search").fill("no such name")
    expect(page.locator("#jobs")).to_contain_text("No search has “no such name” in its name.")
    page.get_by_label("Find a search").fill("")
    expect(page.locator("tr[data-job]").nth(1)).to_be_visible()


def test_a_search_that_has_ended_is_deleted_after_a_question(page: Page, site: Service) -> None:
    hand = Hand(site.archive, "to be deleted")
    site.client.post(f"/v1/jobs/{hand.id}/cancel").raise_for_status()
    page.goto(f"/jobs/{hand.id}")
    page.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("button", name="Keep it").click()
    assert site.client.get(f"/v1/jobs/{hand.id}").status_code == 200
    page.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("button", name="Delete the search").click()
    expect(page.get_by_role("heading", name="Searches")).to_be_visible()
    assert site.client.get(f"/v1/jobs/{hand.id}").status_code == 404
