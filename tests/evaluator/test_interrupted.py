"""Trainings that go on from the progress of a worker that died."""

import dataclasses
import hashlib
import logging
import pickle
import signal
import subprocess
import sys

import pytest

from evaluator.artifacts import Artifact, Artifacts
from evaluator.artifacts.training_files import TrainingFiles
from evaluator.evaluate import evaluate
from evaluator.evaluation import Failure, Request, Store
from tests.evaluator.continuing import BUDGET, SHORT, TOKENS, kept_checkpoint, result
from tests.processes import eventually

pytestmark = pytest.mark.usefixtures("one_thread")


def resumed_steps(caplog) -> list[int]:
    return [record.args[1] for record in caplog.records if "goes on from step" in record.message]


DIES = """
import pickle, sys, torch
import evaluator.evaluate
import evaluator.run
evaluator.run.CHECKPOINT_SECONDS = 0.0
torch.set_num_threads(1)
evaluator.evaluate.evaluate(pickle.loads(sys.stdin.buffer.read()))
"""


def progress_key(request: Request) -> str:
    assert request.store is not None
    return f"{request.store.prefix}/progress-{request.trained_tokens}"


def killed_in_training(request: Request, artifacts: Artifacts, after: int) -> None:
    """Kill a process that evaluates the request once it has written its progress a few times."""
    seen: set[bytes] = set()

    def enough() -> bool:
        seen.add(hashlib.sha256(artifacts.fetch(progress_key(request)) or b"").digest())
        return len(seen) > after

    with subprocess.Popen([sys.executable, "-c", DIES], stdin=subprocess.PIPE) as worker:
        assert worker.stdin is not None
        worker.stdin.write(pickle.dumps(request))
        worker.stdin.close()
        try:
            eventually(enough, seconds=60)
        finally:
            worker.kill()
    assert worker.returncode == -signal.SIGKILL
    assert artifacts.fetch(progress_key(request)) is not None


@pytest.mark.slow
@pytest.mark.parametrize("tokens", [None, 3 * TOKENS // 4], ids=["whole", "short"])
def test_a_candidate_whose_worker_is_killed_goes_on_from_its_last_progress(request_, artifacts, tokens, caplog):
    request = dataclasses.replace(request_, budget=BUDGET.model_copy(update={"steps": 1000}))
    request = dataclasses.replace(request, tokens=tokens and 50 * tokens)
    expected = evaluate(dataclasses.replace(request, store=Store(request.store.url, "uninterrupted")))
    for after in (1, 3):
        killed_in_training(request, artifacts, after)
    with caplog.at_level(logging.INFO):
        found = evaluate(dataclasses.replace(request, attempt=3))
    (step,) = resumed_steps(caplog)
    assert 0 < step < 1000
    assert result(found) == result(expected)
    assert (found.attempt, found.checkpoint is None) == (3, tokens is None)
    assert artifacts.fetch(progress_key(request)) is None


class _Killed(BaseException):
    """Ends an evaluation as the death of its process does."""


def died(request: Request, monkeypatch, step: int) -> None:
    """Evaluate the request up to a step, after which the progress is written and the process dies."""
    save = TrainingFiles.save_progress

    def saved(files, training, checkpoint):
        save(files, training, checkpoint)
        if training.step == step:
            raise _Killed

    with monkeypatch.context() as patched:
        patched.setattr("evaluator.run.CHECKPOINT_SECONDS", 0.0)
        patched.setattr(TrainingFiles, "save_progress", saved)
        with pytest.raises(_Killed):
            evaluate(request)


@pytest.mark.parametrize("step", [1, 7, 9])
def test_progress_before_and_within_the_cool_down_is_gone_on_from(request_, artifacts, monkeypatch, caplog, step):
    short = dataclasses.replace(request_, tokens=TOKENS // 2)
    expected = evaluate(dataclasses.replace(short, store=Store(short.store.url, "uninterrupted")))
    died(short, monkeypatch, step)
    with caplog.at_level(logging.INFO):
        found = evaluate(dataclasses.replace(short, attempt=2))
    assert resumed_steps(caplog) == [step]
    assert result(found) == result(expected)
    longer = evaluate(dataclasses.replace(request_, checkpoint=found.checkpoint))
    assert result(longer) == result(evaluate(request_))


def test_progress_goes_before_the_checkpoint_of_the_request(request_, monkeypatch, caplog):
    checkpoint = kept_checkpoint(dataclasses.replace(request_, tokens=SHORT))
    longer = dataclasses.replace(request_, checkpoint=checkpoint)
    died(longer, monkeypatch, 12)
    with caplog.at_level(logging.INFO):
        assert result(evaluate(longer)) == result(evaluate(dataclasses.replace(longer, checkpoint=None)))
    assert resumed_steps(caplog) == [12]


def _flipped(data: bytes) -> bytes:
    return data[:-40] + bytes([data[-40] ^ 1]) + data[-39:]


@pytest.mark.parametrize(
    "damage", [_flipped, lambda data: data[:-1], lambda data: b"", lambda data: b"x"], ids=["bit", "cut", "empty", "x"]
)
def test_damaged_progress_is_ignored_with_a_warning(request_, artifacts, monkeypatch, caplog, damage):
    expected = result(evaluate(request_))
    died(request_, monkeypatch, 5)
    key = progress_key(request_)
    artifacts.write(key, damage(artifacts.fetch(key)))
    assert result(evaluate(request_)) == expected
    assert f"progress {key} is ignored: it is damaged" in caplog.text


def test_progress_of_another_training_is_ignored_with_a_warning(request_, monkeypatch, caplog):
    other = dataclasses.replace(request_, seed=6)
    expected = result(evaluate(other))
    died(request_, monkeypatch, 5)
    assert result(evaluate(other)) == expected
    assert "is ignored: the checkpoint is that of another genome" in caplog.text


def test_progress_in_the_cool_down_is_ignored_when_its_checkpoint_is_gone(request_, artifacts, monkeypatch, caplog):
    short = dataclasses.replace(request_, tokens=TOKENS // 2)
    died(short, monkeypatch, 9)
    for key in artifacts.keys():  # noqa: SIM118
        if "checkpoint" in key:
            artifacts.delete(key)
    evaluation = evaluate(short)
    assert "is missing" in caplog.text
    assert isinstance(evaluation.checkpoint, Artifact)
    artifacts.read(evaluation.checkpoint)


def test_a_failure_leaves_no_progress(request_, artifacts, monkeypatch):
    died(request_, monkeypatch, 5)
    late = dataclasses.replace(request_, budget=BUDGET.model_copy(update={"seconds": 1e-6}))
    evaluation = evaluate(late)
    assert evaluation.failure is Failure.TIMED_OUT
    assert "after 5 of 20 training steps" in evaluation.detail, "the time limit is no part of the identity"
    assert artifacts.keys() == []
