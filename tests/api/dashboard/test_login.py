"""The dashboard of a service with keys: it asks for one, keeps it, and shows the searches."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from search.archive.custody.keys import Scope
from tests.served import serving

pytestmark = pytest.mark.browser


def test_the_page_asks_for_a_key_once(page: Page, tmp_path: Path, tolerated: list[str]) -> None:
    tolerated.append("401 (Unauthorized)")
    with serving(tmp_path) as service:
        text = service.archive.create_key("Ada", Scope.SUBMIT)[1]
        page.goto(service.url)
        dialog = page.get_by_role("dialog", name="API key")
        expect(dialog).to_be_visible()
        dialog.get_by_label("API key").fill("star_wrong")
        dialog.get_by_role("button", name="Continue").click()
        expect(dialog.get_by_role("alert")).to_contain_text("unknown, has expired or was revoked")
        dialog.get_by_label("API key").fill(f" {text} ")
        dialog.get_by_role("button", name="Continue").click()
        expect(page.get_by_role("heading", name="Searches")).to_be_visible()
        expect(dialog).to_have_count(0)
        page.reload()
        expect(page.locator("#jobs")).not_to_have_attribute("aria-busy", "true")
        expect(dialog).to_have_count(0)
        assert "star_key" not in page.evaluate("document.cookie")
