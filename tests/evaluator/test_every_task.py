"""What holds of every task: seeds determine it, validation is apart, chance is what a guess has, a model learns it."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from evaluator.budget import Budget
from evaluator.evaluation import Request
from evaluator.inline import InlineEvaluator
from evaluator.tasks.loaded import IGNORED
from evaluator.tasks.registry import BUILT_IN, task_of
from evaluator.tasks.several import SeveralTask
from evaluator.tasks.task import Task
from genome import Genome, Shape, Space, named


def text(folder: Path) -> str:
    """Four words in a random order: about a bit for each byte."""
    words = ("alpha ", "beta ", "gamma ", "delta ")
    for n in range(20):
        (folder / f"{n}.txt").write_text("".join(random.Random(n).choices(words, k=1500)))
    return str(folder)


def tokens(folder: Path) -> str:
    """Every token but each eighth is one more than the token before it."""
    rng = np.random.default_rng(0)
    steps = np.where(np.arange(20_000) % 8, 1, rng.integers(0, 16, 20_000))
    (steps.cumsum() % 16).astype(np.uint16).tofile(folder / "tokens.bin")
    return str(folder / "tokens.bin")


def dna(folder: Path) -> str:
    """Repeats of one motif and of its complement, with a random base in between."""
    with (folder / "genome.fa").open("w") as file:
        for n in range(12):
            rng = random.Random(n)
            bases = "".join(rng.choice(("GATTACAC", "GTGTAATC")) + rng.choice("ACGT") for _ in range(200))
            file.write(f">{n}\n{bases}\n")
    return str(folder / "genome.fa")


def series(folder: Path) -> str:
    """Two waves with a little noise."""
    rng, time = np.random.default_rng(0), np.arange(4000)
    waves = np.stack([np.sin(time / 3), np.cos(time / 5)], axis=1) + 0.05 * rng.standard_normal((4000, 2))
    rows = ["a,b", *(f"{a},{b}" for a, b in waves.tolist())]
    (folder / "series.csv").write_text("\n".join(rows) + "\n")
    return str(folder / "series.csv")


@dataclass(frozen=True)
class Case:
    """A task small enough to be learnt in seconds.

    Attributes:
        data: writes its files and returns their path, for the field of this name.
        learnt: a score that a trained model beats.
    """

    length: int
    learnt: float
    fields: dict[str, Any] = field(default_factory=dict)
    data: tuple[str, Callable[[Path], str]] | None = None
    steps: int = 300
    rate: float = 3e-3


CASES = {
    "text": Case(32, 2.0, data=("corpus", text)),
    "recall": Case(16, 0.2, {"symbols": 16, "pairs": 2}, steps=500),
    "tokens": Case(32, 1.0, {"symbols": 16}, ("data", tokens)),
    "dna": Case(32, 1.0, {}, ("data", dna)),
    "series": Case(32, 0.1, {"horizon": 2}, ("data", series)),
    "mqar": Case(16, 0.3, {"symbols": 16, "pairs": 2}, steps=500),
    "mad_context_recall": Case(31, 0.3, {"symbols": 8}, steps=400),
    "mad_noisy_recall": Case(31, 0.3, {"symbols": 12, "noise_symbols": 4}, steps=400),
    "mad_fuzzy_recall": Case(32, 0.7, {"symbols": 8}, steps=400),
    "mad_selective_copying": Case(16, 0.3, {"copies": 3}, steps=600),
    "mad_compression": Case(4, 0.3, steps=400, rate=1e-2),
    "mad_memorization": Case(16, 0.1, {"symbols": 32}),
    "several": Case(16, 0.3, {"tasks": [{"kind": "mad_memorization", "symbols": 32}]}),
}

ALONE = [name for name in CASES if name != SeveralTask.name()]


def declared(name: str, folder: Path) -> Task:
    case = CASES[name]
    fields = dict(case.fields)
    if case.data is not None:
        what, write = case.data
        fields[what] = write(folder)
    return task_of(name).model_validate(fields).permitted([folder])


def test_every_built_in_task_has_a_case():
    assert set(CASES) == {task.name() for task in BUILT_IN}


@pytest.mark.parametrize("name", ALONE)
def test_the_seed_determines_batches_and_validation_is_always_the_same(name, tmp_path):
    task, case = declared(name, tmp_path), CASES[name]
    budget = Budget(length=case.length, batch=8, validation=32)
    first, second = task.load(budget), task.load(budget.model_copy(update={"steps": 7, "learning_rate": 0.5}))
    assert all(torch.equal(*pair) for pair in zip(first.validation, second.validation, strict=True))
    rng, same, other = (np.random.default_rng(seed) for seed in (4, 4, 5))
    drawn = first.draw(rng)
    assert all(torch.equal(*pair) for pair in zip(drawn, second.draw(same), strict=True))
    assert not torch.equal(drawn.tokens, second.draw(other).tokens)
    assert not torch.equal(drawn.tokens, first.draw(rng).tokens)


@pytest.mark.parametrize("name", ALONE)
def test_inputs_and_targets_have_the_sizes_that_the_task_declares(name, tmp_path):
    task, case = declared(name, tmp_path), CASES[name]
    loaded = task.load(Budget(length=case.length, batch=8, validation=32))
    for count, (inputs, targets) in ((8, loaded.draw(np.random.default_rng(0))), (32, loaded.validation)):
        assert inputs.shape[:2] == targets.shape[:2] == (count, case.length)
        if task.channels:
            assert (inputs.shape[2], targets.shape[2]) == (task.channels, task.vocab)
            assert inputs.dtype == targets.dtype == torch.float32
            continue
        assert inputs.dtype == targets.dtype == torch.int64
        assert inputs.min() >= 0
        assert inputs.max() < task.vocab
        labels = targets[targets != IGNORED]
        assert labels.min() >= 0
        assert labels.max() < task.vocab
        assert ((targets != IGNORED).sum(1) > 0).all()


@pytest.mark.parametrize("name", ALONE)
def test_no_sequence_of_validation_is_among_those_of_training(name, tmp_path):
    task, length = declared(name, tmp_path), 96  # so long that no two are alike by chance
    loaded = task.load(Budget(length=length, batch=64, validation=64))
    rng = np.random.default_rng(0)

    def rows(examples):
        return {part.tobytes() for part in examples.tokens.contiguous().numpy()}

    drawn = set().union(*(rows(loaded.draw(rng)) for _ in range(100)))
    assert not drawn & rows(loaded.validation)


@pytest.mark.parametrize("name", ALONE)
def test_a_model_that_knows_nothing_has_the_score_of_chance(name, tmp_path):
    """It guesses the mean, or all tokens alike, or, where the share of wrong answers counts, a random answer."""
    task, case = declared(name, tmp_path), CASES[name]
    loaded = task.load(Budget(length=case.length, batch=8, validation=1000))
    targets = loaded.validation.targets
    outputs = torch.zeros(*targets.shape[:2], task.vocab)
    if task.metric.name.endswith("_error") and not task.channels:
        answers = sorted(set(targets[targets != IGNORED].tolist()))
        outputs[..., answers] = 1 + torch.rand(*targets.shape, len(answers), generator=torch.Generator().manual_seed(0))
    score = loaded.score(outputs, targets).mean().item()
    if task.chance == 1.0 and not task.channels:  # that of no right answer, which a guess among answers beats
        assert 1 - 2 / len(answers) <= score <= 1
    else:
        assert score == pytest.approx(task.chance, rel=0.05)


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_a_model_learns_it(name, tmp_path):
    task, case = declared(name, tmp_path), CASES[name]
    budget = Budget(
        steps=case.steps, batch=32, length=case.length, learning_rate=case.rate, validation=256, seconds=1000
    )
    task.require_fit(budget)
    genome = Genome.of([named(name).id for name in ("SA-2", "GMemless")])
    shape = Shape(width=48, head_dim=12, vocab=task.vocab, channels=task.channels)
    evaluator = InlineEvaluator()
    evaluator.submit(Request(0, 0, str(genome), Space.of(depth=2).to_json(), shape, task, budget))
    (evaluation,) = evaluator.collect(1000)
    assert evaluation.detail == ""
    score = task.scores[0].name
    assert evaluation.metrics[score] < case.learnt < task.chances[score]
