"""The optimisers, a row each. Those that torch lacks are taken from pytorch-optimizer.

That package is imported where one of them is built: it takes a second, which other trainings need not wait for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from evaluator.optimizers.names import OptimizerName

BETAS = (0.9, 0.95)
"""Decay of the two moments of Adam and of its relatives, as in most trainings of language models."""

EPSILON = 1e-8

Groups = list[dict[str, Any]]
"""Groups of parameters: `params`, `lr` and `weight_decay`; `matrices`, whether they are hidden matrices; and `scale`, a
factor of their learning rate."""


@dataclass(frozen=True)
class OptimizerRow:
    """One optimiser.

    Its tensors, and counters that it keeps elsewhere, are carried by checkpoints whatever they are called; see
    `evaluator.artifacts.optimizer_state`.

    Attributes:
        build: creates it for groups of parameters.
        source: the paper that its defaults here are those of.
        width_power: the power of width at which updates of a weight have to shrink so that they change its output alike
            at every width, if its fan-in grows with the width. Adam moves all entries by about the rate, in directions
            that the input shares, so 1 (Yang et al. 2022, table 8).
        matrix_power: that of hidden matrices, where these form groups of their own, which it updates in another way.
    """

    build: Callable[[Groups], torch.optim.Optimizer]
    source: str
    width_power: float = 1.0
    matrix_power: float | None = None


def _adamw(groups: Groups) -> torch.optim.Optimizer:
    return torch.optim.AdamW(groups, betas=BETAS, eps=EPSILON, fused=True)


def _muon(groups: Groups) -> torch.optim.Optimizer:
    """Muon for hidden matrices, with updates as large as AdamW's, and AdamW for all other parameters.

    An update has the spectral norm 0.2 sqrt(width), which is to be constant (Yang, Simon & Bernstein 2023,
    arXiv 2310.17813, condition 1), hence the power 1/2.
    """
    from pytorch_optimizer import Muon

    kinds: dict[bool, dict[str, Any]] = {
        True: {"use_muon": True, "use_adjusted_lr": True},
        False: {"use_muon": False, "betas": BETAS, "eps": EPSILON},
    }
    return Muon([group | kinds[group["matrices"]] for group in groups])


def _lion(groups: Groups) -> torch.optim.Optimizer:
    from pytorch_optimizer import Lion

    return Lion(groups, betas=(0.9, 0.99))


def _soap(groups: Groups) -> torch.optim.Optimizer:
    from pytorch_optimizer import SOAP

    return SOAP(groups, betas=(0.95, 0.95), precondition_frequency=10)


def _cautious_adamw(groups: Groups) -> torch.optim.Optimizer:
    """AdamW with the mask of Cautious optimizers; AdamP with a threshold of 0 never projects, so it is AdamW."""
    from pytorch_optimizer import AdamP

    return AdamP(groups, betas=BETAS, eps=EPSILON, delta=0.0, cautious=True)


OPTIMIZERS: dict[OptimizerName, OptimizerRow] = {
    OptimizerName.ADAMW: OptimizerRow(_adamw, "Loshchilov & Hutter 2019, arXiv 1711.05101"),
    OptimizerName.MUON: OptimizerRow(_muon, "Liu et al. 2025, arXiv 2502.16982, eq. 4", matrix_power=0.5),
    OptimizerName.LION: OptimizerRow(_lion, "Chen et al. 2023, arXiv 2302.06675, algorithm 2"),
    OptimizerName.SOAP: OptimizerRow(_soap, "Vyas et al. 2024, arXiv 2409.11321, algorithm 3", width_power=0.5),
    OptimizerName.CAUTIOUS_ADAMW: OptimizerRow(_cautious_adamw, "Liang et al. 2024, arXiv 2411.16085, algorithm 2"),
}
