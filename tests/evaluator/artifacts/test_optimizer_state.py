"""A training with any optimiser, killed after any step, goes on from its checkpoint bit for bit."""

import json
import math

import pytest
import torch

from evaluator.artifacts.checkpoint import Checkpoint, identity, packed, unpacked
from evaluator.artifacts.state import State
from evaluator.evaluation import Request
from evaluator.optimizers.names import OptimizerName
from evaluator.optimizers.table import OPTIMIZERS
from evaluator.schedule import stable_steps
from evaluator.train import Training
from tests.evaluator.artifacts.test_checkpoint import BUDGET, fresh, interrupted, request_of, require_equal

IDENTITY = "be25648a787d8a78e79732ff53c03aeb7417ac9346c8bf7dc4f2ae008ae9ec3c"

STEPS = 24
"""Enough for SOAP to turn its basis twice."""


def request_with(name: OptimizerName, **settings) -> Request:
    """Classes whose parameters have from no to three axes, and one of which gets no gradient in most steps."""
    changed = {"steps": STEPS, "optimizer": name, "learning_rate": 1e-3, **settings}
    return request_of("SA-1-Diff", "MoE", "Mamba-1", budget=BUDGET.model_copy(update=changed))


def trained(request: Request, until: int = STEPS, end: int = STEPS) -> Training:
    training = fresh(request)
    training.run(until, end, math.inf)
    return training


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_training_killed_after_any_step_is_the_uninterrupted_one(name):
    request = request_with(name)
    whole, parts = trained(request), fresh(request)
    for until in (0, 1, 2, 9, 11, 12, 21, STEPS):
        parts.run(until, STEPS, math.inf)
        parts = interrupted(parts, request, STEPS)
        assert parts.step == until
    require_equal(parts, whole)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_branch_neither_disturbs_the_training_nor_differs_from_it(name):
    request = request_with(name)
    trunk = trained(request, stable_steps(12, request.budget), 12)
    branch = trunk.branched()
    branch.run(12, 12, math.inf)
    require_equal(branch, trained(request, 12, 12))
    trunk.run(STEPS, STEPS, math.inf)
    require_equal(trunk, trained(request))


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_checkpoint_holds_plain_tensors_and_json(name):
    state = trained(request_with(name), 3).state()
    assert all(type(tensor) is torch.Tensor for tensor in state.tensors.values())
    assert json.loads(json.dumps(state.facts, allow_nan=False))["step"] == 3


def test_a_checkpoint_of_the_versions_that_had_adamw_alone_is_gone_on_from():
    """They wrote the tensors under the same names and nothing else of the optimizer, and had no such setting."""
    request = request_with(OptimizerName.ADAMW)
    begun, whole, resumed = trained(request, 5), trained(request), fresh(request)
    tensors, facts = begun.state()
    old = State(tensors, {name: value for name, value in facts.items() if name != "optimizer"})
    resumed.restore(unpacked(packed(Checkpoint(old, {}), ""), "").state, STEPS)
    resumed.run(STEPS, STEPS, math.inf)
    require_equal(resumed, whole)


def test_the_identity_of_a_training_with_adamw_is_that_of_before():
    """The digest was recorded before budgets named an optimiser."""
    assert identity(request_of("SA-1", "GMemless")) == IDENTITY
    assert identity(request_with(OptimizerName.LION)) != identity(request_with(OptimizerName.ADAMW))
