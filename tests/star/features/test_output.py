"""Gates and norms behind the mixing, and rotated queries and keys: RetNet written out, and the rules."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from genome import FEATURIZERS, Genome, Shape, Space, decode, named
from genome.classes import alphabet as a
from genome.classes.operator import FeaturizerGenome, GroupGenome
from genome.classes.rules import illegal
from star.build import build
from star.ops.rotary.rotate import rotate

SHAPE = Shape(width=16, head_dim=4, vocab=8)
ONES = GroupGenome(source=a.Source.CONSTANT, channel=a.ChannelMixing.DIAGONAL, generator=a.Generator.ONES)
NORM = replace(ONES, normalisation=a.Normalisation.L2)


def _featurizer(row, **changed):
    """The featurizer of a row with some groups replaced, added, or, where None stands, left out."""
    (own,) = (one for one in FEATURIZERS if one.id == row.operator.featurizer)
    groups = dict(own.groups) | changed
    return FeaturizerGenome(own.id, tuple((name, group) for name, group in groups.items() if group is not None))


def _liv(row):
    model = build(decode(Genome.of([row.id]), Space.of([row.name], depth=1)), SHAPE).double()
    (liv,) = next(model.stack()).operator.livs
    return liv


@torch.no_grad()
@pytest.mark.parametrize("length", [1, 5, 40])
def test_retnet_is_the_published_retention(length):
    """Sun et al. 2023, eq. 5 to 8: GroupNorm(sum_j g^(i-j) (q_i . k_j) v_j) * swish(gate), head by head."""
    liv = _liv(named("RetNet"))
    x_LD = torch.randn(length, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(length))
    weight = {name: liv.featurizer[name].weight for name in "cbvo"}
    q, k, v, gate = ((x_LD @ weight[name].T).view(length, 4, 4) for name in "cbvo")
    q, k = (rotate(x.unsqueeze(0))[0] for x in (q, k))
    heads = []
    for h in range(4):
        i = torch.arange(length).double()
        decay = (1 - 2.0 ** (-5 - h)) ** (i[:, None] - i) * (i[:, None] >= i)
        y = (q[:, h] @ k[:, h].T * decay) @ v[:, h]
        heads.append(y / (y.square().mean(-1, keepdim=True) + 1e-6).sqrt())
    expected = (torch.cat(heads, -1) * F.silu(gate.flatten(1))) @ liv.out_DC.T
    torch.testing.assert_close(liv(x_LD.unsqueeze(0))[0], expected)


@torch.no_grad()
def test_rotated_products_depend_on_the_distance_alone():
    """The same token everywhere: what a token reads of its neighbour is the same wherever both stand."""
    liv = _liv(named("RetNet"))
    x_BLD = torch.randn(1, 1, 16, dtype=torch.float64).expand(1, 12, 16)
    features = liv.features(x_BLD)
    products_LLH = torch.einsum("ihk,jhk->ijh", features["c"][0], features["b"][0])
    torch.testing.assert_close(products_LLH[1:, 1:], products_LLH[:-1, :-1])
    assert (products_LLH[5, 2] - products_LLH[5, 4]).abs().max() > 1e-3


@torch.no_grad()
def test_a_norm_makes_heads_of_one_size_whatever_the_values_are():
    liv = _liv(named("DeltaNet"))
    x_BLD = torch.randn(1, 30, 16, dtype=torch.float64)
    features = liv.features(x_BLD)
    loud, louder = (features | {"v": size * features["v"]} for size in (1e5, 1e7))
    torch.testing.assert_close(liv.mix(louder), liv.mix(loud), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("name", "changed", "said"),
    [
        (
            "GMemless",
            {"o": GroupGenome()},
            "diagonal (none) mixes the feature groups c, v; featurizer 9 computes c, v, o",
        ),
        (
            "SA-1",
            {"o": ONES},
            "group o: a gate of ones (generator 6) only normalises the output: its normalisation must be 2",
        ),
        (
            "SA-1",
            {"o": replace(NORM, nonlinearity=a.Nonlinearity.SILU)},
            "group o: a feature that is not projected has nonlinearity 1",
        ),
        (
            "SA-1",
            {"o": GroupGenome(nonlinearity=a.Nonlinearity.RELU)},
            "group o: nonlinearity 3 (relu) cannot be built",
        ),
        ("Rec-1", {"o": NORM}, "group o: heads of one channel (channel mixing 1) cannot be normalised; use 1"),
        ("Hyena-Heads", {"o": NORM}, "group o: only queries, keys (c and b of token mixing 2, 4 and 5) and outputs"),
        ("MLA", {"o": GroupGenome(channel=a.ChannelMixing.GROUPED)}, "group o of a latent: channel mixing 3"),
        (
            "SA-1",
            {name: GroupGenome(generator=a.Generator.ROTARY) for name in "cb"},
            "2 rotates queries and keys anyway",
        ),
        ("GLA", {"c": GroupGenome(generator=a.Generator.ROTARY)}, "is for c and b together, not for c alone"),
        (
            "NormalisedLinearAttention",
            {name: GroupGenome(generator=a.Generator.ROTARY, nonlinearity=a.Nonlinearity.ELU) for name in "cb"},
            "makes products negative",
        ),
    ],
)
def test_what_cannot_be_built_is_refused(name, changed, said):
    row = named(name)
    assert said in str(illegal(row.operator, _featurizer(row, **changed)))


@pytest.mark.parametrize("name", ["SA-1", "SWA", "MLA", "LinearAttention", "GLA", "DeltaNet", "MoM", "sLSTM"])
@pytest.mark.parametrize(
    "gate", [GroupGenome(nonlinearity=a.Nonlinearity.SILU), NORM, None], ids=["gate", "norm", "bare"]
)
def test_any_output_may_be_gated_normalised_or_left(name, gate):
    row = named(name)
    assert illegal(row.operator, _featurizer(row, o=gate)) is None
