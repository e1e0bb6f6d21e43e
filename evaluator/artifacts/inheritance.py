"""A child's first weights: those of its parent in every LIV that did not change."""

from __future__ import annotations

from collections.abc import Set

import torch
from safetensors import SafetensorError
from safetensors.torch import load as read_tensors

from star import Backbone

BLOCK = "blocks"
"""The first part of the names of all weights of a LIV; the second is its position."""


def inherit(model: Backbone, positions: Set[int], weights: bytes) -> None:
    """Give a fresh model the weights of its parent: those of the LIVs at these positions, of embedding and head.

    A weight that the parent had under no such name and shape stays as it is: what a LIV computes itself depends on
    which others share with it.

    Raises:
        ValueError: the weights are no safetensors.
    """
    try:
        found = read_tensors(weights)
    except SafetensorError as error:
        raise ValueError(f"the weights of the parent cannot be read: {error}") from error
    with torch.no_grad():
        for name, own in model.named_parameters():
            part, place, *_ = [*name.split("."), ""]
            kept = part != BLOCK or int(place) in positions
            if kept and name in found and found[name].shape == own.shape:
                own.copy_(found[name])
