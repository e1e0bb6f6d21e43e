"""The page of a search that waits for a runner."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.served import Service

pytestmark = pytest.mark.browser


def test_a_search_that_nobody_runs_says_so(page: Page, site: Service) -> None:
    job = site.client.post("/v1/jobs", json={"plan": {"candidates": 2}}).json()["id"]
    page.goto(f"/jobs/{job}")
    expect(page.locator("#unattended")).to_have_text("No runner lives, so nothing begins. `star run` starts one.")
    site.archive.report_runner("here:1", 2, "0")
    page.reload()
    expect(page.locator("#heading h1")).to_be_visible()
    page.wait_for_load_state("networkidle")
    expect(page.locator("#unattended")).to_be_hidden()
    site.archive.dismiss_runner("here:1")
    site.client.post(f"/v1/jobs/{job}/cancel").raise_for_status()
