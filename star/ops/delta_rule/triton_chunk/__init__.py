"""The delta rule in chunks as Triton kernels."""
