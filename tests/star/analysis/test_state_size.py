"""Effective state size against matrices whose rank is known by construction, and on the features of real models."""

import numpy as np
import pytest
import torch

import star
from genome import Genome, Shape, Space, decode
from star.analysis.state_size import spectral_sizes, spread

pytestmark = pytest.mark.slow

LENGTH = 24
SHAPE = Shape(width=32, head_dim=8)
RNG = np.random.default_rng(0)
CUTS = tuple(range(1, LENGTH))


def _model(text, seed=0):
    genome = Genome.parse(text)
    return star.build(decode(genome, Space.of(depth=len(genome.segments), groups=2)), SHAPE, seed)


def _tokens(batch=2, length=LENGTH):
    return torch.from_numpy(np.random.default_rng(1).integers(0, 256, (batch, length)))


def _only(text, **options):
    (size,) = star.state_sizes(_model(text), _tokens(), CUTS, **options)
    return size


def _counts(t_LL, cuts=CUTS, tolerance=1e-9):
    counted, effective = spectral_sizes(torch.from_numpy(t_LL)[None], cuts, tolerance)
    return counted[0].tolist(), effective[0].tolist()


def _recurrence(state):
    """T of S_t = A_t S_{t-1} + b_t v_t, y_t = c_t S_t with dense random A, by running it on unit vectors."""
    a, b, c = (RNG.normal(size=(LENGTH, *sizes)) for sizes in ((state, state), (state,), (state,)))
    t_LL = np.zeros((LENGTH, LENGTH))
    for j in range(LENGTH):
        s = np.zeros(state)
        for i in range(LENGTH):
            s = a[i] @ s / state**0.5 + b[i] * (i == j)
            t_LL[i, j] = c[i] @ s
    return t_LL


def test_a_diagonal_has_no_state():
    assert _counts(np.diag(RNG.normal(size=LENGTH))) == ([0.0] * len(CUTS), [0.0] * len(CUTS))


@pytest.mark.parametrize("state", [1, 3, 5])
def test_a_recurrence_uses_all_of_its_state_and_never_more(state):
    counted, effective = _counts(_recurrence(state))
    assert counted == [min(state, i, LENGTH - i) for i in CUTS]
    assert all(1 <= few <= many + 1e-9 for few, many in zip(effective, counted, strict=True))


@pytest.mark.parametrize("taps", [1, 2, 4])
def test_a_convolution_uses_one_less_than_its_taps(taps):
    t_LL = sum(np.diag(np.full(LENGTH - w, value), -w) for w, value in enumerate(RNG.normal(size=taps)))
    assert _counts(t_LL)[0] == [min(taps - 1, i, LENGTH - i) for i in CUTS]


def test_equal_singular_values_count_fully_and_a_dominant_one_alone():
    shift = np.diag(np.ones(LENGTH - 4), -4)
    assert _counts(shift, (12,))[1] == pytest.approx([4.0])
    shift[12, 8] = 1e9
    assert _counts(shift, (12,))[1] == pytest.approx([1.0], abs=1e-6)


def test_the_tolerance_is_absolute():
    t_LL = np.diag([1.0, 0.1, 0.01, *np.zeros(LENGTH - 7)], -4)
    assert [_counts(t_LL, (4,), tolerance)[0] for tolerance in (0, 0.05, 0.5, 2)] == [[3.0], [2.0], [1.0], [0.0]]


@pytest.mark.parametrize(
    ("text", "state", "elements"),
    [("9.1.1.1.1", 0, 0), ("7.1.1.1.1", 2, 2 * 32), ("6.1.1.1.1", 2, 2 * 32), ("5.1.1.1.1", 16, 16 * 32)],
)
def test_fixed_states_bound_what_is_used(text, state, elements):
    size = _only(text, tolerance=1e-12)
    assert (size.state, size.elements) == (state, elements)
    assert size.has == tuple(min(state, i, LENGTH - i) for i in CUTS)
    assert all(used <= has for used, has in zip(size.tolerance_ess, size.has, strict=True))
    assert size.used_share is None if state == 0 else 0.5 < size.used_share <= 1


def test_a_small_recurrence_on_its_own_features_uses_all_it_has():
    assert _only("6.1.1.1.1", tolerance=1e-12).used_share == 1


