"""The operators that are compiled from C when the package is installed, as one library that `ctypes` calls.

Each has its sources in a folder `native/` beside it; what several need is in `native.h`. They are one extension module
(pyproject.toml). Where it cannot be compiled there is no library, and PyTorch forms run instead.
"""

from __future__ import annotations

import ctypes
import importlib.util
from functools import cache

EXTENSION = "star.ops._native"


@cache
def library() -> ctypes.CDLL | None:
    """Load the compiled operators, or return None where there are none."""
    found = importlib.util.find_spec(EXTENSION)
    if found is None or found.origin is None:
        return None
    try:
        return ctypes.CDLL(found.origin)
    except OSError:  # It was compiled for another machine, or its OpenMP runtime is missing.
        return None


def required() -> ctypes.CDLL:
    """Load the compiled operators.

    Raises:
        RuntimeError: there are none.
    """
    found = library()
    if found is None:
        raise RuntimeError("operators in C are not compiled here; install the package where there is a C compiler")
    return found
