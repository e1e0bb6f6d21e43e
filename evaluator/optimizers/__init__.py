"""The optimisers that train candidates, a row each, and the groups of parameters that they treat alike."""
