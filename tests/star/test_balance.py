"""The term that keeps routes in use: its value, who adds to it and how often, and that it does what it is for."""

import numpy as np
import pytest
import torch

from evaluator.budget import Budget
from evaluator.gradients import BALANCE
from evaluator.tasks.loaded import Examples
from evaluator.train import train
from genome import Genome, Shape, Space, decode
from star.balance import balancing, imbalance
from star.build import build

SHAPE = Shape(width=32, head_dim=8, vocab=16)


def _model(text):
    genome = Genome.parse(text)
    return build(decode(genome, Space.of(depth=len(genome.segments))), SHAPE, 3)


def _terms(model, length=50):
    tokens_BL = torch.randint(16, (2, length), generator=torch.Generator().manual_seed(0))
    with balancing() as terms:
        model(tokens_BL)
    return terms


def _met(routes, *chosen):
    return torch.nn.functional.one_hot(torch.tensor(chosen), routes).sum(-2).bool()


def test_even_routes_give_one():
    even_BLM = torch.full((1, 4, 4), 0.25)
    assert imbalance(even_BLM, _met(4, [[[0], [1], [2], [3]]])[0]) == 1
    assert imbalance(even_BLM, _met(4, [[[0, 1], [1, 2], [2, 3], [3, 0]]])[0]) == 1


@pytest.mark.parametrize(("chosen", "probabilities", "expected"), [([0], [1, 0, 0, 0], 4), ([0, 1], [1, 1, 0, 0], 2)])
def test_collapsed_routes_give_as_many_as_there_are_for_each_in_use(chosen, probabilities, expected):
    p_M = torch.tensor(probabilities) / sum(probabilities)
    assert imbalance(p_M.expand(1, 6, 4), _met(4, [[chosen] * 6])[0]) == expected


@torch.no_grad()
def test_the_term_is_the_share_of_choices_times_the_mean_probability():
    model = _model("112.1.1.1.1")
    (term,) = _terms(model)
    (block,) = model.stack()
    x_BLD = block.norm(model.embedding_VD[torch.randint(16, (2, 50), generator=torch.Generator().manual_seed(0))])
    p_NM = torch.softmax(x_BLD @ block.operator.featurizer["r"].weight_MD.T, -1).flatten(0, 1)
    counts = [sum(m in row.topk(2).indices.tolist() for row in p_NM) for m in range(8)]
    assert float(term) == pytest.approx(sum(8 * n / 200 * float(p) for n, p in zip(counts, p_NM.mean(0), strict=True)))


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("1.1.1.1.1", 0),
        ("114.1.1.1.1", 0),
        ("110.1.1.1.1", 1),
        ("112.1.1.1.1-9.1.1.1.1-113.1.1.1.1", 2),
        ("112.1.2.1.1-112.1.2.1.1", 2),
        ("112.1.1.1.2-112.1.1.1.2", 1),
    ],
    ids=["unrouted", "a gate", "a shared memory", "two kinds", "a shared router chooses twice", "routes taken"],
)
def test_a_term_for_every_choice_that_is_made(text, terms):
    assert len(_terms(_model(text))) == terms


def test_nothing_is_kept_where_nobody_listens():
    model = _model("112.1.1.1.1")
    with balancing() as outer:
        with balancing() as inner:
            model(torch.zeros(1, 3, dtype=torch.long))
        assert len(inner) == 1
    model(torch.zeros(1, 3, dtype=torch.long))
    assert outer == []
    assert len(inner) == 1
    assert set(model.state_dict()) == {name for name, _ in model.named_parameters()}


def test_its_gradient_evens_the_routes():
    model = _model("113.1.1.1.1")
    (block,) = model.stack()
    router = block.operator.featurizer["r"]
    with torch.no_grad():
        x_BLD = block.norm(model.embedding_VD[:, None])
        router.weight_MD[0] += 0.5 * x_BLD.sum((0, 1)) / x_BLD.sum((0, 1)).norm()
        router.weight_MD[1:] *= 0.1
    optimizer = torch.optim.Adam([router.weight_MD], lr=0.02)
    before = float(_terms(model)[0].detach())
    for _ in range(100):
        optimizer.zero_grad()
        _terms(model)[0].backward()
        optimizer.step()
    after = float(_terms(model)[0].detach())
    assert before > 1.2
    assert after < 1.1


class _Repeat:
    """Sequences whose targets are their own tokens."""

    @property
    def validation(self):
        return self.draw(np.random.default_rng(0))

    def score(self, logits_BLV, targets_BL):
        raise AssertionError("a training does not score")

    def draw(self, rng):
        tokens_BL = torch.from_numpy(rng.integers(0, 16, (4, 20)))
        return Examples(tokens_BL, tokens_BL)


def test_the_trainer_adds_the_term_and_its_curve_does_not_show_it(monkeypatch):
    budget = Budget(steps=3, seconds=60.0)
    curves, routers = [], []
    for weight in (BALANCE, 0.0):
        monkeypatch.setattr("evaluator.gradients.BALANCE", weight)
        model = _model("112.1.1.1.1-1.1.1.1.1")
        curves.append(train(model, _Repeat(), budget, np.random.default_rng(0), float("inf")))
        routers.append(next(model.stack()).operator.featurizer["r"].weight_MD.detach())
    assert BALANCE == 0.01
    assert curves[0][0] == curves[1][0], "the first loss is the plain cross-entropy"
    assert not torch.equal(*routers)


@torch.no_grad()
def test_parts_that_know_the_choices_of_all_have_the_term_of_the_whole_as_their_mean():
    model = _model("112.1.1.1.1-113.1.1.1.1")
    tokens_BL = torch.randint(16, (4, 30), generator=torch.Generator().manual_seed(1))
    counts = []

    def terms(part_BL, summed):
        with balancing(summed) as found:
            model(part_BL)
        return torch.stack(found)

    def noted(own):
        counts.append(own)
        return own

    whole = terms(tokens_BL, None)
    halves = tokens_BL.split(2)
    alone = torch.stack([terms(half_BL, noted) for half_BL in halves]).mean(0)
    informed = torch.stack([terms(half_BL, lambda own: sum(counts)) for half_BL in halves]).mean(0)
    torch.testing.assert_close(informed, whole)
    assert (alone - whole).abs().min() > 1e-4, "each by its own choices is another term"
