"""The training loop and the measurement of quality, on models small enough to reason about."""

import math
import time

import numpy as np
import pytest
import torch
from torch import nn

import star
from evaluator.budget import Budget
from evaluator.failure import DivergenceError, TimeLimitError
from evaluator.measure import quality
from evaluator.optimizers.groups import optimizer_of
from evaluator.schedule import stable_steps
from evaluator.tasks.loaded import IGNORED, Examples
from evaluator.train import Training, train
from genome import Genome, Shape, Space, decode
from star.weight_decay import decaying_parameters

VOCAB = 8
LATER = math.inf


class Successor:
    """After n comes n + 1; scored by the share of wrong answers."""

    def __init__(self, batch: int = 4, asked: slice = slice(None)) -> None:
        self.batch = batch
        self.asked = asked
        self.validation = self._examples(np.arange(10)[:, None] % VOCAB)

    def _examples(self, first_B1):
        tokens_BL = torch.from_numpy((first_B1 + np.arange(6)) % VOCAB)
        targets_BL = torch.full_like(tokens_BL, IGNORED)
        targets_BL[:, self.asked] = (tokens_BL[:, self.asked] + 1) % VOCAB
        return Examples(tokens_BL, targets_BL)

    def draw(self, rng):
        return self._examples(rng.integers(0, VOCAB, (self.batch, 1)))

    def score(self, logits_BLV, targets_BL):
        return (logits_BLV.argmax(-1) != targets_BL).double().mean(1)


class Bigram(nn.Module):
    """The logits of the next token are a row of a table, plus what the test adds."""

    decaying = ("table", "unused_matrix")

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.randn(VOCAB, VOCAB, generator=torch.Generator().manual_seed(seed)))
        self.gain = nn.Parameter(torch.ones(VOCAB))
        self.unused_matrix = nn.Parameter(torch.ones(2, 2))
        self.unused_vector = nn.Parameter(torch.ones(2))
        self.calls = 0

    def forward(self, tokens_BL):
        self.calls += 1
        idle = 0 * (self.unused_matrix.sum() + self.unused_vector.sum())
        return self.table[tokens_BL] * self.gain + idle + self.disturbance()

    def disturbance(self):
        return 0.0


class Breaks(Bigram):
    """Becomes not a number at its third call."""

    def disturbance(self):
        return math.nan if self.calls >= 3 else 0.0


class BreaksBackwards(Bigram):
    """Its loss stays finite, its gradient does not: the root of zero."""

    def disturbance(self):
        return (self.gain - self.gain).sum().abs().sqrt() if self.calls >= 3 else 0.0


class Explodes(Bigram):
    """Is confidently wrong from the third call on."""

    def disturbance(self):
        return 1e3 * torch.eye(VOCAB)[0] if self.calls >= 3 else 0.0


def trained(model, budget, task=None, seed=0, deadline=LATER):
    return train(model, task or Successor(), budget, np.random.default_rng(seed), deadline)


def test_the_loss_falls_to_what_the_task_allows():
    model = Bigram()
    curve = trained(model, Budget(steps=150, learning_rate=0.2, weight_decay=0))
    assert curve[0][1] > 1.5
    assert curve[-1][1] < 0.05
    assert quality(model, Successor(), 4, LATER).value == 0


def test_the_same_seed_gives_the_same_weights_and_another_seed_others():
    budget = Budget(steps=20)
    runs = []
    for seed in (1, 1, 2):
        model = Bigram()
        runs.append((trained(model, budget, seed=seed), model.table.detach()))
    assert runs[0][0] == runs[1][0]
    assert torch.equal(runs[0][1], runs[1][1])
    assert not torch.equal(runs[0][1], runs[2][1])


@pytest.mark.parametrize("steps", [1, 7, 100, 101, 150])
def test_the_curve_has_at_most_a_hundred_points_and_ends_with_the_last_step(steps):
    curve = trained(Bigram(), Budget(steps=steps, warmup=0))
    at = [step for step, _ in curve]
    assert len(at) <= 100
    assert at == sorted(set(at))
    assert at[-1] == steps


