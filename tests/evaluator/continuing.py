"""A small training for tests of trainings that go on, and what two evaluations of it have in common."""

from evaluator.artifacts import Artifact
from evaluator.budget import Budget
from evaluator.evaluate import evaluate
from evaluator.evaluation import Request, Store
from evaluator.tasks.recall import RecallTask
from genome import Genome, Shape, Space
from tests.evaluator.test_evaluate import MEASURED_TIMES

BUDGET = Budget(steps=20, batch=2, length=16, validation=4, warmup=2, seconds=60)
TOKENS = BUDGET.tokens
SHORT = TOKENS // 4


def keeping(url: str) -> Request:
    """A request that keeps what its training leaves in the store of this URL."""
    return Request(
        candidate=3,
        attempt=1,
        genome=str(Genome.of([1, 112])),
        space=Space.of(["SA-1", "MoE"], depth=2).to_json(),
        shape=Shape(16, 8, 32),
        task=RecallTask(symbols=32, pairs=4),
        budget=BUDGET,
        seed=5,
        store=Store(url, "job/3-5"),
    )


def result(evaluation):
    """What two evaluations of the same training have in common."""
    assert evaluation.failure is None, evaluation.detail
    metrics = {name: value for name, value in evaluation.metrics.items() if name not in MEASURED_TIMES}
    return metrics, evaluation.curve, evaluation.weights and evaluation.weights.digest


def kept_checkpoint(request: Request) -> Artifact:
    """The checkpoint of a short training."""
    checkpoint = evaluate(request).checkpoint
    assert checkpoint is not None
    return checkpoint
