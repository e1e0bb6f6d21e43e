"""Sizes of the tiles that the Triton kernel of the gated short convolution works on."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Configuration:
    """How a kernel is cut into programs: tokens and channels of a tile, warps and pipeline stages of a program."""

    block_l: int
    block_d: int
    num_warps: int = 8
    num_stages: int = 2


CONFIGURATIONS = (
    Configuration(128, 16),
    Configuration(64, 32),
    Configuration(32, 64),
    Configuration(16, 128),
)
"""From narrow to wide: 2048 elements a tile, 8 a thread, so that 8 taps in float32 still fit the registers."""


def configuration(channels: int) -> Configuration:
    """The narrowest tile that spans the channels, or else the widest."""
    return next((row for row in CONFIGURATIONS if row.block_d >= channels), CONFIGURATIONS[-1])
