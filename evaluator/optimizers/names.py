"""The names of the optimisers, apart from their table, so that a plan is read without torch."""

from __future__ import annotations

from enum import StrEnum


class OptimizerName(StrEnum):
    """An optimiser that a budget may name; `evaluator.optimizers.table` has a row for each."""

    ADAMW = "adamw"
    MUON = "muon"
    LION = "lion"
    SOAP = "soap"
    CAUTIOUS_ADAMW = "cautious_adamw"