@pytest.mark.parametrize("text", ["1.1.1.1.1", "3.1.1.1.1", "8.1.1.1.1"])
def test_attention_and_implicit_filters_grow_with_the_past(text):
    size = _only(text)
    assert size.state is None
    assert size.has == tuple(min(i, LENGTH - i) for i in CUTS)
    early = size.tolerance_ess[: LENGTH // 2]
    assert list(early) == sorted(early)
    assert early[-1] > 3 * early[1]


def test_the_branches_of_a_differential_liv_are_told_apart():
    sizes = star.state_sizes(_model("9.1.1.1.1-10.1.1.1.1-15.1.1.1.1"), _tokens())
    assert [(size.liv, size.branch) for size in sizes] == [(0, ""), (1, "1"), (1, "2"), (2, "1"), (2, "2")]
    assert sizes[1].entropy_ess != sizes[2].entropy_ess
    assert sizes[3].state == sizes[4].state == 2


def test_curves_are_means_over_the_batch_and_over_heads():
    model, tokens_BL = _model("1.1.1.1.1"), _tokens(3)
    (together,) = star.state_sizes(model, tokens_BL, CUTS)
    apart = [star.state_sizes(model, row_L[None], CUTS)[0].entropy_ess for row_L in tokens_BL]
    assert together.entropy_ess == pytest.approx(np.mean(apart, axis=0))
    ((block, (features,)),) = model.trace(tokens_BL[:1])
    t_HLL = block.operator.structure.matrix({name: value.detach().double() for name, value in features.items()})[0]
    assert together.matrices == len(t_HLL) == 4
    by_head = [[np.linalg.svd(t_LL[i:, :i].numpy(), compute_uv=False) for i in CUTS] for t_LL in t_HLL]
    shares = [[values / values.sum() for values in head] for head in by_head]
    expected = [[np.exp(-(p * np.log(p + 1e-300)).sum()) for p in head] for head in shares]
    assert apart[0] == pytest.approx(np.mean(expected, axis=0))


def test_features_are_those_of_the_real_forward():
    model, tokens_BL = _model("2.1.1.1.4-5.1.1.1.1-2.1.1.1.4-9.1.1.1.1"), _tokens()
    with torch.no_grad():
        logits_BLV = model(tokens_BL)
        x_BLD = model.embedding_VD[tokens_BL]
        for block, features in model.trace(tokens_BL):
            x_BLD = x_BLD + block.mix(features)
        rebuilt_BLV = model.norm(x_BLD) @ model.head_VD.T
        traced = [features for _, (features,) in model.trace(tokens_BL)]
    torch.testing.assert_close(rebuilt_BLV, logits_BLV)
    assert traced[2]["b"] is traced[0]["b"], "the third LIV takes its keys from the first"
    assert traced[2]["c"] is not traced[0]["c"]


def test_measuring_changes_nothing():
    model, tokens_BL = _model("1.1.1.1.1-9.1.1.1.1"), _tokens()
    before = star.weights(model)
    first, second = (star.state_sizes(model, tokens_BL) for _ in range(2))
    assert first == second
    assert star.weights(model) == before


@pytest.mark.parametrize("length", [2, 3, 5, 24, 128])
def test_positions_are_spread_inside_the_sequence(length):
    positions = spread(length)
    assert positions == tuple(sorted(set(positions)))
    assert positions[0] >= 1
    assert positions[-1] <= length - 1
    assert len(positions) == min(8, length - 1)


@pytest.mark.parametrize(
    ("tokens_BL", "options", "told"),
    [
        (torch.zeros(1, 1, dtype=torch.int64), {}, "2 or more"),
        (torch.zeros(0, 4, dtype=torch.int64), {}, "batch"),
        (torch.zeros(4, dtype=torch.int64), {}, "batch"),
        (torch.zeros(1, 4, dtype=torch.int64), {"positions": [4]}, "positions must be 1 to 3"),
        (torch.zeros(1, 4, dtype=torch.int64), {"positions": []}, "positions"),
        (torch.zeros(1, 4, dtype=torch.int64), {"tolerance": -1.0}, "tolerance"),
        (torch.zeros(1, 4, dtype=torch.int64), {"tolerance": float("nan")}, "tolerance"),
    ],
)
def test_what_cannot_be_measured_is_refused(tokens_BL, options, told):
    with pytest.raises(ValueError, match=told):
        star.state_sizes(_model("9.1.1.1.1"), tokens_BL, **options)


def test_weights_that_diverged_are_refused_with_the_liv_named():
    model = _model("9.1.1.1.1-1.1.1.1.1")
    with torch.no_grad():
        model.head_VD.fill_(float("nan"))
        next(model.stack()).operator.out_DC.fill_(float("nan"))
    with pytest.raises(ValueError, match="LIV 2, SA-1: T is not finite"):
        star.state_sizes(model, _tokens())
