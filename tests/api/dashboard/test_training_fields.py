"""The fields of the form that say how a candidate is trained."""

import pytest
from playwright.sync_api import Page, expect

from evaluator.optimizers.names import OptimizerName
from tests.served import Service

pytestmark = pytest.mark.browser


def test_the_form_offers_the_optimiser_and_its_rates(page: Page, site: Service) -> None:
    page.goto("/#new")
    page.locator("summary", has_text="Budget").click()
    optimiser = page.get_by_label("Optimiser")
    expect(optimiser.locator("option")).to_have_count(len(OptimizerName))
    optimiser.select_option("muon")
    page.get_by_label("Width that the rate was chosen for").fill("32")
    rates = page.locator("[data-path='budget.rates']")
    rates.get_by_label("Learning rates to try instead").fill("0.001, 3")
    expect(rates.locator(".fault")).to_have_text("each must be a number above 0 to 1")
    rates.get_by_label("Learning rates to try instead").fill("0.001, 0.01")
    page.get_by_role("button", name="Start the search").click()
    page.wait_for_url("**/jobs/*")
    budget = site.archive.job(page.url.rsplit("/", 1)[1]).plan["budget"]
    assert (budget["optimizer"], budget["base_width"], budget["rates"]) == ("muon", 32, [0.001, 0.01])
