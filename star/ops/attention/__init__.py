"""Softmax attention over earlier tokens: over all of them, over a window, and within routes."""
