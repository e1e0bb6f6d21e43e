"""The sources of our packages as definitions: what every name at the top of a module stands for, and its text."""

from __future__ import annotations

import ast
import importlib.util
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

PACKAGES = ("genome", "star")
"""The packages whose sources are cut; imports of others stay imports."""


class External(NamedTuple):
    """A name that is imported from another package: a module, or an attribute of it ("" for the module itself)."""

    module: str
    attribute: str
    alias: str


class Reference(NamedTuple):
    """A definition at the top of a module of ours, by its module and name."""

    module: str
    name: str


class Submodule(NamedTuple):
    """A module of ours that a name stands for."""

    module: str


BLOCKS = (ast.FunctionDef, ast.ClassDef)

Meaning = External | Reference | Submodule


@dataclass(frozen=True)
class Definition:
    """A function, a class or an assignment at the top of a module.

    Attributes:
        node: its statement.
        described: the string after an assignment that says what it is.
    """

    reference: Reference
    node: ast.FunctionDef | ast.ClassDef | ast.Assign | ast.AnnAssign
    described: ast.Expr | None = None


class Source:
    """A module of ours, parsed; places in it are counted in bytes, as in its syntax tree."""

    def __init__(self, name: str) -> None:
        self.name = name
        path = _path(name)
        self.data = path.read_bytes()
        self.tree = ast.parse(self.data)
        self._lines = [0, *accumulate(len(line) for line in self.data.splitlines(keepends=True))]

    @property
    def docstring(self) -> str:
        return ast.get_docstring(self.tree) or ""

    @cached_property
    def definitions(self) -> dict[str, Definition]:
        """The definitions by name, in their order."""
        found: dict[str, Definition] = {}
        following = [*self.tree.body[1:], None]
        for node, after in zip(self.tree.body, following, strict=True):
            if isinstance(node, BLOCKS):
                found[node.name] = Definition(Reference(self.name, node.name), node)
            elif isinstance(node, ast.Assign | ast.AnnAssign):
                target = node.targets[0] if isinstance(node, ast.Assign) else node.target
                if isinstance(target, ast.Name):
                    described = after if isinstance(after, ast.Expr) and _is_text(after.value) else None
                    found[target.id] = Definition(Reference(self.name, target.id), node, described)
                for name in target.elts if isinstance(target, ast.Tuple) else ():
                    assert isinstance(name, ast.Name)
                    found[name.id] = Definition(Reference(self.name, name.id), node)
        return found

    @cached_property
    def _imports(self) -> dict[str, External]:
        found: dict[str, External] = {}
        for node in self.tree.body:
            if isinstance(node, ast.Import):
                for one in node.names:
                    found[one.asname or one.name] = External(one.name, "", one.asname or one.name)
            elif isinstance(node, ast.ImportFrom) and node.module != "__future__":
                assert node.module is not None, "our packages have no relative imports"
                for one in node.names:
                    alias = one.asname or one.name
                    found[alias] = External(node.module, one.name, alias)
        return found

    @cached_property
    def tables(self) -> list[ast.Dict]:
        """The assignments whose value is written as a dictionary."""
        values = [found.node.value for found in self.definitions.values() if not isinstance(found.node, BLOCKS)]
        return [value for value in values if isinstance(value, ast.Dict)]

    def meaning(self, name: str) -> Meaning | None:
        """Return what a name at the top of this module stands for; None for a name of Python's own."""
        if name in self.definitions:
            return self.definitions[name].reference
        imported = self._imports.get(name)
        if imported is None or imported.module.split(".")[0] not in PACKAGES:
            return imported
        if not imported.attribute:
            return Submodule(imported.module)
        return member(imported.module, imported.attribute)

    def span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        """Return the bytes from the first to the last character of a node."""
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return self._lines[node.lineno - 1] + node.col_offset, self._lines[node.end_lineno - 1] + node.end_col_offset

    def lines(self, first: ast.stmt, last: ast.stmt) -> tuple[int, int]:
        """Return the bytes of the lines from one statement, with its decorators, to another."""
        assert last.end_lineno is not None
        begin = min([first.lineno, *(one.lineno for one in getattr(first, "decorator_list", ()))])
        return self._lines[begin - 1], self._lines[last.end_lineno]


def member(module: str, name: str) -> Meaning:
    """Return what an attribute of a module of ours stands for.

    Raises:
        LookupError: there is no such attribute.
    """
    found = source(module).meaning(name)
    if found is not None:
        return found
    if importlib.util.find_spec(f"{module}.{name}") is None:
        raise LookupError(f"module {module} has no {name}")
    return Submodule(f"{module}.{name}")


@cache
def source(module: str) -> Source:
    """Return a module of ours."""
    return Source(module)


def definition(reference: Reference) -> Definition:
    """Return the definition of a reference."""
    return source(reference.module).definitions[reference.name]


def _path(module: str) -> Path:
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise LookupError(f"module {module} has no source")
    return Path(spec.origin)


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)
