"""One candidate from text to metrics, on real architectures."""

import dataclasses
import math
import os

import pytest
import torch
from safetensors.torch import load as read_tensors

import star
from evaluator import train
from evaluator.artifacts import ArtifactError, Artifacts
from evaluator.budget import Budget
from evaluator.evaluate import evaluate
from evaluator.evaluation import Execution, Failure, Request, Store
from evaluator.failure import DETAIL_CHARACTERS, DivergenceError, TimeLimitError, kind
from evaluator.metrics import STATIC
from evaluator.tasks.recall import RecallTask
from evaluator.tasks.text import TextTask
from genome import Genome, Shape, Space, decode
from star.ops.dispatch import forced
from star.ops.forms import observed
from star.ops.native import library

SPACE = Space.of(["SA-1", "GMemless"], depth=2)
BUDGET = Budget(steps=40, batch=8, length=32, validation=16, warmup=5, seconds=60)
TEXT = Request(
    candidate=3,
    attempt=2,
    genome="1.1.1.1.1-9.1.1.1.1",
    space=SPACE.to_json(),
    shape=Shape(16, 8, 256),
    task=TextTask(),
    budget=BUDGET,
    context=100,
)
RECALL = dataclasses.replace(TEXT, shape=Shape(16, 8, 32), task=RecallTask(symbols=32, pairs=4))
MEASURED_TIMES = {"decode_ms", "decode_ms_stderr", "train_seconds"}

pytestmark = pytest.mark.usefixtures("one_thread")


def changed(request: Request, **budget) -> Request:
    return dataclasses.replace(request, budget=request.budget.model_copy(update=budget))


def repeatable(evaluation):
    metrics = {name: value for name, value in evaluation.metrics.items() if name not in MEASURED_TIMES}
    return metrics, evaluation.curve, evaluation.weights


@pytest.mark.parametrize(("request_", "quality"), [(TEXT, "bits_per_byte"), (RECALL, "recall_error")])
def test_a_candidate_is_trained_and_measured(request_, quality):
    evaluation = evaluate(request_)
    assert (evaluation.failure, evaluation.detail) == (None, "")
    assert (evaluation.candidate, evaluation.attempt) == (3, 2)
    scores = {name for metric in request_.task.scores for name in (metric.name, metric.name + "_stderr")}
    assert quality in scores
    assert set(evaluation.metrics) == scores | STATIC | MEASURED_TIMES
    assert all(math.isfinite(value) and value >= 0 for value in evaluation.metrics.values())
    assert evaluation.metrics["decode_ms"] > 0
    assert evaluation.curve[-1][0] == BUDGET.steps
    assert evaluation.seconds >= evaluation.metrics["train_seconds"]


def evaluated(genome, **budget):
    request = dataclasses.replace(TEXT, genome=genome, space=Space.of(["Rec-1", "SA-2"], depth=2).to_json())
    return evaluate(changed(request, steps=1, **budget))


@pytest.mark.skipif(library() is None, reason="operators in C are not compiled here")
def test_an_evaluation_tells_where_it_ran_and_in_which_forms():
    compiled = evaluated("5.1.1.1.1-2.1.1.1.1").execution
    known = {"attention": ["c"], "recurrence": ["c"], "rms_norm": ["c"], "short_convolution": ["c"]}
    assert set(compiled.forms["projection"]) <= {"onednn", "torch"}, "as this machine is"
    assert compiled == Execution("cpu", {**compiled.forms, **known}, parts=1)
    with forced("torch"):
        in_torch = evaluated("5.1.1.1.1-2.1.1.1.1").execution
    assert in_torch == Execution("cpu", {operator: ["torch"] for operator in compiled.forms}, parts=1)
    with observed() as forms:
        evaluated("2.1.1.1.1-2.1.1.1.1")
    assert not forms, "the forms of an evaluation are its own"


def test_a_failed_evaluation_tells_in_how_many_parts_it_was_computed(monkeypatch):
    def full(model, batch, parts, ranks):
        raise torch.OutOfMemoryError(f"CUDA out of memory: a part has {len(batch.tokens) // parts} sequences")

    monkeypatch.setattr(train, "add_gradients", full)
    evaluation = evaluate(TEXT)
    assert evaluation.execution is not None
    assert (evaluation.failure, evaluation.execution.parts) == (Failure.OUT_OF_MEMORY, BUDGET.batch)


def test_activation_checkpointing_changes_no_result():
    checkpointed = changed(TEXT, checkpoint_activations=True)
    assert repeatable(evaluate(checkpointed)) == repeatable(evaluate(TEXT))


