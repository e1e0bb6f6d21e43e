"""The signals of fresh models on the page of a search, and what the form measures on request."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.api.dashboard.hand import Hand
from tests.served import Service


def test_the_page_tells_how_signals_rank_the_candidates(page: Page, site: Service) -> None:
    hand = Hand(site.archive, "with signals", algorithm="random", measure=["synflow", "gradsign"])
    for n in range(5):
        genome = "-".join(["1.1.1.1.1"] * n + ["9.1.1.1.1"] * (4 - n))
        hand.end(hand.begin(genome), 3.0 - n / 10, synflow=float(n))
    page.goto(f"/jobs/{hand.id}")
    expect(page.locator("#model-title")).to_have_text("Signals")
    expect(page.locator("#model h3")).to_have_text("Do signals before training rank candidates as bits per byte does?")
    cells = page.locator("[data-signal='synflow'] > *")
    expect(cells).to_have_text(["SynFlow", "5", "1.00", "0.98 to 1.00", "1.00", "1.00 to 1.00"])
    expect(page.locator("[data-signal='gradsign'] > *")).to_have_text(["GradSign", "0", "too few", "–", "–", "–"])
    heads = page.locator("table.frontier thead th").all_inner_texts()
    marked = page.locator("table.frontier td.best").evaluate_all("cells => cells.map((cell) => cell.cellIndex)")
    assert heads.index("Bits per byte") in marked
    assert heads.index("SynFlow") not in marked


def test_the_form_measures_on_request_and_minimises_only_objectives(page: Page, site: Service) -> None:
    page.goto("/#new")
    page.locator("summary", has_text="Objectives").click()
    page.get_by_role("checkbox", name="Measure synflow").check()
    page.get_by_role("checkbox", name="Measure prefill time").check()
    page.get_by_label("Effective state size at least").fill("2")
    expect(page.get_by_role("checkbox", name="Prefill time", exact=True)).to_be_visible()
    for name in ("SynFlow", "Effective state size"):
        expect(page.get_by_role("checkbox", name=name, exact=True)).to_have_count(0)
    expect(page.get_by_label("SynFlow at least")).to_have_count(0)
    page.get_by_role("checkbox", name="Measure prefill time").uncheck()
    page.get_by_role("button", name="Start the search").click()
    page.wait_for_url("**/jobs/*")
    plan = site.archive.job(page.url.rsplit("/", 1)[1]).plan
    assert plan["measure"] == ["synflow"]
    assert plan["constraints"] == [{"metric": "effective_state", "at_most": None, "at_least": 2}]
