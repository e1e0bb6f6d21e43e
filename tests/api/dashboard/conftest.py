"""A real browser on a real server. Every page is watched for errors and for breaches of its content policy."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, ConsoleMessage, Page, expect, sync_playwright

from evaluator.evaluation import Failure
from tests.api.dashboard.hand import Hand
from tests.served import SEVERAL, Service, finish_job, serving

NAMES = ("chromium", "google-chrome", "chromium-browser")
WATCH = "addEventListener('securitypolicyviolation', (breach) => console.error('policy: ' + breach.violatedDirective))"
PATIENCE_MS = 30_000  # a busy machine is slow, which is no failure


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A server whose archive holds two searches that ran to their end, one of them with an honest finish."""
    with serving(tmp_path_factory.mktemp("site")) as running:
        finish_job(running)
        finish_job(running, "several trainings", SEVERAL)
        yield running


@pytest.fixture(scope="session")
def several(site: Service) -> str:
    """The id of the search with rungs, repeats and an honest finish."""
    return next(job.id for job in site.archive.jobs(1000).items if job.name == "several trainings")


@pytest.fixture(scope="session")
def search(site: Service) -> Hand:
    """A running search with a frontier, baselines, a failure, and a candidate over its limit."""
    hand = Hand(site.archive, "Lean caches", constraints=[{"metric": "cache_bytes", "at_least": 1e3, "at_most": 1e6}])
    site.archive.change_job(hand.id, tags=["lean", "team:ada"])
    hand.add("1.1.1.1.1-9.1.1.1.1-1.1.1.1.1-9.1.1.1.1", 3.0, variation="baseline", baseline="Transformer++")
    hand.add("3.1.2.1.1-14.1.1.1.1-3.1.2.1.1-9.1.1.1.1", 2.8)
    hand.add("5.1.1.1.2-7.1.1.1.1-5.1.1.1.2-9.1.1.1.1", 2.9)
    hand.fail(hand.begin("8.1.1.1.1-8.1.1.1.1-9.1.1.1.1-9.1.1.1.1"), Failure.DIVERGED, "loss was not finite at step 7")
    hand.end(hand.begin("10.1.1.1.1-10.1.1.1.1-10.1.1.1.1-10.1.1.1.1"), 2.0, feasible=False)
    hand.add("5.1.1.1.2-7.1.1.1.1-5.1.1.1.2-6.1.1.1.1", 2.7, parents=(3,), variation="mutation")
    return hand


@pytest.fixture(scope="session")
def browser(site: Service) -> Iterator[BrowserContext]:
    """One browser for all tests, so that what it has read and compiled once it need not again."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip(f"no browser here: looked for {', '.join(NAMES)}")
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        context = browser.new_context(base_url=site.url, viewport={"width": 1280, "height": 900})
        context.set_default_timeout(PATIENCE_MS)
        context.add_init_script(WATCH)
        yield context
        browser.close()


@pytest.fixture
def tolerated() -> list[str]:
    """Parts of console errors that a test brings about on purpose; it appends to the list."""
    return []


@pytest.fixture
def page(browser: BrowserContext, tolerated: list[str]) -> Iterator[Page]:
    """A fresh page of the site; the test fails if it logged an error or broke the content policy."""
    errors: list[str] = []

    def heard(message: ConsoleMessage) -> None:
        if message.type == "error":
            errors.append(message.text)

    page = browser.new_page()
    page.on("console", heard)
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    page.close()
    assert [error for error in errors if not any(part in error for part in tolerated)] == []
