"""How features are computed: projections, short convolutions, decays, filters."""

from star.features.feature import Feature
from star.features.featurizer import Featurizer

__all__ = ["Feature", "Featurizer"]
