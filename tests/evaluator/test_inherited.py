"""Trainings that begin with the weights of a parent."""

import dataclasses

import pytest
import torch
from safetensors.torch import load as read_tensors

import star
from evaluator.artifacts import Artifact
from evaluator.artifacts.inheritance import inherit
from evaluator.evaluate import evaluate
from evaluator.evaluation import Failure, Parent
from genome import Genome, Space, decode
from tests.evaluator.continuing import result

pytestmark = pytest.mark.usefixtures("one_thread")

PARENT, CHILD = Genome.of([1, 112]), Genome.of([1, 9])


@pytest.fixture
def wide(request_):
    """The request of a parent in a space that its child is legal in."""
    return dataclasses.replace(request_, space=Space.of(["SA-1", "MoE", "GMemless"], depth=2).to_json())


@pytest.fixture
def parent(wide):
    """A parent that was trained."""
    weights = evaluate(wide).weights
    assert weights is not None
    return Parent(str(PARENT), weights)


def child(wide, **changes):
    own = {"candidate": 4, "genome": str(CHILD), "store": dataclasses.replace(wide.store, prefix="job/4-5")}
    return dataclasses.replace(wide, **(own | changes))


def test_unchanged_livs_embedding_and_head_are_the_parents_and_the_rest_is_fresh(wide, parent, artifacts):
    blueprint = decode(CHILD, Space.from_json(wide.space))
    fresh, model = (star.build(blueprint, wide.shape, seed=9) for _ in range(2))
    data = artifacts.read(parent.weights)
    assert CHILD.unchanged(PARENT) == {0}
    inherit(model, CHILD.unchanged(PARENT), data)
    former = read_tensors(data)
    for (name, own), untouched in zip(model.named_parameters(), fresh.parameters(), strict=True):
        expected = untouched if name.startswith("blocks.1.") else former[name]
        assert torch.equal(own, expected), name


def test_a_child_begins_where_its_parent_ended(wide, parent):
    scratch, inherited = evaluate(child(wide)), evaluate(child(wide, parent=parent))
    assert inherited.failure is None, inherited.detail
    assert inherited.curve[0] != scratch.curve[0]
    same = child(wide, genome=str(PARENT), parent=parent)
    assert evaluate(same).curve[0][1] < evaluate(wide).curve[0][1]


def test_it_is_as_reproducible_as_any_training(wide, parent):
    assert result(evaluate(child(wide, parent=parent))) == result(evaluate(child(wide, parent=parent)))


def test_a_parent_whose_weights_are_damaged_or_gone_is_told_as_such(wide, parent, artifacts):
    gone = dataclasses.replace(parent, weights=Artifact("job/1/none.safetensors", None, None))
    assert evaluate(child(wide, parent=gone)).failure is Failure.DAMAGED
    artifacts.write(parent.weights.key, b"damaged")
    assert evaluate(child(wide, parent=parent)).failure is Failure.DAMAGED
    unread = dataclasses.replace(parent, weights=Artifact(parent.weights.key, None, None))
    evaluation = evaluate(child(wide, parent=unread))
    assert evaluation.failure is Failure.RAISED
    assert "weights of the parent cannot be read" in evaluation.detail


def test_a_parent_without_a_store_is_refused(wide, parent):
    evaluation = evaluate(child(wide, parent=parent, store=None))
    assert evaluation.failure is Failure.RAISED
    assert "needs the store" in evaluation.detail
