"""Silence of the software that writes programs, about its own inner workings."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

LOGGERS = ("torch._export.serde.serialize", "torch.onnx._internal.exporter._registration")


@contextmanager
def quiet() -> Iterator[None]:
    """Leave out remarks on how an empty list is stored, on packages that are not needed, and on coming versions."""
    loggers = [logging.getLogger(name) for name in LOGGERS]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            for logger in loggers:
                logger.setLevel(logging.ERROR)
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
