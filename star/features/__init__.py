"""Features: one file for each kind of feature group, and the featurizer that computes all groups of a class."""

from star.features.feature import Feature
from star.features.featurizer import Featurizer

__all__ = ["Feature", "Featurizer"]
