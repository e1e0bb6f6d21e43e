"""The page of one candidate."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from search.algorithms.algorithm import Choice
from search.origin import Reason
from star.export import FORMATS
from tests.api.dashboard.hand import Hand
from tests.served import Service

DESIGNED = Choice(Reason.DESIGN)


def test_the_drawing_shows_classes_and_sharing_links(page: Page, search: Hand) -> None:
    page.goto(f"/jobs/{search.id}/candidates/2")
    drawing = page.locator("#drawing .genome")
    expect(drawing.locator(".block text")).to_have_text(["SA-3", "Rec-1-Diff", "SA-3", "GMemless"])
    expect(drawing.locator(".link-weights[data-from='0'][data-to='2']")).to_have_count(1)
    expect(drawing.locator(".doubled")).to_have_count(1)
    expect(drawing.locator(".link-features")).to_have_count(0)
    page.goto(f"/jobs/{search.id}/candidates/3")
    link = drawing.locator(".link-features[data-from='0'][data-to='2']")
    expect(link).to_contain_text("LIV 3 takes b from LIV 1")


def test_metrics_with_noise_and_rank_cost_and_training_curve(page: Page, search: Hand) -> None:
    page.goto(f"/jobs/{search.id}/candidates/6")
    quality = page.locator("[data-metric='bits_per_byte']")
    expect(quality).to_contain_text("2.700 ± 0.020")
    # Candidate 5 is better, though over its limit.
    expect(quality).to_contain_text("2nd of 5")
    predicted, measured = page.locator("[data-metric='parameters'] td").all_inner_texts()[:2]
    assert predicted == measured
    expect(page.locator(".stack[data-kind='parameters'] .block")).to_have_count(5)
    expect(page.locator("#curve .curve")).to_be_visible()


def test_the_line_under_the_heading_says_why_it_was_chosen_and_what_was_predicted(page: Page, site: Service) -> None:
    hand = Hand(site.archive, "chosen")
    choice = Choice(Reason.IMPROVEMENT, predicted=2.93, deviation=0.08, improvement=0.01)
    number = hand.add("5.1.1.1.2-7.1.1.1.1-5.1.1.1.2-9.1.1.1.1", 2.9, choice=choice)
    stack = hand.begin("1.1.1.1.1-9.1.1.1.1-1.1.1.1.1-9.1.1.1.1", variation="alternating stack", choice=DESIGNED)
    page.goto(f"/jobs/{hand.id}/candidates/{number}")
    expect(page.locator("#choice")).to_have_text(
        "Chosen by expected improvement. Predicted bits per byte 2.930 ± 0.080 before training."
    )
    expect(page.locator("[data-metric='bits_per_byte'] td").first).to_have_text("2.930 ± 0.080")
    page.goto(f"/jobs/{hand.id}/candidates/{stack}")
    expect(page.locator("#heading .under")).to_contain_text("one class and the channel mixer in turn")
    expect(page.locator("#choice")).to_have_text("Chosen as a part of the initial design.")
    asked = Choice(Reason.INJECTED, by="Ada <b>")
    injected = hand.begin("9.1.1.1.1-9.1.1.1.1-9.1.1.1.1-9.1.1.1.1", variation="injected", choice=asked)
    page.goto(f"/jobs/{hand.id}/candidates/{injected}")
    expect(page.locator("#choice")).to_have_text("Injected while the search ran, by Ada <b>.")


def test_a_candidate_under_way_has_costs_but_nothing_measured_and_no_rank(page: Page, site: Service) -> None:
    hand = Hand(site.archive, "under way")
    hand.add("5.1.1.1.2-7.1.1.1.1-5.1.1.1.2-9.1.1.1.1", 2.9)
    number = hand.begin("1.1.1.1.1-9.1.1.1.1-1.1.1.1.1-9.1.1.1.1")
    page.goto(f"/jobs/{hand.id}/candidates/{number}")
    row = page.locator("[data-metric='parameters'] td")
    expect(row.nth(0)).to_contain_text("k")
    expect(row.nth(1)).to_have_text("–")
    expect(row.nth(2)).to_have_text("–")
    page.goto(f"/jobs/{hand.id}/candidates/1")
    expect(row.nth(2)).to_have_text("1st of 1")


def test_measured_times_are_marked_as_possibly_taken_while_other_candidates_trained(page: Page, search: Hand) -> None:
    page.goto(f"/jobs/{search.id}/candidates/6")
    expect(page.locator("#metrics p")).to_contain_text("Times may have been measured while other candidates trained")
    expect(page.locator("[data-metric='decode_ms'] th")).to_have_attribute("title", re.compile("other candidates"))
    assert page.locator("[data-metric='parameters'] th").get_attribute("title") is None
    page.goto(f"/jobs/{search.id}")
    head = page.locator(".frontier th", has_text="Decode time")
    expect(head).to_have_attribute("title", re.compile("other candidates"))
    assert page.get_by_role("columnheader", name="Parameters", exact=True).get_attribute("title") is None


def test_parents_are_drawn_with_what_changed_and_children_are_listed(page: Page, search: Hand) -> None:
    page.goto(f"/jobs/{search.id}/candidates/6")
    parent = page.locator("#parents [data-relative='3']")
    expect(parent.locator(".same")).to_have_count(3)
    expect(parent.locator(".block:not(.same)")).to_have_count(1)
    parent.get_by_role("link", name="Candidate 3").click()
    expect(page.locator("#children [data-relative='6']")).to_be_visible()


def test_a_failure_says_why_and_offers_no_export(page: Page, search: Hand) -> None:
    page.goto(f"/jobs/{search.id}/candidates/4")
    expect(page.locator("#heading")).to_contain_text("diverged")
    expect(page.locator("#heading")).to_contain_text("loss was not finite at step 7")
    expect(page.locator("#export-button")).to_be_disabled()


def test_weights_on_another_disk_are_called_kept_and_cannot_be_exported(page: Page, site: Service) -> None:
    job = site.archive.jobs(1000).items[-1].id
    number = site.archive.frontier(job)[0].number
    weights = site.archive.frontier(job)[0].weights
    assert weights is not None
    file = Path(site.settings.artifacts, weights["key"])
    hidden = file.rename(file.with_suffix(".hidden"))
    try:
        page.goto(f"/jobs/{job}/candidates/{number}")
        expect(page.locator("#export")).to_contain_text(
            "Its weights are kept, but not in this server's store of artifacts"
        )
        expect(page.locator("#export-button")).to_be_disabled()
    finally:
        hidden.rename(file)


def test_export_offers_a_runnable_model(page: Page, site: Service) -> None:
    job = site.archive.jobs(1000).items[-1].id
    number = site.archive.frontier(job)[0].number
    page.goto(f"/jobs/{job}/candidates/{number}")
    page.locator("#export-button").click()
    with page.expect_download() as waiting:
        page.locator("#download").click()
    names = zipfile.ZipFile(io.BytesIO(waiting.value.path().read_bytes())).namelist()
    assert {name.rsplit("/")[-1] for name in names} >= {"genome.json", "model.safetensors", "README.md"}


def test_a_format_is_chosen_beside_the_button(
    page: Page, site: Service, monkeypatch: pytest.MonkeyPatch, tolerated: list[str]
) -> None:
    tolerated.append("409")
    job = site.archive.jobs(1000).items[-1].id
    number = site.archive.frontier(job)[0].number
    refusing = FORMATS["folder"]._replace(refusal=lambda exported: "class <b>SA-1</b> has no form of it")
    monkeypatch.setitem(FORMATS, "refusing", refusing)
    monkeypatch.setitem(FORMATS, "again", FORMATS["folder"]._replace(description="the same again", needs=("acme",)))
    page.goto(f"/jobs/{job}/candidates/{number}")
    choice = page.get_by_label("Format")
    expect(choice.locator("option")).to_have_text([*FORMATS])
    expect(choice).to_have_value("folder")
    choice.select_option("refusing")
    page.locator("#export-button").click()
    expect(page.locator("#export")).to_contain_text("cannot carry this model: class <b>SA-1</b> has no form of it")
    choice.select_option("again")
    expect(page.locator("#export-about")).to_have_text("the same again. Loading it needs acme.")
    expect(page.locator("#export")).not_to_contain_text("cannot carry")
    page.locator("#export-button").click()
    with page.expect_download() as waiting:
        page.locator("#download").click()
    assert waiting.value.suggested_filename == f"{job}-{number}-again.zip"
    choice.select_option("folder")
    expect(page.locator("#export-button")).to_be_enabled()
    expect(page.locator("#download")).to_have_count(0)
