"""The limits of metrics in the form of a new search."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.served import Service


def test_the_form_takes_a_smallest_value_and_a_largest_one(page: Page, site: Service) -> None:
    page.goto("/#new")
    page.locator("summary", has_text="Objectives").click()
    page.get_by_label("FLOPs per token at least").fill("1")
    page.get_by_label("Fixed state at least").fill("1000")
    page.get_by_label("Fixed state at most").fill("9000")
    page.get_by_label("Cache at least").fill("-1")
    fault = page.locator("[data-path='constraints'] .fault")
    expect(fault).to_have_text("Cache at least: must be a number above 0, or empty")
    page.get_by_label("Cache at least").fill("")
    page.get_by_label("FLOPs per token at least").fill("")
    page.get_by_role("button", name="Start the search").click()
    page.wait_for_url("**/jobs/*")
    plan = site.archive.job(page.url.rsplit("/", 1)[1]).plan
    assert plan["constraints"] == [{"metric": "state_bytes", "at_most": 9000.0, "at_least": 1000.0}]
