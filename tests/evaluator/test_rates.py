"""The sweep of learning rates at the beginning of a training."""

import dataclasses
import math

import numpy as np
import pytest

from evaluator.budget import Budget
from evaluator.evaluate import evaluate
from evaluator.failure import DivergenceError
from evaluator.optimizers.names import OptimizerName
from evaluator.optimizers.sweep import begin_at_best_rate
from evaluator.tasks.recall import RecallTask
from evaluator.train import Training
from search.evolution.promotion import spent
from search.origin import Purpose
from search.plan import Finish, Plan, Rungs
from search.plan.expected import expected_tokens
from tests.evaluator.artifacts.test_checkpoint import fresh, interrupted, request_of, require_equal
from tests.evaluator.continuing import BUDGET, TOKENS, result
from tests.evaluator.test_training import LATER, Bigram, Breaks, Successor

SETTINGS = {"rates": (1e-4, 0.02, 0.3), "rate_steps": 4, "learning_rate": 0.5}


def swept(request, end: int) -> Training:
    training = fresh(request)
    begin_at_best_rate(training, request.budget, end, math.inf)
    return training


def request_with(**settings):
    return request_of("SA-1", "Mamba-1", budget=BUDGET.model_copy(update=SETTINGS | settings))


def test_the_rate_with_the_lowest_training_loss_is_chosen():
    budget = Budget(steps=100, warmup=0, weight_decay=0, rates=(1e-5, 0.3, 1e-3), rate_steps=10)
    training = Training(Bigram(), Successor(), budget, np.random.default_rng(0))
    begin_at_best_rate(training, budget, 100, LATER)
    assert (training.rate, training.step) == (0.3, 10)


@pytest.mark.parametrize("name", OptimizerName)
def test_the_training_is_the_one_that_had_the_best_rate_from_the_beginning(name):
    request = request_with(optimizer=name)
    training = swept(request, 20)
    assert training.rate in request.budget.rates
    training.run(20, 20, math.inf)
    expected = fresh(request)
    expected.rate = training.rate
    expected.run(20, 20, math.inf)
    require_equal(training, expected)


def test_the_rate_goes_with_the_checkpoint():
    request = request_with()
    whole, resumed = swept(request, 20), interrupted(swept(request, 20), request, 20)
    assert resumed.rate == whole.rate != request.budget.learning_rate
    for training in (whole, resumed):
        training.run(20, 20, math.inf)
    require_equal(resumed, whole)


def test_the_seconds_of_all_trials_count():
    budget = Budget(steps=100, rates=(0.1, 0.2, 0.3), rate_steps=10)
    training = Training(Bigram(), Successor(), budget, np.random.default_rng(0))
    spent = []
    run = training.run

    def counted(*args, **options):
        run(*args, **options)
        spent.append(training.seconds)

    training.run = counted  # type: ignore[method-assign]
    begin_at_best_rate(training, budget, 100, LATER)
    assert len(spent) == 3
    assert training.seconds == pytest.approx(sum(spent))


class BreaksOnce(Bigram):
    """Is not a number at its third call alone, which is in the first trial."""

    def disturbance(self):
        return math.nan if self.calls == 3 else 0.0


def test_a_rate_that_diverges_drops_out_and_the_training_fails_if_all_do():
    budget = Budget(steps=100, warmup=0, rates=(0.1, 0.2), rate_steps=5)
    training = Training(BreaksOnce(), Successor(), budget, np.random.default_rng(0))
    begin_at_best_rate(training, budget, 100, LATER)
    assert (training.rate, training.step) == (0.2, 5)
    training = Training(Breaks(), Successor(), budget, np.random.default_rng(0))
    with pytest.raises(DivergenceError, match="at every one of the 2 rates: at step 1 the loss is nan"):
        begin_at_best_rate(training, budget, 100, LATER)


def test_an_evaluation_reports_the_rate_and_a_longer_one_goes_on_at_it(request_):
    budget = BUDGET.model_copy(update=SETTINGS)
    request = dataclasses.replace(request_, budget=budget)
    short = evaluate(dataclasses.replace(request, tokens=TOKENS // 2))
    longer = evaluate(dataclasses.replace(request, checkpoint=short.checkpoint))
    assert result(longer) == result(evaluate(request))
    assert longer.metrics["learning_rate"] == short.metrics["learning_rate"] in budget.rates
    assert "learning_rate" not in evaluate(request_).metrics


def test_the_tokens_of_trials_that_are_given_up_count_once_for_each_fresh_training():
    budget = BUDGET.model_copy(update=SETTINGS)
    trials = 2 * 4 * BUDGET.batch * BUDGET.length
    assert budget.trial_tokens == trials
    plan = Plan(task=RecallTask(symbols=32, pairs=4), objectives=("recall_error",), budget=budget)
    plan = plan.model_copy(update={"rungs": Rungs(tokens=(TOKENS // 2,)), "finish": Finish(seeds=3), "repeats": 0.5})
    without = plan.model_copy(update={"budget": BUDGET})
    more = {purpose: spent(plan, TOKENS, purpose) - spent(without, TOKENS, purpose) for purpose in Purpose}
    assert more == {purpose: 0 if purpose == Purpose.PROMOTION else trials for purpose in Purpose}
    found = [expected_tokens(one.model_dump(mode="json")) for one in (plan, without)]
    repeated, finished = 13, 3 * (2 + 8)  # as many repeats as whole trainings: 2 baselines and a quarter of 46
    assert found[0] - found[1] == (plan.candidates + repeated + finished) * trials
