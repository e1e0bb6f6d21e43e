"""How much an operator computes at a time, by device.

On a CPU a tile is as large as its cache: the next pass over it then reads no memory. A GPU has no such cache, and each
pass over a tile is a launch that costs the host about as long as the GPU takes for a million elements, so there a tile
is as large as the memory for what lies between two products allows.
"""

import torch

LARGE = 1 << 26
"""Elements of a tile on any device but a CPU: 256 MiB in float32."""


def tile_elements(device: torch.device, cached: int) -> int:
    """Return the elements of a tile: `cached`, a number measured on a CPU, or `LARGE` on any other device."""
    return cached if device.type == "cpu" else LARGE
