"""The whole journey in seconds: a job over HTTP, real training, the frontier, an exported winner that generates."""

import io
import zipfile

import pytest
import torch

import star
from evaluator.inline import InlineEvaluator
from search.costs import costs_of, reference
from search.run.runner import Runner
from tests.served import serving

pytestmark = pytest.mark.slow

PLAN = {
    "space": {"depth": 2, "classes": ["SA-1", "GMemless", "GConv-1", "Rec-2"]},
    "width": 32,
    "head_dim": 8,
    "candidates": 5,
    "population": 3,
    "budget": {"steps": 3, "batch": 2, "length": 16, "warmup": 1, "validation": 4},
}


@pytest.fixture
def service(tmp_path):
    with serving(tmp_path) as running:
        yield running


@pytest.fixture
def corpus(service):
    folder = service.settings.corpora[0] / "corpus"
    folder.mkdir()
    for n in range(40):
        (folder / f"{n}.py").write_text("".join(f"def f{n}_{line}(x):\n    return x + {line}\n" for line in range(60)))
    return folder


def test_from_a_submitted_job_to_a_model_that_generates(service, corpus, tmp_path):
    client, plan = service.client, PLAN | {"task": {"kind": "text", "corpus": str(corpus)}}
    submitted = client.post("/v1/jobs", json={"preset": "laptop", "name": "flow", "plan": plan})
    assert submitted.status_code == 202, submitted.text
    url = submitted.headers["Location"]

    runner = Runner(service.archive, InlineEvaluator, service.settings.artifacts, reference, costs_of, "test")
    assert runner.run_until_idle() == 1

    job = client.get(url).json()
    assert (job["state"], job["done"], job["failed"]) == ("succeeded", 5, 0)
    assert 0 < job["hypervolume"] < 1
    frontier = client.get(f"{url}/frontier").json()["candidates"]
    assert len(frontier) == job["frontier_size"] > 0
    winner = min(frontier, key=lambda candidate: candidate["metrics"]["bits_per_byte"])

    exported = client.post(f"{url}/candidates/{winner['number']}/export")
    assert exported.status_code == 201, exported.text
    with zipfile.ZipFile(io.BytesIO(client.get(exported.json()["download"]).content)) as files:
        files.extractall(tmp_path / "unpacked")
    (description,) = (tmp_path / "unpacked").rglob("genome.json")
    model = star.load(description.parent)
    assert sum(parameter.numel() for parameter in model.parameters()) == winner["metrics"]["parameters"]
    assert model.generate(torch.tensor([list(b"def ")]), 8).shape == (1, 12)
