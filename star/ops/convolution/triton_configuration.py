"""Sizes of the tiles that the Triton kernel of the gated short convolution works on."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Configuration:
    """The division of a kernel into programs: tokens and channels of a tile, warps and pipeline stages of a program."""

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
"""Tiles from narrow to wide, of 2048 elements, 8 per thread, so that 8 taps in float32 still fit the registers."""


def configuration(channels: int) -> Configuration:
    """Return the narrowest tile that spans the channels, or else the widest tile."""
    return next((row for row in CONFIGURATIONS if row.block_d >= channels), CONFIGURATIONS[-1])
