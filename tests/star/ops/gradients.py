"""Outputs and all gradients of a form of a recurrence, for comparison with its meaning."""

import torch

from star.ops.recurrence.inputs import Inputs


def with_gradients(form, tensors):
    """Outputs, last state, and the gradients of c, b, a, d, v and the first state under fixed weights."""
    *inputs, state = tensors
    parts = form(Inputs(*inputs), state)
    weights = [torch.linspace(-1, 1, part.numel(), dtype=part.dtype).cos().view_as(part) for part in parts]
    total = sum((part * weight).sum() for part, weight in zip(parts, weights, strict=True))
    return [*(part.detach() for part in parts), *torch.autograd.grad(total, tensors)]
