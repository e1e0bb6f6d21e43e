"""sLSTM against its published formula, written without the running maximum; and how the rest treats what is no LIV."""

import pytest
import torch

from genome import FEATURIZERS, Genome, Heads, LIVClass, OperatorGenome, Shape, Space, decode, named
from genome.classes.operator import FeaturizerGenome
from star.analysis.state_size import state_sizes
from star.build import build
from star.cache import Store
from star.contract.forms import disagreements
from star.structures.memory_cell import MemoryCell

pytestmark = pytest.mark.slow

ROW = named("sLSTM")
SHAPE = Shape(width=16, head_dim=4, vocab=8)
(FEATURIZER,) = (one for one in FEATURIZERS if one.id == ROW.operator.featurizer)


def _features(length, heads=2, size=3):
    torch.manual_seed(length)
    features = {name: torch.randn(2, length, heads, size, dtype=torch.float64) for name in "cbfv"}
    return features | {"m": torch.randn(heads, 4 * size * size, dtype=torch.float64)}


def _cell(heads=2, size=3):
    head_sizes = dict.fromkeys("cbfv", Heads(heads, size)) | {"m": Heads(heads, 4 * size * size)}
    return MemoryCell(ROW.operator, FEATURIZER, head_sizes, window=1)


def _published(features):
    """h_t = o c / n with c and n as they are: fine as long as no exponential overflows."""
    o, i, f, z = (features[name] for name in "cbfv")
    batch, length, heads, size = z.shape
    r_i, r_f, r_z, r_o = features["m"].view(heads, 4, size, size).unbind(1)
    c, n, y = (torch.zeros(batch, heads, size, dtype=torch.float64) for _ in range(3))
    outputs = []
    for t in range(length):
        fed = [torch.einsum("bhk,hkj->bhj", y, r) for r in (r_i, r_f, r_z, r_o)]
        keep = torch.sigmoid(f[:, t] + fed[1])
        write = torch.exp(i[:, t] + fed[0])
        c = keep * c + write * torch.tanh(z[:, t] + fed[2])
        n = keep * n + write
        y = torch.sigmoid(o[:, t] + fed[3]) * c / n
        outputs.append(y)
    return torch.stack(outputs, dim=1)


@pytest.mark.parametrize("length", [1, 2, 37, 130])
def test_the_cell_is_the_published_one(length):
    features = _features(length)
    torch.testing.assert_close(_cell().mix(features), _published(features))


def _gates(i, f, z, o, length=1):
    """The same gates at every token of one cell of one channel, without feedback."""
    values = {"c": o, "b": i, "f": f, "v": z}
    features = {name: torch.full((1, length, 1, 1), float(value)).double() for name, value in values.items()}
    return {name: x.requires_grad_() for name, x in features.items()} | {"m": torch.zeros(1, 4).double()}


@pytest.mark.parametrize("i", [-1000.0, -30.0, 0.0, 30.0, 1000.0])
@pytest.mark.parametrize("form", ["mix", "fast", "step"])
def test_the_first_token_is_read_whatever_its_input_gate(form, i):
    """The first output is sigmoid(o) tanh(z) for every i, as c and n hold one token alone; so are its gradients."""
    cell, features = _cell(1, 1), _gates(i, 5.0, 1.0, 20.0)
    store = Store({"state": torch.zeros(1, 4, 1, 1).double()}, {})
    y = cell.step(features, store) if form == "step" else getattr(cell, form)(features)
    assert y.item() == pytest.approx(0.7615941, abs=1e-6)
    gates = [features[name] for name in "cbfv"]
    expected = torch.autograd.grad(gates[0].sigmoid() * gates[3].tanh(), [gates[0], gates[3]])
    o, i_gradient, f_gradient, z = torch.autograd.grad(y, gates)
    torch.testing.assert_close((o, z), expected)
    assert i_gradient.item() == f_gradient.item() == 0


def test_steps_from_an_empty_cache_are_the_whole_sequence_at_small_input_gates():
    features = _features(9)
    features["b"] = features["b"] - 40
    cell, store = _cell(), Store({"state": torch.zeros(2, 4, 2, 3).double()}, {})
    outputs = []
    for t in range(9):
        outputs.append(cell.step({name: x if name == "m" else x[:, t : t + 1] for name, x in features.items()}, store))
        store.advance(1)
    torch.testing.assert_close(torch.cat(outputs, 1), _published(features))
    torch.testing.assert_close(cell.mix(features), _published(features))


def test_gradients_are_those_of_the_published_formula():
    features = {name: x.requires_grad_() for name, x in _features(20).items()}
    ours, theirs = (
        torch.autograd.grad(y.square().sum(), list(features.values()))
        for y in (_cell().mix(features), _published(features))
    )
    torch.testing.assert_close(ours, theirs)


def test_extreme_gates_stay_finite():
    features = {name: (100 * x).requires_grad_() for name, x in _features(200).items()}
    y = _cell().mix(features)
    assert all(x.isfinite().all() for x in (y, *torch.autograd.grad(y.sum(), list(features.values()))))


@pytest.mark.parametrize("length", [1, 2, 37])
def test_forms_agree_where_the_feedback_is_not_zero(length):
    assert list(disagreements(_cell(), _features(length))) == []


def test_it_has_no_matrix_and_says_so():
    with pytest.raises(TypeError, match="no linear input-varying system"):
        _cell().matrix(_features(3))


def test_the_effective_state_size_leaves_it_out():
    space = Space.of(["sLSTM", "RetNet"], depth=2)
    model = build(decode(Genome.parse("120.1.1.1.1-41.1.1.1.1"), space), SHAPE)
    (measured,) = state_sizes(model, torch.randint(8, (1, 16)))
    assert (measured.liv, measured.name) == (1, "RetNet")


def test_other_structures_do_not_take_its_features():
    featurizer = FeaturizerGenome(1, FEATURIZER.groups)
    with pytest.raises(ValueError, match=r"low_rank \(none\) mixes the feature groups c, b, v; featurizer 1 computes"):
        Space((LIVClass(1, "Odd", OperatorGenome.of((1, 2, 1, 2, 3))),), (featurizer,), 1)
