"""The form for a new search: its fields, their errors, and the plan that it submits."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from evaluator.tasks.registry import register, unregister
from search.plan import AlgorithmName
from tests.served import Service
from tests.toy_task import EchoTask


def test_the_form_checks_while_typing_and_shows_the_servers_errors_at_their_field(
    page: Page, site: Service, tolerated: list[str]
) -> None:
    tolerated.append("422")
    page.goto("/")
    page.get_by_role("button", name="New search").click()
    page.get_by_label("Name").fill("from the form")
    page.get_by_text("Space", exact=True).click()
    (depth := page.locator("[data-path='space.depth']")).get_by_label("LIVs").fill("0")
    expect(depth.locator(".fault")).to_have_text("must be a whole number from 1 to 256")
    depth.get_by_label("LIVs").fill("3")
    expect(depth.locator(".fault")).to_be_empty()

    page.locator("summary", has_text="Task").click()
    corpus = page.locator("[data-path='task.corpus']")
    corpus.get_by_label("Corpus").fill("/no/such/place")
    page.get_by_role("button", name="Start the search").click()
    expect(corpus.locator(".fault")).to_contain_text("stdlib")

    corpus.get_by_label("Corpus").fill("stdlib")
    page.get_by_role("button", name="Start the search").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("from the form")
    job = site.archive.job(page.url.rsplit("/", 1)[1])
    assert (job.name, job.plan["space"]["depth"], job.plan["candidates"]) == ("from the form", 3, 40)


def test_the_form_offers_the_algorithm_the_stacks_and_the_cool_down(page: Page, site: Service) -> None:
    page.goto("/#new")
    page.locator("summary", has_text="Search").click()
    algorithm = page.get_by_label("Algorithm")
    expect(algorithm).to_have_value("surrogate")
    expect(algorithm.locator("option")).to_have_count(len(AlgorithmName))
    expect(page.locator("[data-path='algorithm'] label")).to_have_attribute("title", "the way genomes are chosen")
    algorithm.select_option("nsga2")
    stacks = page.locator("[data-path='stacks']")
    stacks.get_by_label("Share of one-class stacks at the start").fill("1.5")
    expect(stacks.locator(".fault")).to_have_text("must be a number from 0 to 1")
    stacks.get_by_label("Share of one-class stacks at the start").fill("0.25")
    expect(page.locator("[data-short='search']")).to_contain_text("NSGA-II, 25")
    page.locator("summary", has_text="Budget").click()
    page.get_by_label("Cool-down share").fill("0.3")
    page.get_by_role("button", name="Start the search").click()
    page.wait_for_url("**/jobs/*")
    plan = site.archive.job(page.url.rsplit("/", 1)[1]).plan
    assert (plan["algorithm"], plan["stacks"], plan["budget"]["cooldown"]) == ("nsga2", 0.25, 0.3)


def test_the_form_takes_lists_of_a_task_as_json(page: Page, site: Service) -> None:
    page.goto("/#new")
    page.locator("summary", has_text="Task").click()
    page.locator("input[name=task][value=several]").check()
    tasks = page.locator("[data-path='task.tasks']")
    tasks.locator("textarea").fill('[{"kind": "mad_memorization"')
    expect(tasks.locator(".fault")).to_have_text("must be JSON")
    tasks.locator("textarea").fill('[{"kind": "mad_memorization", "symbols": 64}]')
    expect(tasks.locator(".fault")).to_be_empty()
    page.get_by_role("button", name="Start the search").click()
    page.wait_for_url("**/jobs/*")
    plan = site.archive.job(page.url.rsplit("/", 1)[1]).plan
    assert [task["symbols"] for task in plan["task"]["tasks"]] == [64]
    assert plan["objectives"][0] == "mean_error"


def test_the_form_offers_the_recall_task_with_its_own_quality(page: Page, site: Service) -> None:
    page.goto("/#new")
    page.locator("summary", has_text="Task").click()
    page.locator("input[name=task][value=recall]").check()
    page.get_by_label("Pairs").fill("4")
    page.locator("summary", has_text="Objectives").click()
    expect(page.get_by_role("checkbox", name="Recall error")).to_be_checked()
    page.get_by_label("Cache at most").fill("200000")
    page.get_by_role("button", name="Start the search").click()
    page.wait_for_url("**/jobs/*")
    plan = site.archive.job(page.url.rsplit("/", 1)[1]).plan
    assert plan["task"] == {"kind": "recall", "symbols": 64, "pairs": 4}
    assert plan["objectives"][0] == "recall_error"
    assert plan["constraints"] == [{"metric": "cache_bytes", "at_most": 200000.0, "at_least": None}]


def test_the_form_is_made_from_the_declaration_of_a_task(page: Page, site: Service) -> None:
    register(EchoTask)
    try:
        page.goto("/#new")
        page.locator("summary", has_text="Task").click()
        page.get_by_role("radio", name="Echo").check()
        tones = page.locator("[data-path='task.tones']")
        tones.get_by_label("Tones").fill("65")
        expect(tones.locator(".fault")).to_have_text("must be a whole number from 2 to 64")
        tones.get_by_label("Tones").fill("4")
        expect(page.locator("[data-short='task']")).to_have_text("echo of 4 tones")
        expect(page.locator("[data-short='objectives']")).to_have_text("echo error, parameters, cache")
        page.get_by_role("button", name="Start the search").click()
        page.wait_for_url("**/jobs/*")
    finally:
        unregister(EchoTask)
    plan = site.archive.job(page.url.rsplit("/", 1)[1]).plan
    assert plan["task"] == {"kind": "echo", "tones": 4}
    assert plan["objectives"] == ["echo_error", "parameters", "cache_bytes"]


def test_the_form_offers_the_course_of_a_search(page: Page, site: Service) -> None:
    page.goto("/#new")
    form = page.get_by_role("dialog")
    form.get_by_text("Course").click()
    expect(form.locator("[data-short='course']")).to_have_text("until all candidates are trained")
    form.get_by_label("Lag of a fixed order").fill("0")
    expect(form.locator("[data-path='lag'] .fault")).to_have_text("must be a whole number from 1 to 1,000")
    form.get_by_label("Lag of a fixed order").fill("4")
    form.get_by_label("Stop after training tokens").fill("1000000")
    form.get_by_label("Stop after failures in a row").fill("5")
    form.get_by_label("Stop after failures in a row").fill("")
    expect(form.locator("[data-short='course']")).to_have_text("with rules to stop, in a fixed order")
    form.get_by_role("button", name="Start the search").click()
    page.wait_for_url("**/jobs/*")
    plan = site.client.get(f"/v1/jobs/{page.url.rsplit('/', 1)[1]}").json()["plan"]
    assert plan["lag"] == 4
    assert {name: value for name, value in plan["stop"].items() if value is not None} == {"tokens": 1000000}
    site.client.post(f"/v1/jobs/{page.url.rsplit('/', 1)[1]}/cancel").raise_for_status()


def test_the_form_offers_the_priority_and_the_first_genomes(page: Page, site: Service, tolerated: list[str]) -> None:
    tolerated.append("422")
    page.goto("/#new")
    form = page.get_by_role("dialog")
    (priority := form.locator("[data-path='priority']")).get_by_label("Priority").fill("9")
    expect(priority.locator(".fault")).to_have_text("must be a whole number from -3 to 3")
    priority.get_by_label("Priority").fill("2")
    form.get_by_text("First genomes").click()
    genomes = ["1.1.1.1.1-9.1.1.1.1-1.1.1.1.1-9.1.1.1.1", "3.1.2.1.1-9.1.1.1.1-3.1.2.1.1-9.1.1.1.1"]
    form.get_by_label("Genomes, one a line").fill("\n".join([genomes[0], "77.1.1.1.1"]))
    expect(form.locator("[data-path='genomes'] .fault")).to_contain_text("line 2:")
    form.get_by_label("Genomes, one a line").fill("\n".join(genomes))
    expect(form.locator("[data-path='genomes'] .fault")).to_be_empty()
    expect(form.locator("[data-genome]")).to_have_count(2)
    expect(form.locator("[data-genome='2'] .link-weights")).to_have_count(1)
    expect(form.locator("[data-genome='2']")).to_contain_text("Cache")
    expect(form.locator("[data-short='genomes']")).to_have_text("2 genomes trained first")
    form.get_by_text("Space", exact=True).click()
    form.locator("[data-path='space.depth']").get_by_label("LIVs").fill("4")
    form.get_by_role("button", name="Start the search").click()
    expect(form.locator("[data-path='genomes'] .fault")).to_contain_text("the baseline Transformer++")
    form.get_by_label("Tags").fill("no-tag! edge")
    genomes[0] = "3.1.1.1.1-9.1.1.1.1-5.1.1.1.1-9.1.1.1.1"
    form.get_by_label("Genomes, one a line").fill("\n".join(genomes))
    expect(form.locator("[data-path='genomes'] .fault")).to_be_empty()
    form.get_by_role("button", name="Start the search").click()
    expect(form.locator("[data-path='tags'] .fault")).not_to_be_empty()
    form.get_by_label("Tags").fill("paper  edge")
    form.get_by_role("button", name="Start the search").click()
    page.wait_for_url("**/jobs/*")
    job = site.client.get(f"/v1/jobs/{page.url.rsplit('/', 1)[1]}").json()
    assert (job["priority"], job["tags"], job["plan"]["genomes"]) == (2, ["edge", "paper"], genomes)
    site.client.post(f"/v1/jobs/{job['id']}/cancel").raise_for_status()
