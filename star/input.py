"""The input of a model, refused where it is no input: token ids of the vocabulary, or real values of all channels.

B batch, L tokens.
"""

from __future__ import annotations

import torch
from torch import Tensor

from genome import Shape

IDS = (torch.int64, torch.int32)
"""The dtypes of token ids."""


def check_input(input_BL: Tensor, shape: Shape, first: int = 0) -> None:
    """Check the dtype and the sizes of the input of a model of this shape, and each token id that lies on a CPU.

    Ids on another device would have to be waited for, and within a graph that is compiled or exported they have no
    values; neither is read.

    Args:
        first: the number of the first sequence, for the message.

    Raises:
        ValueError: dtype or sizes are wrong, or a token id is negative or beyond the vocabulary; the message names the
            id, its place and the legal range.
    """
    if shape.channels:
        _check_values(input_BL, shape.channels)
        return
    if input_BL.dtype not in IDS:
        raise ValueError(f"token ids must be torch.int64 or torch.int32, not {input_BL.dtype}")
    if input_BL.dim() != 2:
        raise ValueError(f"tokens must be (batch, tokens), not {tuple(input_BL.shape)}")
    if input_BL.device.type == "cpu" and not torch.compiler.is_compiling() and input_BL.numel():
        _check_ids(input_BL, shape.vocab, first)


def _check_values(input_BLC: Tensor, channels: int) -> None:
    if not input_BLC.is_floating_point():
        raise ValueError(f"values must be of a floating dtype, not {input_BLC.dtype}")
    if input_BLC.dim() != 3 or input_BLC.shape[2] != channels:
        raise ValueError(f"values must be (batch, steps, {channels}), not {tuple(input_BLC.shape)}")


def _check_ids(tokens_BL: Tensor, vocab: int, first: int) -> None:
    least, most = (bound.item() for bound in tokens_BL.aminmax())
    if least >= 0 and most < vocab:
        return
    row, column = ((tokens_BL < 0) | (tokens_BL >= vocab)).nonzero()[0].tolist()
    found = tokens_BL[row, column].item()
    raise ValueError(
        f"token id {found} of sequence {first + row}, token {column}, is not in the vocabulary, "
        f"whose ids are 0 to {vocab - 1}"
    )
