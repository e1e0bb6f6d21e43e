"""The delta rule as a structure: a memory that can be rewritten; its forms, and the classes that can be built of it."""

from dataclasses import replace

import pytest
import torch

from genome import FEATURIZERS, Genome, Heads, LIVClass, OperatorGenome, Shape, Space, decode, named
from genome.classes.alphabet import Expansion, Generator, Nonlinearity, Normalisation, Source
from genome.classes.feature_groups import OUTPUT
from star.contract.case import Case
from star.contract.checks import examine
from star.contract.forms import disagreements
from star.structures.delta import Delta

pytestmark = pytest.mark.slow

ROWS = {row.id: row for row in FEATURIZERS}


def _delta(keys, values, heads=1):
    head_sizes = {name: Heads(heads, keys) for name in "cb"} | {name: Heads(heads, 1) for name in "ad"}
    (featurizer,) = (one for one in FEATURIZERS if one.id == named("DeltaNet").operator.featurizer)
    return Delta(named("DeltaNet").operator, featurizer, head_sizes | {"v": Heads(heads, values)}, window=1)


FORMS = {
    "mix": lambda structure, features: structure.mix(features),
    "fast": lambda structure, features: structure.fast(features),
    "matrix": lambda structure, features: (structure.matrix(features) @ features["v"].transpose(1, 2)).transpose(1, 2),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_key_written_twice_holds_the_second_value_alone(form):
    """A sum of outer products would give back v1 + v2: this is what the delta rule is for."""
    k, v1, v2 = torch.tensor([0.6, 0.8]), torch.tensor([1.0, 2.0, 3.0]), torch.tensor([-4.0, 5.0, 0.5])
    k, v1, v2 = k.double(), v1.double(), v2.double()
    features = {
        "c": torch.stack([k, k]).view(1, 2, 1, 2),
        "b": torch.stack([k, k]).view(1, 2, 1, 2),
        "a": torch.zeros(1, 1, dtype=torch.float64),
        "d": torch.ones(1, 2, 1, 1, dtype=torch.float64),
        "v": torch.stack([v1, v2]).view(1, 2, 1, 3),
    }
    read = FORMS[form](_delta(2, 3), features)[0, :, 0]
    torch.testing.assert_close(read, torch.stack([v1, v2]))


@pytest.mark.parametrize("form", FORMS)
def test_values_under_orthogonal_keys_do_not_disturb_each_other(form):
    keys = torch.eye(4, dtype=torch.float64)
    values = torch.randn(4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    written = torch.cat([keys, keys[[2]]]).view(1, 5, 1, 4)
    read = torch.cat([keys, keys[[1]]]).view(1, 5, 1, 4)
    features = {
        "c": read,
        "b": written,
        "a": torch.zeros(1, 1, dtype=torch.float64),
        "d": torch.ones(1, 5, 1, 1, dtype=torch.float64),
        "v": torch.cat([values, -values[[2]]]).view(1, 5, 1, 3),
    }
    torch.testing.assert_close(FORMS[form](_delta(4, 3), features)[0, 4, 0], values[1])


@pytest.mark.parametrize("name", ["DeltaNet", "Gated DeltaNet", "KDA"])
@pytest.mark.parametrize("length", [1, 2, 37, 63, 64, 65, 130])
def test_forms_agree_at_awkward_lengths(name, length):
    model = _case(name).model
    noise = torch.randn(1, 2, length, 64, dtype=torch.float64, generator=torch.Generator().manual_seed(length))
    with torch.no_grad():
        ((block, (features,)),) = model.features_of(noise.unbind(0))
    for liv in block.operator.livs:
        assert list(disagreements(liv.structure, features)) == []


def _case(name):
    space = Space.of([name], depth=1)
    return Case(decode(Genome.of([named(name).id]), space), Shape())


def _variant(channel_mixing=3, differential=False, sparsity=1, **groups):
    """The space of a delta class whose groups differ from DeltaNet's, its output as it is."""
    mixed = [(name, group) for name, group in ROWS[70].groups if name != OUTPUT]
    changed = tuple((name, replace(group, **groups.get(name, {}))) for name, group in mixed)
    featurizer = replace(ROWS[70], id=900, groups=changed)
    row = LIVClass(900, "Odd", OperatorGenome.of((900, 5, sparsity, 1, channel_mixing)), differential)
    return Space((row,), (featurizer,), depth=2)


STATE = {"expansion": Expansion.STATE_16}
FIXED = {"generator": Generator.FIXED}
LEARNED = {"generator": Generator.NONE}
GATES = {"source": Source.PROJECTED, "channel": 2, "generator": Generator.NONE}
ONES = {"source": Source.CONSTANT, "channel": 1, "nonlinearity": Nonlinearity.NONE, "generator": Generator.ONES}


@pytest.mark.parametrize(
    "space",
    [
        _variant(differential=True),
        _variant(channel_mixing=2),
        _variant(channel_mixing=1, c=STATE, b=STATE),
        _variant(c=STATE, b=STATE, a=FIXED),
        _variant(c={"normalisation": Normalisation.NONE}, a=LEARNED),
        _variant(a=LEARNED | {"expansion": Expansion.SAME}),
        _variant(c=STATE, b=STATE, a=GATES | STATE),
        _variant(a=GATES | {"expansion": Expansion.SAME}, differential=True),
        _variant(a=GATES | {"expansion": Expansion.SAME}, sparsity=2),
    ],
    ids=[
        "differential",
        "one head",
        "a head a channel",
        "shared keys, fixed decays",
        "learned decays",
        "learned decays of keys",
        "shared keys with a decay each",
        "differential with decays of keys",
        "banded with decays of keys",
    ],
)
def test_classes_beyond_the_catalogue_keep_the_contract(space):
    genome = Genome.parse("900.1.2.1.3-900.1.2.1.3")
    assert examine(Case(decode(genome, space), Shape(32, 8))).breaches == ()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"b": {"normalisation": Normalisation.NONE}}, "group b of a delta rule: normalisation 1 .* legal: 2"),
        ({"d": {"nonlinearity": Nonlinearity.NONE}}, "group d of a delta rule: nonlinearity 1 .* legal: 5"),
        ({"a": {"expansion": Expansion.HALF}}, "group a must have the expansion of b, or 7"),
        ({"channel_mixing": 1}, "heads of one channel .* cannot be normalised"),
        (
            {name: {"nonlinearity": Nonlinearity.RELU, "expansion": Expansion.STATE_2} for name in "cb"},
            r"group c of two channels that are normalised: nonlinearity 3 \(relu\) .* legal: 1 .*, 4 .*, 7 ",
        ),
    ],
)
def test_what_would_grow_or_mean_nothing_is_refused(options, said):
    with pytest.raises(ValueError, match=said):
        _variant(**options)
