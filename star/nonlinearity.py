"""The pointwise function of each nonlinearity digit, for features and for the entries of a diagonal T."""

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor

from genome.classes.alphabet import Nonlinearity


def unchanged(y: Tensor) -> Tensor:
    """Return y itself."""
    return y


def elu_plus_one(y: Tensor) -> Tensor:
    """Compute elu(y) + 1 as relu(y) + exp(min(y, 0)), which loses no digits where y is negative."""
    return F.relu(y) + y.clamp_max(0).exp()


SIGMA: dict[int, Callable[[Tensor], Tensor]] = {
    Nonlinearity.NONE: unchanged,
    Nonlinearity.RELU: F.relu,
    Nonlinearity.SILU: F.silu,
    Nonlinearity.SIGMOID: F.sigmoid,
    Nonlinearity.ELU: elu_plus_one,
    Nonlinearity.GELU: F.gelu,
}
"""The function of each digit, looked up by `int(digit)`, as in every table that a forward pass reads.

torch.compile does not notice that another module has another digit if a table is looked up by the digit itself, and
calls what it compiled for the first module.
"""