@pytest.mark.parametrize("asked", [False, True])
def test_a_deterministic_training_allows_no_other_algorithm(asked, monkeypatch):
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", "")  # so that it is absent again after the test
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG")
    before = torch.get_deterministic_debug_mode()
    allowed = []
    load = TextTask.load

    def watched(task, budget):
        allowed.append(torch.are_deterministic_algorithms_enabled())
        return load(task, budget)

    monkeypatch.setattr(TextTask, "load", watched)
    torch.use_deterministic_algorithms(False)
    try:
        evaluation = evaluate(changed(TEXT, deterministic=asked))
        assert not torch.are_deterministic_algorithms_enabled()
    finally:
        torch.set_deterministic_debug_mode(before)
    assert allowed == [asked]
    assert evaluation.failure is None
    assert ("CUBLAS_WORKSPACE_CONFIG" in os.environ) is asked


def test_the_loss_of_a_real_architecture_falls():
    evaluation = evaluate(changed(TEXT, learning_rate=0.02))
    assert evaluation.curve[0][1] > 5
    assert evaluation.curve[-1][1] < 4.2
    assert evaluation.metrics["bits_per_byte"] < 6.5


def test_costs_and_weights_are_those_of_the_architecture(tmp_path):
    store = Store(str(tmp_path), "job/3")
    evaluation = evaluate(dataclasses.replace(changed(TEXT, steps=1), store=store))
    cost = star.cost(decode(Genome.parse(TEXT.genome), SPACE), TEXT.shape, context=100)
    assert evaluation.metrics["parameters"] == cost.parameters
    assert evaluation.metrics["cache_bytes"] == cost.cache_bytes
    assert evaluation.weights is not None
    weights = Artifacts(store.url).read(evaluation.weights)
    assert sum(tensor.numel() for tensor in read_tensors(weights).values()) == cost.parameters


def test_everything_but_time_follows_from_the_request():
    short = changed(TEXT, steps=5)
    assert repeatable(evaluate(short)) == repeatable(evaluate(short))
    assert repeatable(evaluate(short)) != repeatable(evaluate(dataclasses.replace(short, seed=1)))


@pytest.mark.parametrize(
    ("request_", "failure", "says"),
    [
        (dataclasses.replace(TEXT, genome="1.1.1.1.1-2.1.1.1.1"), Failure.RAISED, "segment 2"),
        (dataclasses.replace(TEXT, genome="nonsense"), Failure.RAISED, "nonsense"),
        (dataclasses.replace(TEXT, space={}), Failure.RAISED, "classes"),
        (dataclasses.replace(TEXT, task=TextTask(corpus="/no/such/corpus")), Failure.RAISED, "/no/such/corpus"),
        (dataclasses.replace(TEXT, shape=Shape(16, 8, 32)), Failure.RAISED, "vocab of the shape is 32"),
        (changed(RECALL, length=15), Failure.RAISED, "length must be 16 or more"),
        (changed(TEXT, seconds=1e-6), Failure.TIMED_OUT, "0 of 40 training steps"),
    ],
    ids=["illegal", "malformed", "space", "corpus", "vocab", "length", "time"],
)
def test_what_goes_wrong_is_an_outcome_that_says_why(request_, failure, says):
    evaluation = evaluate(request_)
    assert evaluation.failure is failure
    assert says in evaluation.detail
    assert "\n" not in evaluation.detail
    assert len(evaluation.detail) <= DETAIL_CHARACTERS
    assert (evaluation.candidate, evaluation.attempt) == (3, 2)
    assert (evaluation.metrics, evaluation.weights) == ({}, None)


def test_a_candidate_that_diverges_is_an_outcome(monkeypatch):
    def spoiled(*args, build=star.build):
        model = build(*args)
        torch.nn.init.constant_(model.head_VD, math.inf)
        return model

    monkeypatch.setattr(star, "build", spoiled)
    evaluation = evaluate(TEXT)
    assert evaluation.failure is Failure.DIVERGED
    assert "at step 1 the loss is nan" in evaluation.detail


def test_a_device_that_cannot_release_its_memory_is_an_outcome(monkeypatch):
    def broken():
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "empty_cache", broken)
    assert evaluate(TEXT).failure is not None


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (DivergenceError("nan"), Failure.DIVERGED),
        (TimeLimitError("late"), Failure.TIMED_OUT),
        (ArtifactError("the disk is full"), Failure.STORAGE),
        (MemoryError(), Failure.OUT_OF_MEMORY),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate"), Failure.OUT_OF_MEMORY),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), Failure.OUT_OF_MEMORY),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: not enough memory: you tried"), Failure.OUT_OF_MEMORY),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), Failure.RAISED),
        (ValueError("not enough memory"), Failure.RAISED),
        (RuntimeError("CUDA error: device-side assert triggered"), Failure.DEVICE),
        (RuntimeError("CUDA error: out of memory"), Failure.OUT_OF_MEMORY),
        (RuntimeError("HIP error: invalid device function"), Failure.DEVICE),
        (ValueError("CUDA error: device-side assert triggered"), Failure.RAISED),
    ],
)
def test_each_exception_is_one_kind_of_failure(error, failure):
    assert kind(error) is failure


def test_torch_itself_reports_a_full_memory_in_words_that_are_understood():
    with pytest.raises(RuntimeError) as raised:
        torch.empty(2**60)
    assert kind(raised.value) is Failure.OUT_OF_MEMORY
