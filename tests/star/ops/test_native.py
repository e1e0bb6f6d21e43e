"""Libraries that are compiled from C, where they are there and where they are not."""

import ctypes
import tomllib
from pathlib import Path

import pytest

from star.ops import native

PROJECT = Path(__file__).parents[3] / "pyproject.toml"


def test_all_extensions_of_the_project_are_listed():
    modules = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["tool"]["setuptools"]["ext-modules"]
    assert sorted(module["name"] for module in modules) == sorted(native.EXTENSIONS)
    assert all(module["optional"] for module in modules)


def test_what_is_not_compiled_is_missing_and_named():
    assert native.library("star.ops._never_compiled") is None
    with pytest.raises(RuntimeError, match=r"star\.ops\._never_compiled is not compiled here; install"):
        native.required("star.ops._never_compiled")


def test_what_cannot_be_loaded_is_missing(monkeypatch):
    def refused(path):
        raise OSError(f"{path}: cannot open shared object file")

    monkeypatch.setattr(ctypes, "CDLL", refused)
    assert native.library.__wrapped__("star.ops.native") is None
