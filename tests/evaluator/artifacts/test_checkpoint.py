"""A training that was interrupted goes on as if it had not been, and from its own checkpoint alone."""

import dataclasses
import math

import numpy as np
import pytest
import torch

import star
from evaluator.artifacts.checkpoint import Checkpoint, identity, packed, unpacked
from evaluator.budget import Budget
from evaluator.evaluation import Request
from evaluator.schedule import stable_steps
from evaluator.tasks.recall import RecallTask
from evaluator.tasks.text import TextTask
from evaluator.train import Training
from genome import CLASSES, Genome, Shape, Space, decode

BUDGET = Budget(steps=8, batch=2, length=16, validation=4, warmup=2, learning_rate=0.01, seconds=60)
NAMES = ("SA-1", "MoE", "MoM", "Mamba-2", "Gated DeltaNet", "Hyena", "sLSTM", "SA-1-Diff")
NOTES = {"checkpoint": {"key": "a"}}


def request_of(*names: str, **changes) -> Request:
    ids = {row.name: row.id for row in CLASSES}
    space, genome = Space.of(list(names), depth=len(names)), Genome.of([ids[name] for name in names])
    task = RecallTask(symbols=32, pairs=4)
    request = Request(1, 1, str(genome), space.to_json(), Shape(16, 8, 32), task, BUDGET, seed=3)
    return dataclasses.replace(request, **changes)


def fresh(request: Request) -> Training:
    blueprint = decode(Genome.parse(request.genome), Space.from_json(request.space))
    model = star.build(blueprint, request.shape, request.seed)
    task = request.task.load(request.budget)
    return Training(model, task, request.budget, np.random.default_rng(request.seed))


def interrupted(training: Training, request: Request, end: int) -> Training:
    """A fresh training that went on from the bytes of another one's checkpoint."""
    data = packed(Checkpoint(training.state(), NOTES), identity(request))
    checkpoint = unpacked(data, identity(request))
    assert checkpoint.notes == NOTES
    resumed = fresh(request)
    resumed.restore(checkpoint.state, end)
    return resumed


def require_equal(found: Training, expected: Training) -> None:
    assert (found.step, found.curve) == (expected.step, expected.curve)
    tensors, others = found.state().tensors, expected.state().tensors
    assert tensors.keys() == others.keys()
    assert all(torch.equal(tensor, others[name]) for name, tensor in tensors.items())


@pytest.mark.parametrize("name", NAMES)
def test_a_training_interrupted_after_every_step_is_the_uninterrupted_one(name):
    request = request_of(name, "GMemless")
    whole = fresh(request)
    generator = torch.get_rng_state()
    whole.run(8, 8, math.inf)
    assert torch.equal(torch.get_rng_state(), generator), "a checkpoint holds no state of torch's generator"
    parts = fresh(request)
    for step in range(9):
        parts = interrupted(parts, request, 8)
        assert parts.step == step
        parts.run(min(step + 1, 8), 8, math.inf)
    require_equal(parts, whole)
    assert parts.seconds > 0


@pytest.mark.parametrize("steps", [1, 199, 300])
def test_the_points_of_the_curve_are_those_of_the_uninterrupted_training(steps):
    request = request_of("GMemless", budget=BUDGET.model_copy(update={"steps": steps}))
    whole, parts = fresh(request), fresh(request)
    whole.run(steps, steps, math.inf)
    for until in sorted({steps // 3, steps // 2, steps}):
        parts.run(until, steps, math.inf)
        parts = interrupted(parts, request, steps)
    require_equal(parts, whole)


def test_a_shorter_training_before_its_cool_down_is_part_of_a_longer_one():
    request = request_of("SA-1", "MoE")
    trunk, whole = fresh(request), fresh(request)
    trunk.run(stable_steps(4, BUDGET), 4, math.inf)
    whole.run(8, 8, math.inf)
    longer = interrupted(trunk, request, 8)
    longer.run(8, 8, math.inf)
    require_equal(longer, whole)


@pytest.mark.parametrize(("step", "end", "other"), [(4, 4, 8), (5, 8, 4), (7, 8, 4)])
def test_a_state_that_is_no_part_of_the_run_is_refused_and_nothing_changes(step, end, other):
    request = request_of("SA-1")
    cooled, untouched = fresh(request), fresh(request)
    cooled.run(step, end, math.inf)
    with pytest.raises(ValueError, match=f"step {step} of a run of {end} steps is no part of a run of {other} steps"):
        untouched.restore(cooled.state(), other)
    require_equal(untouched, fresh(request))


def test_the_state_of_another_model_is_refused_and_nothing_changes():
    untouched = fresh(request_of("SA-1"))
    with pytest.raises(ValueError, match="does not fit the model"):
        untouched.restore(fresh(request_of("Mamba-2")).state(), 8)
    require_equal(untouched, fresh(request_of("SA-1")))


ANOTHER = {
    "genome": {"genome": "9.1.1.1.1"},
    "space": {"space": Space.of(["SA-1", "GMemless"], depth=1).to_json()},
    "shape": {"shape": Shape(32, 8, 32)},
    "task": {"task": RecallTask(symbols=32, pairs=3)},
    "kind of task": {"task": TextTask()},
    "budget": {"budget": BUDGET.model_copy(update={"steps": 9})},
    "seed": {"seed": 4},
}


@pytest.mark.parametrize("changes", ANOTHER.values(), ids=ANOTHER)
def test_the_checkpoint_of_another_training_is_refused(changes):
    request = request_of("SA-1")
    data = packed(Checkpoint(fresh(request).state(), {}), identity(request))
    with pytest.raises(ValueError, match="that of another genome, space, shape, task, budget or seed"):
        unpacked(data, identity(dataclasses.replace(request, **changes)))


SAME = {
    "attempt": {"attempt": 9},
    "candidate": {"candidate": 9},
    "tokens": {"tokens": 32},
    "context": {"context": 9},
    "time limit": {"budget": BUDGET.model_copy(update={"seconds": 1.0})},
}


@pytest.mark.parametrize("changes", SAME.values(), ids=SAME)
def test_what_does_not_change_a_training_does_not_change_its_identity(changes):
    request = request_of("SA-1")
    assert identity(dataclasses.replace(request, **changes)) == identity(request)


def _headed(metadata: bytes) -> bytes:
    header = b'{"__metadata__":' + metadata + b"}"
    return len(header).to_bytes(8, "little") + header


NO_CHECKPOINTS = {
    "empty": b"",
    "noise": bytes(range(256)),
    "pickle": b"\x80\x04K\x01.",
    "no metadata": star.weights(fresh(request_of("SA-1")).model),  # type: ignore[arg-type]  # a Training holds any module
    "other metadata": _headed(b'{"format":"pt"}'),
    "no object": _headed(b'{"star":"3"}'),
    "other format": _headed(rb'{"star":"{\"format\":\"star-checkpoint-0\",\"state\":{},\"notes\":{}}"}'),
}


@pytest.mark.parametrize("data", NO_CHECKPOINTS.values(), ids=NO_CHECKPOINTS)
def test_bytes_that_are_no_checkpoint_are_refused(data):
    with pytest.raises(ValueError, match=r"the bytes are no checkpoint|has the format star-checkpoint-0"):
        unpacked(data, "")
