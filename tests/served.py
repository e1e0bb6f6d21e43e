"""A real server over a real SQLite archive, and searches that a real runner worked through without training."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import httpx

import star
from api.process.listening import listening
from api.process.server import Server
from api.process.settings import Settings
from api.web.app import create_app
from evaluator.artifacts.training_files import TrainingFiles
from evaluator.evaluation import Evaluation, Failure, Request
from evaluator.inline import InlineEvaluator
from genome import Genome, Space, decode
from search.archive import Archive
from search.costs import costs_of, reference
from search.run.runner import Runner


class Service(NamedTuple):
    """A running server and what is behind it."""

    client: httpx.Client
    url: str
    archive: Archive
    settings: Settings
    server: Server


@contextmanager
def serving(folder: Path, **given: Any) -> Iterator[Service]:
    corpora = folder / "corpora"
    corpora.mkdir()
    settings = Settings(
        database_url=f"sqlite:///{folder / 'star.db'}",
        artifacts=str(folder / "artifacts"),
        exports=folder / "exports",
        corpora=[corpora],
        **given,
    )
    archive = Archive(settings.database_url)
    archive.migrate()
    server = Server(create_app(archive, settings))
    try:
        with answering(server) as url, httpx.Client(base_url=url, timeout=30, trust_env=False) as client:
            yield Service(client, url, archive, settings, server)
    finally:
        archive.close()


@contextmanager
def answering(server: Server) -> Iterator[str]:
    """Let a server answer in a thread of its own, and give its address."""
    with listening("127.0.0.1", 0) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.handle_exit(2, None)
            thread.join(timeout=20)
    assert not thread.is_alive()


def evaluate(request: Request) -> Evaluation:
    """What training would give, made up from the genome; every fifth candidate diverges. The weights are real.

    Fewer tokens are worse, and another seed gives another quality.
    """
    if request.candidate % 5 == 0:
        return Evaluation.of(request, failure=Failure.DIVERGED, detail="loss was not finite")
    blueprint = decode(Genome.parse(request.genome), Space.from_json(request.space))
    cost = star.cost(blueprint, request.shape, request.context)
    missing = 1 - request.trained_tokens / request.budget.tokens
    metrics = {
        "bits_per_byte": 3.0
        + 1.0 / (1 + cost.flops_per_token)
        + request.candidate % 3
        + missing
        + request.seed % 7 / 100,
        "bits_per_byte_stderr": 0.01,
        "parameters": float(cost.parameters),
        "cache_bytes": float(cost.cache_bytes),
        "decode_ms": 0.5,
        "decode_ms_stderr": 0.01,
        "train_seconds": 1.0,
    }
    model = star.build(blueprint, request.shape, request.seed)
    weights = None if missing else TrainingFiles(request).save_weights(model)
    return Evaluation.of(request, metrics=metrics, curve=((1, 5.5), (2, 3.5)), seconds=1.0, weights=weights)


ONCE: dict[str, Any] = {"rungs": {"tokens": []}, "repeats": 0, "finish": {"seeds": 0}}
"""A search that trains every candidate once."""

SMALL: dict[str, Any] = {
    "width": 16,
    "head_dim": 4,
    "space": {"depth": 2},
    "candidates": 12,
    "population": 4,
    **ONCE,
}

SEVERAL: dict[str, Any] = {
    **SMALL,
    "budget": {"steps": 40, "batch": 2, "length": 8, "warmup": 2},
    "rungs": {"tokens": [160, 320], "promoted": 0.5},
    "repeats": 0.3,
    "finish": {"seeds": 2, "members": 2},
}
"""A search whose candidates have several trainings: on rungs, on further seeds, and at the end."""


def finish_job(service: Service, name: str = "finished", plan: dict[str, Any] = SMALL) -> None:
    """Submit a small search and work through everything queued, as a runner does but without training."""
    service.client.post("/v1/jobs", json={"name": name, "plan": plan}).raise_for_status()
    evaluators = partial(InlineEvaluator, evaluate)
    Runner(service.archive, evaluators, service.settings.artifacts, reference, costs_of, "test").run_until_idle()
