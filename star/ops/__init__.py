"""Tensor functions, one folder for each operator. They know no genome.

Which form of an operator runs is decided in `star.ops.dispatch` and nowhere else.
"""
