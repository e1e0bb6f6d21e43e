"""Routes that depend on one token alone, and the features that the chosen experts compute.

The rows of the weight of a router are the centroids of its routes, learned by gradient. A router uses no statistics of
the sequence, so that routes do not depend on later tokens.

B batch, L tokens, D model width, M routes, S slots (routes that a token takes), I channels of an expert.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from genome import FeaturizerGenome, GroupGenome, Heads
from genome.classes.alphabet import Generator as Kind
from genome.classes.feature_groups import ROUTES
from genome.classes.quantities import ROUTE_CHOICES
from star.balance import report
from star.cache import Store
from star.features.feature import Feature, parameter
from star.nonlinearity import SIGMA
from star.ops.dispatch import linear
from star.ops.experts.packed import to_experts
from star.ops.precision import at_least_float32
from star.ops.routing import over_routes


def _probabilities(logits_BLM: Tensor, chosen_BLM: Tensor) -> Tensor:
    return torch.where(chosen_BLM, over_routes(logits_BLM), 0)


def _renormalised(logits_BLM: Tensor, chosen_BLM: Tensor) -> Tensor:
    return over_routes(torch.where(chosen_BLM, logits_BLM, float("-inf")))


_WEIGHTS: dict[int, Callable[[Tensor, Tensor], Tensor]] = {
    Kind.TOP_1: _probabilities,
    Kind.TOP_2: _renormalised,
    Kind.TOP_2_SHARED: _renormalised,
}


class Router(Feature):
    """r_BL1M: a softmax over routes, of which the largest are kept (Shazeer et al. 2017; Fedus et al. 2022).

    The weight of a single route is its probability; the weights of two routes are rescaled to sum 1. Shared routes,
    with weight 1 for every token, are the last columns. The softmax is computed in float32 at least.
    """

    decaying = ("weight_MD",)

    def __init__(self, name: str, width: int, head_size: Heads, group: GroupGenome) -> None:
        super().__init__(name, width, head_size, group)
        self.choice = ROUTE_CHOICES[group.generator]
        self.weight_MD = parameter(head_size.size - self.choice.shared, width)

    def forward(self, x_BLD: Tensor, length: int, store: Store | None, *needed: Tensor) -> Tensor:
        logits_BLM = _logits(x_BLD, self.weight_MD)
        chosen_BLM = torch.zeros_like(logits_BLM, dtype=torch.bool)
        chosen_BLM.scatter_(-1, logits_BLM.topk(self.choice.chosen, dim=-1).indices, True)
        report(logits_BLM, chosen_BLM)
        weights_BLM = _WEIGHTS[int(self.group.generator)](logits_BLM, chosen_BLM)
        return F.pad(weights_BLM, (0, self.choice.shared), value=1).unsqueeze(2).to(x_BLD.dtype)

    def initialise(self, generator: Generator) -> None:
        torch.nn.init.normal_(self.weight_MD, std=self.width**-0.5, generator=generator)


class Gate(Feature):
    """r_BL11 = sigmoid(z) where z > 0, else 0: the operator mixes these tokens only (SeqBoat, Ren et al. 2023)."""

    decaying = ("weight_MD",)

    def __init__(self, name: str, width: int, head_size: Heads, group: GroupGenome) -> None:
        super().__init__(name, width, head_size, group)
        self.weight_MD = parameter(head_size.size, width)

    def forward(self, x_BLD: Tensor, length: int, store: Store | None, *needed: Tensor) -> Tensor:
        z_BLM = _logits(x_BLD, self.weight_MD)
        return torch.where(z_BLM > 0, z_BLM.sigmoid(), 0).unsqueeze(2).to(x_BLD.dtype)

    def initialise(self, generator: Generator) -> None:
        torch.nn.init.normal_(self.weight_MD, std=self.width**-0.5, generator=generator)


class Experts(Feature):
    """c or v of a token from its chosen experts, (B, L, S, I), in the order of their index; unused slots are 0.

    An expert is half as wide as an unrouted MLP (`genome.classes.head_sizes`) and computes its chosen tokens alone.
    """

    needs = (ROUTES,)
    decaying = ("weight_MID",)

    def __init__(self, name: str, width: int, head_size: Heads, group: GroupGenome, routes: int) -> None:
        super().__init__(name, width, head_size, group)
        self.weight_MID = parameter(routes, head_size.size, width)

    @classmethod
    def of(cls, name: str, width: int, head_sizes: Mapping[str, Heads], genome: FeaturizerGenome) -> Experts:
        return cls(name, width, head_sizes[name], genome[name], head_sizes[ROUTES].size)

    def forward(self, x_BLD: Tensor, length: int, store: Store | None, *needed: Tensor) -> Tensor:
        (r_BL1M,) = needed
        y_BLSI = to_experts(x_BLD, r_BL1M, self.weight_MID, self.head_size.heads)
        return SIGMA[int(self.group.nonlinearity)](y_BLSI)

    def initialise(self, generator: Generator) -> None:
        torch.nn.init.normal_(self.weight_MID, std=self.width**-0.5, generator=generator)

    def flops(self) -> int:
        return 2 * self.head_size.channels * self.width


def _logits(x_BLD: Tensor, weight_MD: Tensor) -> Tensor:
    logits_BLM = linear(x_BLD, weight_MD)
    return logits_BLM.to(at_least_float32(logits_BLM))
