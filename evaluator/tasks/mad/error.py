"""The error of MAD's published protocol: macro-averaged over the answers of a batch.

Shapes: B sequences, L tokens, C classes of answers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from evaluator.tasks.loaded import IGNORED

if TYPE_CHECKING:
    from torch import Tensor


def macro_error(answers_BL: Tensor, targets_BL: Tensor) -> Tensor:
    """Return parts of the macro-averaged error of a batch: (B,), whose mean is that error.

    The error is one minus the mean, over the classes that are a target or an answer anywhere in the batch, of the
    share of a class's targets that are answered rightly; a class that is answered and never a target counts as wrong.
    This is what `MulticlassAccuracy` of the library torchmetrics computes by default.
    """
    import torch  # here, so that a plan is read without loading torch

    asked_BL = targets_BL != IGNORED
    targets_N, answers_N = targets_BL[asked_BL], answers_BL[asked_BL]
    classes = 1 + int(torch.cat([targets_N, answers_N]).max())
    target_C = torch.bincount(targets_N, minlength=classes)
    answer_C = torch.bincount(answers_N, minlength=classes)
    present = ((target_C > 0) | (answer_C > 0)).sum()
    wrong_N = (answers_N != targets_N) / target_C[targets_N] + (target_C[answers_N] == 0) / answer_C[answers_N]
    part_BL = torch.zeros(targets_BL.shape, device=targets_BL.device).masked_scatter(asked_BL, wrong_N)
    return part_BL.sum(1) * len(targets_BL) / present
