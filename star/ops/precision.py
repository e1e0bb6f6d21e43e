"""What is computed in float32 although features are narrower: errors of a state add up over tokens.

Training on a GPU runs under automatic mixed precision, which narrows the operands of matrix products and knows nothing
of gradients written by hand.
"""

import torch
from torch import Tensor


def exact(x: Tensor) -> torch.dtype:
    """float32, or wider where the tensor is."""
    return torch.promote_types(x.dtype, torch.float32)


def undisturbed(x: Tensor) -> torch.autocast:
    """A context without automatic mixed precision on this tensor's device."""
    return torch.autocast(x.device.type, enabled=False)
