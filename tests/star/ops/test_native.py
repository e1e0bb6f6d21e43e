"""Libraries that are compiled from C, where they are there and where they are not."""

import ctypes

import pytest

from star.ops import native


def test_what_is_not_compiled_is_missing_and_named():
    assert native.library("star.ops._never_compiled") is None
    with pytest.raises(RuntimeError, match=r"star\.ops\._never_compiled is not compiled here; install"):
        native.required("star.ops._never_compiled")


def test_what_cannot_be_loaded_is_missing(monkeypatch):
    def refused(path):
        raise OSError(f"{path}: cannot open shared object file")

    monkeypatch.setattr(ctypes, "CDLL", refused)
    assert native.library.__wrapped__("star.ops.native") is None
