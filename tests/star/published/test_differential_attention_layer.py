"""Differential attention is the layer of its source (Ye et al. 2024, arXiv 2410.05258, equations 1 to 3).

B batch, L tokens, D model width, P pairs of heads, K channels of a head.
"""

import math

import pytest
import torch
import torch.nn.functional as F

from genome import Genome, GroupGenome, Space, decode
from genome.classes import alphabet as a
from genome.classes.rules import illegal
from star.build import build
from tests.star.published.layers import SHAPE, same_as
from tests.star.published.test_latent_attention_layer import _rope

NAME, SIZE = "SA-1-Diff-Published", SHAPE.head_dim


def _differential(x_BLD, w, depth=0):
    start = 0.8 - 0.6 * math.exp(-0.3 * depth)
    q1, k1, q2, k2 = w["l.vectors_N4K"][0]
    factor = torch.exp(q1 @ k1) - torch.exp(q2 @ k2) + start
    q, k = (_rope(F.linear(x_BLD, w[f"{name}.weight"]).unflatten(2, (-1, SIZE))) for name in ("c", "b"))
    v = F.linear(x_BLD, w["v.weight"]).unflatten(2, (-1, 2 * SIZE))
    hidden_LL = torch.ones(x_BLD.shape[1], x_BLD.shape[1]).triu(1).bool()
    heads = []
    for pair in range(v.shape[2]):
        maps = []
        for head in (2 * pair, 2 * pair + 1):
            scores_BLL = q[:, :, head] @ k[:, :, head].transpose(1, 2) / math.sqrt(SIZE)
            maps.append(scores_BLL.masked_fill(hidden_LL, -math.inf).softmax(-1))
        y = (maps[0] - factor * maps[1]) @ v[:, :, pair]
        y = y / (y.square().mean(-1, keepdim=True) + 1e-6).sqrt()
        heads.append(y * (1 - start))
    return F.linear(torch.cat(heads, dim=-1), w["out_DC"])


def test_differential_attention_is_that_of_its_source():
    same_as(NAME, _differential)


def test_the_second_factor_and_the_scale_follow_the_depth_of_the_layer():
    """Eight LIVs are four layers; the last operator differs from one at the start of a stack in the depth alone."""
    blueprint = decode(Genome.of([130] * 8), Space.of([NAME], depth=8))
    last = list(build(blueprint, SHAPE).double().stack())[-1].operator
    x_BLD = torch.randn(2, 9, SHAPE.width, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    weights = {key.removeprefix("featurizer.groups."): weight for key, weight in last.named_parameters()}
    torch.testing.assert_close(last(x_BLD), _differential(x_BLD, weights, depth=3), rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"v": {"expansion": a.Expansion.SAME}}, "group v: expansion 15 (paired) goes with group l"),
        ({"l": None}, "group v: expansion 15 (paired) goes with group l"),
        ({"l": {"expansion": a.Expansion.SAME}}, "group l: expansion 1 (same) cannot be built; legal: 15 (paired)"),
        ({"c": {"expansion": a.Expansion.LATENT}}, "group"),
    ],
)
def test_digits_that_make_no_pairs_are_refused(changes, said):
    space = Space.of([NAME], depth=1)
    featurizer = space.featurizer(space.classes[0])
    groups = {}
    for name, group in featurizer.groups:
        change = changes.get(name, {})
        if change is not None:
            digits = {key: getattr(group, key) for key in GroupGenome.__dataclass_fields__}
            groups[name] = GroupGenome(**(digits | change))
    changed = type(featurizer)(featurizer.id, tuple(groups.items()))
    assert said in str(illegal(space.classes[0].operator, changed))


def test_an_odd_number_of_heads_is_refused():
    space = Space.of([NAME], depth=1)
    row = space.classes[0]
    odd = type(SHAPE)(width=12, head_dim=4)
    with pytest.raises(ValueError, match="gives 3 heads, no multiple of it"):
        odd.group_sizes(row, space.featurizer(row))
