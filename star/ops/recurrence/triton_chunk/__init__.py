"""The chunked recurrence as Triton kernels."""
