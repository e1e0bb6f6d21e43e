"""Kernels: Triton's for a GPU, in C for a CPU. Which form runs is decided in `star.kernels.dispatch` and nowhere else.

A structure asks `kernel(name, *features)` and runs what it gets, or its own PyTorch form when that is None:

    run = kernel("toeplitz", c_BLD, b_BLD, v_BLD, h_DW)
    y_BLD = run(c_BLD, b_BLD, v_BLD, h_DW) if run else self.fast(...)

Importing this package imports no Triton; a Triton kernel's file is imported when it is first chosen.
"""

from star.kernels.dispatch import forced, kernel

__all__ = ["forced", "kernel"]
