"""A mixture of experts computed expert by expert, from the model width to the model width.

The features c and v of a token have slots, which other blocks may take. Where nobody takes them, an expert reads its
tokens once, computes its unit, and adds the result to its tokens (Shazeer et al. 2017, eq. 1).

B batch, L tokens, D model width, M experts, I channels of an expert.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from genome.classes.feature_groups import ROUTES
from star.features import Featurizer
from star.features.routed.router import Experts
from star.nonlinearity import SIGMA
from star.ops.experts.units import units
from star.structures import Structure

INPUT = "x"
"""The name under which the input stands among the features."""


class Units:
    """The features and the output of a mixture of units: r_BL1M, the input itself, and y_BLD."""

    def __init__(self, featurizer: Featurizer, structure: Structure, out_MDI: Tensor) -> None:
        self._featurizer = featurizer
        self._structure = structure
        self._out_MDI = out_MDI

    def features(self, x_BLD: Tensor, shared: Mapping[str, Tensor] | None = None) -> dict[str, Tensor]:
        return {**self._featurizer(x_BLD, (ROUTES,), None, {}), INPUT: x_BLD}

    def mix(self, features: Mapping[str, Tensor]) -> Tensor:
        c, v = self._featurizer["c"], self._featurizer["v"]
        assert isinstance(c, Experts)
        assert isinstance(v, Experts)

        def unit(c_NI: Tensor, v_NI: Tensor) -> Tensor:
            gate = SIGMA[int(self._structure.operator.nonlinearity)]
            return gate(SIGMA[int(c.group.nonlinearity)](c_NI)) * SIGMA[int(v.group.nonlinearity)](v_NI)

        into = (c.weight_MID, v.weight_MID)
        return units(features[INPUT], features[ROUTES], into, unit, self._out_MDI)
