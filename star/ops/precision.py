"""Precision of states and sums: float32 at least, also under automatic mixed precision.

Errors of a state add up over tokens. Training on a GPU runs under automatic mixed precision, which narrows the operands
of matrix products and leaves out gradients that are written by hand.
"""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor


def at_least_float32(x: Tensor) -> torch.dtype:
    """Return float32, or the dtype of the tensor where that is wider."""
    return x.dtype if x.dtype.itemsize > 4 else torch.float32


def without_autocast(x: Tensor) -> AbstractContextManager[object]:
    """Return a context without automatic mixed precision on the device of this tensor."""
    kind = x.device.type
    return torch.autocast(kind, enabled=False) if torch.is_autocast_enabled(kind) else nullcontext()
