"""What a request asks for is measured, and nothing else."""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

import star
from evaluator.evaluate import evaluate
from evaluator.evaluation import Failure, Request
from evaluator.failure import TimeLimitError
from evaluator.measuring import times as timing
from evaluator.measuring.memory import peak_bytes
from evaluator.measuring.on_request import on_request
from evaluator.measuring.slot import QuietSlot
from evaluator.measuring.subject import Subject
from evaluator.measuring.times import ROUNDS, WIDE, late, times
from evaluator.metrics import COSTS, ON_REQUEST, STDERR_SUFFIX
from evaluator.pool.allocator import fast
from evaluator.tasks.recall import RecallTask
from evaluator.tasks.series import SeriesTask
from evaluator.tasks.several import SeveralTask
from evaluator.tasks.text import TextTask
from genome import Genome, Shape, Space, decode
from star.analysis.state_size import state_sizes
from tests.evaluator.test_evaluate import BUDGET, SPACE, TEXT, changed

pytestmark = pytest.mark.usefixtures("one_thread")

SHORT = changed(dataclasses.replace(TEXT, context=64), steps=2)
ALWAYS = {metric.name for metric in (*TextTask().scores, *COSTS)}


class CountedSlot(QuietSlot):
    """A slot that counts how often it was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.rounds = 0

    @contextmanager
    def alone(self) -> Iterator[bool]:
        self.rounds += 1
        with super().alone() as quiet:
            yield quiet


def subject(request: Request, seconds: float = 60.0) -> Subject:
    blueprint = decode(Genome.parse(request.genome), Space.from_json(request.space))
    model = star.build(blueprint, request.shape)
    task = request.task.load(request.budget)
    return Subject(request, model, task, CountedSlot(), time.monotonic() + seconds)


@pytest.mark.parametrize("name", [metric.name for metric in ON_REQUEST])
def test_each_metric_on_request_is_reported_alone(name: str) -> None:
    evaluation = evaluate(dataclasses.replace(SHORT, asked=(name,)))
    assert (evaluation.failure, evaluation.detail) == (None, "")
    reported = {key.removesuffix(STDERR_SUFFIX) for key in evaluation.metrics}
    assert reported == ALWAYS | {name}
    assert evaluation.metrics[name] > 0
    assert evaluation.execution is not None
    assert evaluation.execution.quiet == (True if name in timing.TIMES else None)


def test_a_search_that_asks_for_nothing_stops_no_training(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(slot: QuietSlot) -> None:
        raise AssertionError("the slot was taken")

    monkeypatch.setattr(QuietSlot, "alone", refused)
    assert evaluate(SHORT).failure is None
    assert evaluate(dataclasses.replace(SHORT, asked=("prefill_ms",))).failure is Failure.RAISED


def test_a_training_waits_for_the_slot_before_it_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    """The waiting counts in no time of the training."""
    monkeypatch.setattr("evaluator.measuring.slot.PAUSE_SECONDS", 0.05)
    slot = CountedSlot()
    with slot.alone():
        evaluation = evaluate(SHORT)  # gives way before each of two steps and each of two batches
    assert evaluation.failure is None
    assert evaluation.seconds - evaluation.metrics["train_seconds"] > 5 * 0.05
    slot.close()


def clock(durations: list[float]) -> Iterator[float]:
    """The readings of a clock at the begin and the end of so many repetitions, in seconds."""
    now = 0.0
    for duration in durations:
        yield now
        now += duration / 1e3
        yield now


@pytest.mark.parametrize(
    ("rounds", "expected"),
    [
        ([[2.0] * 6], 2.0),
        ([[1.0, 1.0, 5.0, 9.0, 5.0, 1.0], [2.0] * 6], 2.0),
        ([[9.0, 1.0, 5.0, 9.0, 5.0, 1.0], [9.0, 4.0, 4.4, 3.2, 4.8, 3.6], [9.0, 1.0, 5.0, 9.0, 5.0, 1.0]], 4.0),
    ],
)
def test_a_round_with_a_wide_spread_is_measured_again(
    monkeypatch: pytest.MonkeyPatch, rounds: list[list[float]], expected: float
) -> None:
    """Each round has a repetition that warms up and five that count; the narrowest of at most three rounds counts."""
    readings = clock([duration for one in rounds for duration in one])
    monkeypatch.setattr("time.perf_counter", lambda: next(readings))
    measured = subject(dataclasses.replace(SHORT, asked=("prefill_ms",)))
    found = times(measured)
    assert isinstance(measured.slot, CountedSlot)
    assert measured.slot.rounds == len(rounds) <= ROUNDS
    assert found.times["prefill_ms"].value == pytest.approx(expected)
    assert found.spread == found.times["prefill_ms"].stderr / found.times["prefill_ms"].value
    assert (found.spread > WIDE) == (len(rounds) == ROUNDS)


def test_the_late_percentile_and_its_error_are_those_of_the_sample() -> None:
    rng = np.random.default_rng(3)
    assert late(list(range(101))).value == 95
    assert late([2.0] * 50) == (2.0, 0.0)
    many = [np.percentile(rng.exponential(size=400), 95) for _ in range(2000)]
    assert late(list(rng.exponential(size=400))).stderr == pytest.approx(np.std(many), rel=0.35)


def test_a_prompt_repeats_the_validation_set() -> None:
    measured = subject(SHORT)
    whole = measured.task.validation.tokens.flatten()
    prompt_BL = measured.prompt(len(whole) + 3)
    assert prompt_BL.shape == (1, len(whole) + 3)
    assert prompt_BL[0, -3:].tolist() == whole[:3].tolist()


def test_the_effective_state_is_the_mean_over_operators_with_a_memory() -> None:
    asked = dataclasses.replace(SHORT, asked=("effective_state",))
    measured = subject(asked)
    attention, memoryless = state_sizes(measured.model, measured.prompt(BUDGET.length))
    assert on_request(measured).metrics == {"effective_state": attention.effective}
    assert attention.effective > 1 > memoryless.effective == 0
    assert evaluate(dataclasses.replace(asked, genome="9.1.1.1.1-9.1.1.1.1")).metrics["effective_state"] == 0


@pytest.mark.slow
def test_the_peak_of_decoding_holds_weights_and_cache_and_grows_with_the_cache() -> None:
    peaks = {}
    for context in (512, 8192):
        measured = subject(dataclasses.replace(TEXT, context=context))
        cost = star.cost(measured.model.blueprint, measured.model.shape, context, element_bytes=4)
        peaks[context] = peak_bytes(measured, "decode_peak_bytes")
        assert peaks[context] > 4 * cost.parameters + cost.cache_bytes
    assert peaks[8192] - peaks[512] > 4 * (8192 - 512) * 2 * SPACE.depth // 2 * TEXT.shape.width


@pytest.mark.slow
def test_the_peak_of_training_holds_weights_gradients_and_moments_and_grows_with_the_batch() -> None:
    wide = dataclasses.replace(TEXT, shape=dataclasses.replace(TEXT.shape, width=256, head_dim=64))
    peaks = [
        peak_bytes(subject(changed(wide, batch=batch)), "train_peak_bytes")
        for batch in (BUDGET.batch, 16 * BUDGET.batch)
    ]
    parameters = sum(parameter.numel() for parameter in subject(wide).model.parameters())
    logits = 4 * BUDGET.batch * BUDGET.length * TEXT.shape.vocab
    assert peaks[0] > 4 * 4 * parameters
    assert peaks[1] - peaks[0] > 15 * logits


@pytest.mark.slow
def test_the_settings_of_a_worker_change_no_peak(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GLIBC_TUNABLES", raising=False)
    wide = dataclasses.replace(TEXT, shape=dataclasses.replace(TEXT.shape, width=256, head_dim=64))
    plain = peak_bytes(subject(wide), "train_peak_bytes")
    for name, value in fast(os.environ).items():
        monkeypatch.setenv(name, value)
    assert peak_bytes(subject(wide), "train_peak_bytes") == pytest.approx(plain, rel=0.05)


def test_nothing_is_measured_after_the_deadline() -> None:
    late_subject = subject(dataclasses.replace(SHORT, asked=("prefill_ms",)), seconds=-1)
    with pytest.raises(TimeLimitError):
        times(late_subject)
    with pytest.raises(TimeLimitError):
        peak_bytes(late_subject, "decode_peak_bytes")


def test_a_process_that_cannot_measure_tells_why() -> None:
    broken = subject(SHORT)._replace(request=dataclasses.replace(SHORT, genome="1.1.1.1.1"))
    with pytest.raises(RuntimeError, match="the genome has 1 LIVs; the space has 2"):
        peak_bytes(broken, "decode_peak_bytes")


def test_on_several_tasks_the_model_that_is_shown_is_measured() -> None:
    """It is that of the first task with the largest vocabulary."""
    several = SeveralTask(tasks=(RecallTask(symbols=16, pairs=2), RecallTask(symbols=32, pairs=2)))
    request = dataclasses.replace(SHORT, task=several, shape=Shape(16, 8, several.vocab), asked=("decode_p50_ms",))
    evaluation = evaluate(request)
    assert (evaluation.failure, evaluation.detail) == (None, "")
    assert evaluation.metrics["decode_p50_ms"] > 0
    assert evaluation.execution is not None
    assert evaluation.execution.quiet


def test_an_architecture_whose_input_is_real_is_measured_too(tmp_path: Path) -> None:
    waves_N2 = np.sin(np.outer(np.arange(400), [0.1, 0.2]))
    np.savetxt(tmp_path / "waves.csv", waves_N2, delimiter=",", header="one,two", comments="")
    task = SeriesTask(data=str(tmp_path / "waves.csv"), columns=("one", "two"), horizon=2)
    shape = Shape(16, 8, task.vocab, channels=task.channels)
    asked = ("prefill_ms", "decode_p50_ms", "decode_peak_bytes", "train_peak_bytes")
    evaluation = evaluate(dataclasses.replace(SHORT, task=task, shape=shape, asked=asked))
    assert (evaluation.failure, evaluation.detail) == (None, "")
    assert evaluation.metrics.keys() > set(asked)
