"""The pointwise function of each nonlinearity digit, for features and for the entries of a diagonal T."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from genome.classes.alphabet import Nonlinearity

SIGMA: dict[Nonlinearity, Callable[[Tensor], Tensor]] = {
    Nonlinearity.NONE: torch.positive,
    Nonlinearity.RELU: F.relu,
    Nonlinearity.SILU: F.silu,
    Nonlinearity.SIGMOID: F.sigmoid,
    Nonlinearity.ELU: lambda y_BLC: F.relu(y_BLC) + y_BLC.clamp_max(0).exp(),
}