@pytest.mark.parametrize("model", [Breaks(), BreaksBackwards(), Explodes()], ids=lambda model: type(model).__name__)
def test_divergence_is_noticed_at_the_step_it_happens_and_the_step_is_not_taken(model):
    with pytest.raises(DivergenceError, match="at step 3 the loss is"):
        trained(model, Budget(steps=10))
    assert model.calls == 3
    assert all(parameter.isfinite().all() for parameter in model.parameters())


def test_training_stops_at_the_deadline():
    model = Bigram()
    with pytest.raises(TimeLimitError, match="after 0 of 10 training steps"):
        trained(model, Budget(steps=10), deadline=time.monotonic() - 1)
    assert model.calls == 0


def test_only_asked_positions_are_learned_from():
    class Fixed(Successor):
        def draw(self, rng):
            return self._examples(np.zeros((4, 1), np.int64))

    model, untouched = Bigram(), Bigram()
    trained(model, Budget(steps=3, weight_decay=0), Fixed(asked=slice(2, 3)))
    moved = (model.table != untouched.table).any(1)
    assert moved.nonzero().flatten().tolist() == [2]


def test_a_parameter_decays_if_its_module_says_so():
    model = Bigram()
    trained(model, Budget(steps=5, warmup=0, learning_rate=0.1, weight_decay=1))
    assert (model.unused_matrix < 0.9).all()
    assert (model.unused_vector == 1).all()


def test_weight_decay_alone_changes_no_rate_of_a_recurrence():
    """Under a budget like that of `star-125m`, a rate of 16 once fell to 9.3 by weight decay alone."""
    space = Space.of(["Mamba-2"], depth=1)
    model = star.build(decode(Genome.parse("44.1.1.1.1"), space), Shape(), 0)
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    optimizer = optimizer_of(model, Budget(learning_rate=1e-2, weight_decay=1.0))
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    for _ in range(10):
        optimizer.step()
    changed = {name for name, parameter in model.named_parameters() if not torch.equal(parameter, before[name])}
    assert changed == set(decaying_parameters(model))
    assert not any(word in name for name in changed for word in ("log_rate", "bias", "norm"))


def test_a_short_run_is_a_prefix_of_a_longer_one():
    """A branch is cooled down and measured; the training then goes on as if there had been none."""
    budget = Budget(steps=40, warmup=4, weight_decay=0)
    model = Bigram()
    training = Training(model, Successor(), budget, np.random.default_rng(0))
    training.run(stable_steps(10, budget), 10, LATER)
    branch = training.branched()
    branch.run(10, 10, LATER)
    assert isinstance(branch.model, Bigram)
    assert torch.equal(branch.model.table, _after(10, budget))
    training.run(40, 40, LATER)
    assert torch.equal(model.table, _after(40, budget))


def _after(steps, budget):
    model = Bigram()
    trained(model, budget.model_copy(update={"steps": steps}))
    return model.table


@pytest.mark.parametrize("batch", [1, 3, 10, 64])
def test_quality_is_the_mean_over_sequences_whatever_the_batch(batch):
    model = Bigram()
    with torch.no_grad():
        model.table.copy_(torch.eye(VOCAB).roll(1, 1))
        model.table[3] = torch.eye(VOCAB)[0]  # wrong after 3 alone
    measured = quality(model, Successor(), batch, LATER)
    wrong = [(3 in [(first + n) % VOCAB for n in range(6)]) / 6 for first in range(10)]
    assert measured.value == pytest.approx(np.mean(wrong))
    assert measured.stderr == pytest.approx(np.std(wrong, ddof=1) / math.sqrt(10))
    assert not model.training


def test_a_model_whose_quality_is_no_number_has_diverged():
    class NoNumber(Successor):
        def score(self, logits_BLV, targets_BL):
            return super().score(logits_BLV, targets_BL) + logits_BLV.sum()

    model = Breaks()
    model.calls = 2
    with pytest.raises(DivergenceError, match="the score of the trained model is nan"):
        quality(model, NoNumber(), 4, LATER)


def test_measuring_stops_at_the_deadline():
    with pytest.raises(TimeLimitError, match="measured"):
        quality(Bigram(), Successor(), 4, time.monotonic() - 1)
