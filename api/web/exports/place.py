"""The places of a candidate's weights."""

from enum import StrEnum


class WeightsPlace(StrEnum):
    """The place of a candidate's trained weights."""

    HERE = "here"
    ELSEWHERE = "elsewhere"
    NOT_KEPT = "not_kept"
