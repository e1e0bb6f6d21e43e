"""Root mean square normalisation in PyTorch (Zhang and Sennrich 2019, eq. 4).

D channels.
"""

import torch.nn.functional as F
from torch import Tensor


def rms_norm(x: Tensor, weight_D: Tensor) -> Tensor:
    """Compute x w / sqrt(mean(x^2) + epsilon) over the last dimension, with the smallest epsilon of the dtype."""
    return F.rms_norm(x, weight_D.shape, weight_D)
