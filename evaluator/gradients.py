"""The loss of a batch and its gradients, computed in one part or, where a device has too little memory, in several.

Shapes: B sequences, L tokens, V vocabulary.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from evaluator.parallel.ranks import ALONE, Ranks
from evaluator.tasks.loaded import IGNORED, Examples
from star.balance import balancing

BALANCE = 0.01
"""Weight of the load-balancing term in the loss (Fedus et al. 2022, section 2.2). The returned loss leaves it out."""


def add_gradients(model: nn.Module, batch: Examples, parts: int = 1, ranks: Ranks = ALONE) -> tuple[Tensor, float]:
    """Add the gradients of the mean loss over a batch to those of the parameters.

    Each label counts alike in whichever part it is, and whichever process computes it. A load-balancing term is that of
    the tokens of its own part, in all processes.

    Args:
        parts: number of parts, of whole sequences, that are computed one after the other.
        ranks: the processes that compute the batch, each its share; `model` then averages gradients over them.

    Returns:
        The loss, without a gradient, and V: in nats where tokens are predicted. Where values are predicted the loss is
        the mean squared error, and infinity stands for V, because that loss has no bound.
    """
    device = device_of(model)
    sequences, labels = len(batch.tokens), _labels(batch.targets)
    whole = parts == 1 and ranks.alone
    losses = []
    for tokens_BL, targets_BL in zip(*(part.chunk(parts) for part in ranks.share(batch)), strict=True):
        with precision(device), balancing(ranks.summed) as imbalances:
            logits_BLV = model(copied(tokens_BL, device))
        logits, targets = logits_BLV.flatten(0, 1).float(), copied(targets_BL, device).flatten(0, 1)
        if whole or _labels(targets_BL):
            share = 1.0 if whole else _labels(targets_BL) / labels
            loss = share * _mean_loss(logits, targets)
        else:
            loss = 0 * logits.sum()  # the mean over no label is not a number
        weight = BALANCE * len(tokens_BL) / sequences
        total = sum((weight * term for term in imbalances), start=loss)
        torch.autograd.backward(total if ranks.alone else ranks.size * total)
        losses.append(loss.detach())
    return ranks.summed(torch.stack(losses).sum()), math.inf if targets.is_floating_point() else logits.shape[1]


def _mean_loss(outputs: Tensor, targets: Tensor) -> Tensor:
    if targets.is_floating_point():
        return functional.mse_loss(outputs, targets)
    return functional.cross_entropy(outputs, targets, ignore_index=IGNORED)


def precision(device: torch.device) -> torch.autocast:
    """Autocast to bfloat16 on CUDA; other devices compute in float32, which is faster there and reproducible."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=device.type == "cuda")


def copied(x: Tensor, device: torch.device) -> Tensor:
    """Copy a tensor of the CPU to a device.

    A GPU copies from pinned memory, in the order of its other work, so the host goes on at once. From other memory the
    host would wait until the GPU has done all that was launched before.
    """
    return x.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else x.to(device)


def device_of(model: nn.Module) -> torch.device:
    return next(model.parameters()).device


def _labels(targets_BL: Tensor) -> int:
    return targets_BL.numel() if targets_BL.is_floating_point() else int((targets_BL != IGNORED).sum())
