"""The protocols of MAD: what `corrected` mends, the two errors, the error of chance, and sizes that are refused."""

from collections import Counter
from typing import Literal

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from evaluator.budget import Budget
from evaluator.evaluation import Request
from evaluator.inline import InlineEvaluator
from evaluator.tasks.loaded import IGNORED, share_wrong
from evaluator.tasks.mad.compression import CompressionTask
from evaluator.tasks.mad.copying import SelectiveCopyingTask
from evaluator.tasks.mad.error import macro_error
from evaluator.tasks.mad.fuzzy import FuzzyRecallTask
from evaluator.tasks.mad.memorization import MemorizationTask
from evaluator.tasks.mad.recall import ContextRecallTask, NoisyRecallTask
from evaluator.tasks.registry import MAD
from evaluator.value import FieldError
from genome import Genome, Shape, Space, decode, named
from star import cost
from tests.evaluator.test_mad_tasks import rows

SEEDS = st.integers(0, 2**32 - 1)
PROTOCOLS: tuple[Literal["published", "corrected"], ...] = ("published", "corrected")


def test_a_few_published_sequences_of_fuzzy_recall_end_with_a_probe_that_was_never_there():
    def unanswerable(protocol):
        found = 0
        task = FuzzyRecallTask(protocol=protocol, symbols=64)
        tokens_BL, targets_BL = task.generate(np.random.default_rng(0), 2000, 128, False)
        for tokens, targets in zip(tokens_BL.tolist(), targets_BL.tolist(), strict=True):
            size = next(n for n in range(1, 4) if tokens[-n] < 31)
            key = tokens[-size - 2 : len(tokens) - size + 1]
            before = tokens[: -size - 2]
            found += not any(before[n : n + 3] == key for n in range(len(before) - 2))
            assert targets[-1] != IGNORED
        return found

    assert 0 < unanswerable("published") < 200
    assert unanswerable("corrected") == 0


@pytest.mark.parametrize(("protocol", "always"), [("published", True), ("corrected", False)])
def test_the_published_code_puts_no_blank_behind_the_last_token_to_copy(protocol, always):
    tokens_BL, _ = SelectiveCopyingTask(protocol=protocol).generate(np.random.default_rng(0), 100, 256, False)
    assert (tokens_BL[:, 256 - 18] != 14).all() == always


def test_corrected_memorization_shows_every_key_and_published_does_not():
    """With 2,048 symbols the published training set lacks some keys, whose values nobody can know."""
    seen = {
        protocol: set(
            MemorizationTask(symbols=2048, protocol=protocol)
            .generate(np.random.default_rng(0), 256, 32, True)[0][:, ::2]
            .flat
        )
        for protocol in PROTOCOLS
    }
    assert len(seen["corrected"]) == 1023
    assert 0.97 < len(seen["published"]) / 1023 < 0.99


@pytest.mark.parametrize("task", [ContextRecallTask, NoisyRecallTask, FuzzyRecallTask])
def test_published_training_asks_for_every_next_token_and_its_validation_for_values(task):
    published, length = task(protocol="published"), task.baseline.length
    for tokens, targets in rows(published, 3, length, training=True):
        assert targets[:-1] == tokens[1:]
    asked = [targets for _, targets in rows(published, 3, length)]
    assert asked == [targets for _, targets in rows(task(), 3, length)] or task is FuzzyRecallTask
    assert all(IGNORED in targets for targets in asked)


@given(SEEDS, st.integers(1, 6), st.integers(1, 8), st.integers(2, 5))
def test_the_macro_error_weighs_every_class_alike(seed, count, length, classes):
    rng = np.random.default_rng(seed)
    targets = rng.integers(0, classes, (count, length))
    targets[:, 1:][rng.random((count, length - 1)) < 0.5] = IGNORED
    answers = rng.integers(0, classes, (count, length))
    pairs = [(t, a) for t, a in zip(targets.flat, answers.flat, strict=True) if t != IGNORED]
    right, asked = Counter(t for t, a in pairs if t == a), Counter(t for t, _ in pairs)
    present = {*asked, *(a for _, a in pairs)}
    accuracy = sum(right[c] / asked[c] if asked[c] else 0 for c in present) / len(present)
    score_B = macro_error(torch.tensor(answers), torch.tensor(targets))
    assert score_B.shape == (count,)
    assert score_B.mean().item() == pytest.approx(1 - accuracy, abs=1e-5)


def test_the_share_of_wrong_answers_is_that_of_each_sequence():
    targets = torch.tensor([[1, IGNORED, 2], [IGNORED, 3, 3]])
    answers = torch.tensor([[1, 0, 0], [9, 3, 3]])
    assert share_wrong(answers, targets).tolist() == [0.5, 0.0]


@pytest.mark.parametrize("task", MAD, ids=lambda task: task.name())
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_guessing_an_answer_has_the_error_of_chance(task, protocol):
    declared = task(protocol=protocol)
    loaded = declared.load(Budget(length=task.baseline.length, validation=1024, batch=128))
    targets_BL = loaded.validation.targets
    answers = sorted(set(targets_BL[targets_BL != IGNORED].tolist()))
    if task is CompressionTask:
        answers = answers[:15]  # the published protocol asks for the compression token too
    assert len(answers) == declared.answers
    logits_BLV = torch.full((*targets_BL.shape, declared.symbols), -1.0)
    generator = torch.Generator().manual_seed(0)
    logits_BLV[..., answers] = torch.rand((*targets_BL.shape, len(answers)), generator=generator)
    assert loaded.score(logits_BLV, targets_BL).mean().item() == pytest.approx(declared.chance, abs=0.03)


REFUSED = {
    "more noise than symbols": (NoisyRecallTask(noise_symbols=30), 127, "noise_symbols must be 1 to 28, not 30"),
    "no room to copy": (SelectiveCopyingTask(copies=60), 100, "length must be 122 or more for copying 60 tokens"),
    "no room for motifs": (FuzzyRecallTask(), 20, "length must be 24 or more for fuzzy recall, not 20"),
    "no room to recall": (ContextRecallTask(), 2, "length must be 3 or more for recall, not 2"),
    "keys that nobody sees": (MemorizationTask(symbols=8192), 32, "examples must be 256 or more, not 255"),
    "too large": (CompressionTask(examples=1_000_000), 32, "examples must be 1 to 524288 at a length of 32 tokens"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_sizes_that_do_not_fit_are_refused_with_the_legal_ones(what):
    task, length, says = REFUSED[what]
    if what == "keys that nobody sees":
        task = task.model_copy(update={"examples": 255})
    with pytest.raises(FieldError, match=says):
        task.load(Budget(length=length))


@pytest.mark.slow
def test_compression_trains_the_decoder_and_reports_the_architecture_alone():
    """Three of 15 tokens fit into a state of 64 channels."""
    shape = Shape(width=64, head_dim=16, vocab=16)
    budget = Budget(steps=400, batch=64, length=4, validation=128, learning_rate=1e-2)
    genome = str(Genome.of([named("SA-1").id, named("GMemless").id]))
    space = Space.of(depth=2)
    evaluator = InlineEvaluator()
    evaluator.submit(Request(0, 0, genome, space.to_json(), shape, CompressionTask(), budget))
    (evaluation,) = evaluator.collect(600)
    assert evaluation.detail == ""
    assert evaluation.metrics["mad_compression_error"] < 0.3

    assert evaluation.metrics["parameters"] == cost(decode(Genome.parse(genome), space), shape, 4096).parameters
