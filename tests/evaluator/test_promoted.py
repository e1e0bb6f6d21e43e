"""Trainings that go on from the checkpoint of a shorter one, and stores that cannot be written."""

import dataclasses
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load as read_tensors

from evaluator.artifacts.checkpoint import Checkpoint, identity, packed, unpacked
from evaluator.evaluate import evaluate
from evaluator.evaluation import Failure, Store
from tests.evaluator.continuing import BUDGET, SHORT, TOKENS, kept_checkpoint, result

pytestmark = pytest.mark.usefixtures("one_thread")


def test_a_training_of_the_whole_budget_leaves_its_weights_and_nothing_else(request_, artifacts):
    evaluation = evaluate(request_)
    assert (evaluation.seed, evaluation.tokens, evaluation.checkpoint) == (5, TOKENS, None)
    assert evaluation.weights is not None
    assert artifacts.keys() == [evaluation.weights.key] == [f"job/3-5/weights-{TOKENS}-1.safetensors"]
    parameters = sum(tensor.numel() for tensor in read_tensors(artifacts.read(evaluation.weights)).values())
    assert parameters == evaluation.metrics["parameters"]


def test_without_a_store_nothing_is_kept(request_):
    for tokens in (None, SHORT):
        evaluation = evaluate(dataclasses.replace(request_, store=None, tokens=tokens))
        assert (evaluation.failure, evaluation.weights, evaluation.checkpoint) == (None, None, None)


def test_a_promoted_candidate_pays_only_the_difference_and_has_the_result_of_a_training_in_one_piece(
    request_, artifacts, monkeypatch
):
    whole = evaluate(request_)
    taken = []
    step = torch.optim.AdamW.step

    def counted(optimizer):
        taken.append(1)
        return step(optimizer)

    monkeypatch.setattr(torch.optim.AdamW, "step", counted)
    rungs, checkpoint = [SHORT, TOKENS // 2, None], None
    for tokens in rungs:
        evaluation = evaluate(dataclasses.replace(request_, attempt=2, tokens=tokens, checkpoint=checkpoint))
        assert evaluation.failure is None
        assert evaluation.tokens == (tokens or TOKENS)
        assert evaluation.curve[-1][0] == BUDGET.steps_of(evaluation.tokens)
        assert (evaluation.checkpoint is None, evaluation.weights is None) == (tokens is None, tokens is not None)
        checkpoint = evaluation.checkpoint
    assert len(taken) == 20 + 1 + 2, "all steps once, and the cool-down of each shorter training"
    assert result(evaluation) == result(whole)
    assert evaluation.metrics["train_seconds"] > 0


def test_the_result_of_a_short_training_does_not_depend_on_a_shorter_one(request_):
    shorter = evaluate(dataclasses.replace(request_, tokens=SHORT))
    half = dataclasses.replace(request_, tokens=TOKENS // 2)
    assert result(evaluate(dataclasses.replace(half, checkpoint=shorter.checkpoint))) == result(evaluate(half))


def test_the_time_of_training_is_that_of_all_parts(request_, artifacts):
    shorter = kept_checkpoint(dataclasses.replace(request_, tokens=SHORT))
    state, notes = unpacked(artifacts.read(shorter), identity(request_))
    assert 0 < state.facts["seconds"] < 60
    state.facts["seconds"] = 1000.0
    slower = artifacts.write("slower", packed(Checkpoint(state, notes), identity(request_)))
    evaluation = evaluate(dataclasses.replace(request_, checkpoint=slower))
    assert 1000 < evaluation.metrics["train_seconds"] < 1060


@pytest.mark.parametrize("tokens", [0, -32, 31, TOKENS + 32])
def test_tokens_that_are_no_whole_steps_of_the_budget_are_refused_with_the_legal_ones(request_, tokens):
    with pytest.raises(ValueError, match=f"tokens must be a multiple of 32 from 32 to 640, not {tokens}"):
        BUDGET.steps_of(tokens)
    evaluation = evaluate(dataclasses.replace(request_, tokens=tokens))
    assert (evaluation.failure, evaluation.tokens) == (Failure.RAISED, tokens)
    assert "from 32 to 640" in evaluation.detail


def test_a_checkpoint_that_is_missing_or_damaged_is_told_as_such(request_, artifacts):
    checkpoint = kept_checkpoint(dataclasses.replace(request_, tokens=SHORT))
    longer = dataclasses.replace(request_, checkpoint=checkpoint)
    artifacts.write(checkpoint.key, artifacts.read(checkpoint)[:-1] + b"x")
    damaged = evaluate(longer)
    artifacts.delete(checkpoint.key)
    missing = evaluate(longer)
    assert damaged.failure is missing.failure is Failure.DAMAGED
    assert "is damaged" in damaged.detail
    assert "is missing" in missing.detail


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"seed": 6}, "another genome, space, shape, task, budget or seed"),
        ({"store": None}, "needs the store"),
        ({"tokens": SHORT // 5}, "is no part of a run of 1 steps"),
    ],
    ids=["seed", "no store", "shorter"],
)
def test_a_checkpoint_that_does_not_fit_the_request_is_refused(request_, changes, says):
    checkpoint = kept_checkpoint(dataclasses.replace(request_, tokens=SHORT))
    evaluation = evaluate(dataclasses.replace(request_, checkpoint=checkpoint, **changes))
    assert evaluation.failure is Failure.RAISED
    assert says in evaluation.detail


@pytest.mark.parametrize("tokens", [None, SHORT], ids=["weights", "checkpoint"])
def test_a_store_that_cannot_be_written_is_a_failure_with_its_reason(request_, tmp_path, tokens):
    (tmp_path / "taken").write_text("a file")
    for url in (str(tmp_path / "taken"), "nowhere://bucket"):
        evaluation = evaluate(dataclasses.replace(request_, tokens=tokens, store=Store(url, "job")))
        assert evaluation.failure is Failure.STORAGE
        assert (evaluation.metrics, evaluation.weights, evaluation.checkpoint) == ({}, None, None)
        assert url in evaluation.detail


FULL = """
import pickle, resource, sys
from evaluator.evaluate import evaluate
request = pickle.loads(sys.stdin.buffer.read())
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
evaluation = evaluate(request)
print(evaluation.failure, evaluation.detail)
"""


@pytest.mark.slow
def test_a_file_that_does_not_fit_is_a_failure_with_its_reason(request_, tmp_path):
    done = subprocess.run([sys.executable, "-c", FULL], input=pickle.dumps(request_), capture_output=True, check=True)
    assert done.stdout.decode().startswith("storage ArtifactError: artifact job/3-5/weights-640-1.safetensors cannot")
    assert done.stdout.decode().rstrip().endswith("File too large")
    assert not list(Path(tmp_path).rglob("*.tmp"))
