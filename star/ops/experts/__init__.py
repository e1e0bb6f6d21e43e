"""Linear maps of which each token passes through a few: mixtures of experts."""
