"""The library that is compiled from C, where it is there and where it is not."""

import ctypes
import tomllib
from pathlib import Path

import pytest

from star.ops import native

PROJECT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def _loaded_anew():
    native.library.cache_clear()
    yield
    native.library.cache_clear()


def test_every_source_in_c_is_compiled_into_the_one_library():
    (module,) = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["setuptools"]["ext-modules"]
    assert module["name"] == native.EXTENSION
    assert module["optional"]
    for listed, ending in ((module["sources"], "c"), (module["depends"], "h")):
        assert sorted(listed) == sorted(str(path.relative_to(PROJECT)) for path in PROJECT.glob(f"star/**/*.{ending}"))


def test_what_is_not_compiled_is_missing_and_named(monkeypatch):
    monkeypatch.setattr(native, "EXTENSION", "star.ops._never_compiled")
    assert native.library() is None
    with pytest.raises(RuntimeError, match="operators in C are not compiled here; install"):
        native.required()


def test_what_cannot_be_loaded_is_missing(monkeypatch):
    def refused(path):
        raise OSError(f"{path}: cannot open shared object file")

    monkeypatch.setattr(native, "EXTENSION", "star.ops.native")
    monkeypatch.setattr(ctypes, "CDLL", refused)
    assert native.library() is None
