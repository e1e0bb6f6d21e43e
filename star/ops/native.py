"""Operators that are compiled from C when the package is installed, as libraries that `ctypes` calls.

Each is an extension module of its own (pyproject.toml), made from a folder `native/` beside the operator and from
`native.h`. Where it cannot be compiled there is no library, and PyTorch forms run instead.
"""

from __future__ import annotations

import ctypes
import importlib.util
from functools import cache

EXTENSIONS = (
    "star.ops.attention._native",
    "star.ops.convolution._native",
    "star.ops.normalisation._native",
    "star.ops.recurrence._native",
    "star.ops.rotary._native",
)
"""All extension modules."""


@cache
def library(extension: str) -> ctypes.CDLL | None:
    """Load the compiled code of an extension module, given by its full name, or return None where there is none."""
    found = importlib.util.find_spec(extension)
    if found is None or found.origin is None:
        return None
    try:
        return ctypes.CDLL(found.origin)
    except OSError:  # It was compiled for another machine, or its OpenMP runtime is missing.
        return None


def required(extension: str) -> ctypes.CDLL:
    """Load the compiled code of an extension module.

    Raises:
        RuntimeError: there is none.
    """
    found = library(extension)
    if found is None:
        raise RuntimeError(f"{extension} is not compiled here; install the package where there is a C compiler")
    return found
