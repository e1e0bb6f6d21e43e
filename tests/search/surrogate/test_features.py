"""The features of genomes."""

from __future__ import annotations

import numpy as np

from genome import Genome, Space, decode
from search.surrogate.features import Features


def test_a_search_that_knew_fewer_static_metrics_keeps_its_columns_in_any_order_of_its_costs() -> None:
    """A search that is resumed has the costs of its candidates as an earlier version stored them."""
    space = Space.of(["SA-1", "GMemless"], depth=2)
    features, blueprint = Features(space), decode(Genome.parse("11111-91111"), space)
    stored = {"parameters": 10.0, "cache_bytes": 20.0, "flops_per_token": 30.0}
    counted = {"flops_per_token": 30.0, "state_bytes": 5.0, "cache_bytes": 20.0, "parameters": 10.0}
    row = features.row(blueprint, stored)
    assert np.array_equal(row, features.row(blueprint, counted))
    assert np.allclose(row[-3:], np.log([11, 21, 31]))
