"""An evaluator that computes metrics by a formula, so that the search is tested without training."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from evaluator.artifacts import Artifact, Artifacts
from evaluator.evaluation import Evaluation, Failure, Request
from evaluator.metrics import STATIC, STDERR_SUFFIX
from genome import Genome
from search.algorithms.algorithm import CostsOf
from search.plan import Plan


def analytic(genome: Genome, quality: str = "bits_per_byte") -> dict[str, float]:
    """Return metrics in conflict: a class trades quality for size, differently at every depth, and neighbours matter.

    No stack of one class is good, so good genomes combine classes. Sharing makes a LIV a little smaller and a
    little worse, so every kind of gene matters.
    """
    depth = len(genome.segments)
    error, size, cache = 0.0, 0.0, 0.0
    for place, segment in enumerate(genome.segments):
        following = genome.segments[(place + 1) % depth]
        trait = (segment.liv_class * 37 + place * 29) % 101 / 100
        other = (segment.liv_class * 53 + place * 31) % 97 / 96
        shared = (segment.weights_strategy != 1) + (segment.features_strategy != 1)
        error += (1 - trait) ** 2 + 0.2 * (segment.liv_class == following.liv_class) + 0.02 * shared
        size += (0.2 + trait) / (1 + 0.05 * shared)
        cache += abs(other - trait)
    return {
        quality: 1 + error / depth,
        f"{quality}{STDERR_SUFFIX}": 0.01,
        "parameters": 1 + size / depth,
        "cache_bytes": 1 + cache / depth,
        "decode_ms": 1 + (size + cache) / depth,
        "train_seconds": 1.0,
    }


def trained(request: Request) -> dict[str, float]:
    """Return the metrics of a training: worse on fewer tokens, and different with another seed."""
    quality = request.task.metric.name
    metrics = analytic(Genome.parse(request.genome), quality)
    missing = 1 - request.trained_tokens / request.budget.tokens
    return {**metrics, quality: metrics[quality] + 0.5 * missing + 0.003 * (request.seed % 10)}


def left_behind(request: Request) -> dict[str, Artifact]:
    """Write what a training leaves: weights on the whole budget, a checkpoint before."""
    if request.store is None:
        return {}
    name = "weights" if request.trained_tokens == request.budget.tokens else "checkpoint"
    key = f"{request.store.prefix}/{name}-{request.trained_tokens}-{request.attempt}.safetensors"
    text = f"{name} of {request.candidate}, attempt {request.attempt}"
    return {name: Artifacts(request.store.url).write(key, text.encode())}


def twin_costs(plan: Plan) -> CostsOf:
    """Return the static metrics of the formula, which are known before an evaluation."""
    return lambda genome, space: {name: value for name, value in analytic(genome).items() if name in STATIC}


def corner(plan: Plan) -> dict[str, float]:
    """Return a hypervolume reference above all values of the formula."""
    return dict.fromkeys(plan.objectives, 3.0)


class Twin:
    """An evaluator that returns one result at a time, oldest first.

    Args:
        capacity: requests at once.
        delay: seconds each result takes.
        fails: returns the failure of a request, or None.
        upon: called with each request before its result is returned.
        log: a file to which a line `number attempt` is appended for every request.
    """

    def __init__(
        self,
        capacity: int = 1,
        *,
        delay: float = 0.0,
        fails: Callable[[Request], Failure | None] = lambda request: None,
        upon: Callable[[Request], None] = lambda request: None,
        log: Path | None = None,
    ) -> None:
        self.capacity = capacity
        self.requests: list[Request] = []
        self.closed = False
        self._delay, self._fails, self._upon, self._log = delay, fails, upon, log
        self._queue: list[Request] = []

    @property
    def busy(self) -> int:
        return len(self._queue)

    def submit(self, request: Request) -> None:
        if self.closed or self.busy == self.capacity:
            raise RuntimeError("closed" if self.closed else "full")
        self._queue.append(request)
        self.requests.append(request)
        if self._log:
            with self._log.open("a") as file:
                file.write(f"{request.candidate} {request.attempt}\n")

    def collect(self, timeout: float) -> list[Evaluation]:
        if not self._queue:
            return []
        time.sleep(self._delay)
        request = self._queue.pop(0)
        self._upon(request)
        failure = self._fails(request)
        if failure:
            return [Evaluation.of(request, failure=failure, detail="as asked", seconds=1.0)]
        return [
            Evaluation.of(
                request,
                metrics=trained(request),
                curve=((1, 5.0), (2, 4.0)),
                seconds=1.0,
                **left_behind(request),
            )
        ]

    def close(self) -> None:
        self.closed = True
        self._queue.clear()
