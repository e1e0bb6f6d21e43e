"""Tags of searches on the dashboard: shown, searched by, and edited together with the name."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.api.dashboard.hand import Hand
from tests.served import Service


def tagged(site: Service, name: str, *tags: str) -> str:
    """The id of a running search with tags."""
    job_id = Hand(site.archive, name).id
    site.archive.change_job(job_id, tags=tags)
    return job_id


def test_a_tag_lists_the_searches_that_have_it(page: Page, site: Service) -> None:
    one, other = tagged(site, "first", "ablation", "only-one"), tagged(site, "second", "ablation")
    page.goto("/")
    page.locator(f"[data-job='{one}']").get_by_role("link", name="ablation").click()
    expect(page).to_have_url(re.compile(r"/\?tag=ablation$"))
    expect(page.locator("tr[data-job]")).to_have_count(2)
    page.reload()
    expect(page.locator("tr[data-job]")).to_have_count(2)
    expect(page.locator(f"[data-job='{other}']")).to_contain_text("ablation")

    page.get_by_label("Find a search").fill("first")
    expect(page.locator("tr[data-job]")).to_have_count(1)
    page.get_by_label("Find a search").fill("third")
    expect(page.locator("#jobs")).to_have_text("No search has the tag “ablation” and “third” in its name.")
    page.get_by_role("link", name="Show all searches").click()
    expect(page).to_have_url(re.compile(r"/$"))
    expect(page.locator("tr[data-job]").nth(2)).to_be_visible()


def test_name_and_tags_are_edited_on_the_page_of_a_search(page: Page, site: Service, tolerated: list[str]) -> None:
    tolerated.append("422")
    job = tagged(site, "before", "old")
    page.goto(f"/jobs/{job}")
    expect(page.get_by_role("list", name="Tags")).to_have_text("old")
    page.get_by_role("button", name="Edit").click()
    dialog = page.get_by_role("dialog", name="Name and tags")
    expect(dialog.get_by_label("Tags")).to_have_value("old")
    dialog.get_by_label("Name").fill("<b>after</b>")
    dialog.get_by_label("Tags").fill("team:bob <i>x</i>")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_role("alert")).to_have_text("“<i>x</i>” is no tag.")

    dialog.get_by_label("Tags").fill("  team:bob   ablation ")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_have_count(0)
    expect(page.get_by_role("heading", level=1)).to_have_text("<b>after</b>")
    expect(page.get_by_role("list", name="Tags").get_by_role("listitem")).to_have_text(["ablation", "team:bob"])
    found = site.client.get(f"/v1/jobs/{job}").json()
    assert (found["name"], found["tags"]) == ("<b>after</b>", ["ablation", "team:bob"])
    page.get_by_role("link", name="team:bob").click()
    expect(page.locator("tr[data-job]")).to_have_count(1)


def test_what_is_no_tag_in_the_address_is_told(page: Page, site: Service, tolerated: list[str]) -> None:
    tolerated.append("422")
    page.goto("/?tag=%3Cimg%20src=x%3E")
    expect(page.locator("#filtered")).to_contain_text("<img src=x>")
    expect(page.locator("#jobs [role=alert]")).to_be_visible()
