"""Diagnostics of a trained model: how it works rather than how good it is.

Shapes: B sequences, L tokens.
"""

from __future__ import annotations

from statistics import fmean

from evaluator.gradients import device_of
from evaluator.measuring.subject import Subject
from star.analysis.state_size import state_sizes

TOKENS = 128
"""Tokens of the sequence on which the state size is measured, at most; the time grows with their cube."""


def effective_state(subject: Subject) -> float:
    """Return the effective state size of a model: the mean over operators with a memory, on a validation sequence.

    It is the entropy-ESS of `star.analysis.state_size` (Parnichkun et al. 2025), the mean over positions and matrices
    of T; 0 for a model in which no operator has a memory.
    """
    length = min(TOKENS, subject.request.budget.length)
    tokens_BL = subject.prompt(length).to(device_of(subject.model))
    return fmean([one.effective for one in state_sizes(subject.model, tokens_BL) if any(one.has)] or [0.0])
