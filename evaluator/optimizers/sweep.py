"""A small sweep of learning rates at the beginning of a training, which goes on from the best of them."""

from __future__ import annotations

from collections.abc import Callable
from statistics import fmean

from evaluator.artifacts.state import State
from evaluator.budget import Budget
from evaluator.failure import DivergenceError
from evaluator.train import Training


def begin_at_best_rate(
    training: Training, budget: Budget, end: int, deadline: float, between: Callable[[], object] = lambda: None
) -> None:
    """Take the first `rate_steps` steps of a fresh training at each of the budget's rates, and keep the best ones.

    All trials begin with the same weights and draw the same batches. The best one has the lowest mean loss over the
    second half of its steps; each of these losses is that of a batch before the step on it, and no validation
    sequence is read, so that the score of the candidate stays one on unseen sequences. A rate that diverges drops out.
    The seconds of all trials count as seconds of the training. `between` is called before each step.

    Raises:
        DivergenceError: it diverges at every rate.
        TimeLimitError: the deadline passed.
    """
    fresh, seconds = training.state().copy(), 0.0
    best: tuple[float, State] | None = None
    diverged: DivergenceError | None = None
    for rate in budget.rates:
        training.restore(fresh, end)
        training.rate = rate
        try:
            training.run(budget.rate_steps, end, deadline, between=between)
        except DivergenceError as error:
            diverged = error
        else:
            loss = fmean(training.losses[budget.rate_steps // 2 :])
            if best is None or loss < best[0]:
                best = loss, training.state().copy()
        seconds += training.seconds
    if best is None:
        raise DivergenceError(f"at every one of the {len(budget.rates)} rates: {diverged}") from diverged
    training.restore(best[1], end)
    training.seconds = seconds
