"""The definitions and methods that a piece of our sources needs, found from those that it begins with.

A method of a class that is needed is needed itself if any needed code reads an attribute of its name, or if Python or
PyTorch calls it. So more may be kept than is called, and nothing that is called is left out.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

from star.export.standalone.present import Present
from star.export.standalone.scopes import Read, attributes, reads
from star.export.standalone.sources import Definition, External, Reference, Source, definition, source

CALLED_BY_TORCH = ("forward", "backward")

NOWHERE = Reference("star.ops.dispatch", "kernel")
"""The function that finds a kernel: none is in the file, so `kernel(...) or form` stands for `form`."""


class Table(NamedTuple):
    """A table of which some entries are kept."""

    node: ast.Dict
    entries: list[tuple[ast.expr | None, ast.expr]]


class Choice(NamedTuple):
    """An expression that is decided, and the part of it that stands for it."""

    node: ast.expr
    left: ast.expr


class Reached:
    """The definitions that are needed.

    Args:
        first: the definitions to begin with; classes among them keep all methods.
        others: more of them, which keep what is called.
        methods: the names of methods that people call.
        present: what the model has.
        given: the assignments whose values are not those of the sources.

    Attributes:
        definitions: those of our modules by reference.
        externals: the imported names.
        attributes: the names of attributes that needed code reads of anything.
        reads: the places where needed code reads a name of a module, by definition.
        tables: the definitions that are tables.
        choices: the expressions of a definition that are decided.
    """

    def __init__(
        self,
        first: Collection[Reference],
        others: Iterable[Reference],
        methods: Iterable[str],
        present: Present,
        given: Collection[Reference],
    ) -> None:
        self.definitions: dict[Reference, Definition] = {}
        self.externals: set[External] = set()
        self.attributes: set[str] = {*CALLED_BY_TORCH, *methods}
        self.reads: dict[Reference, list[Read]] = {}
        self.tables: dict[Reference, Table | None] = {}
        self.choices: dict[Reference, list[Choice]] = {}
        self._present = present
        self._given = given
        self._walked: set[int] = set()
        self._first = frozenset(first)
        self._waiting = [*first, *given, *others]
        while self._waiting:
            self._add(self._waiting.pop())
            if not self._waiting:
                for known in list(self.definitions.values()):
                    self._walk(known)

    def kept(self, kind: Reference, node: ast.stmt) -> bool:
        """Return whether a statement of the body of a class is kept.

        Methods are kept if they may be called, and all those of the first classes; members of an alphabet are kept if
        the model has them or code names them.
        """
        if isinstance(node, ast.FunctionDef):
            special = node.name.startswith("__") and node.name.endswith("__")
            return special or kind in self._first or node.name in self.attributes
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name = node.targets[0].id
            return name in self.attributes or self._present.has_member(kind, name)
        return True

    def _add(self, reference: Reference) -> None:
        if reference not in self.definitions:
            found = self.definitions[reference] = definition(reference)
            self.choices[reference] = self._choices(found)
            self.tables[reference] = self._table(found)
            self.reads[reference] = []
            self._walk(found)

    def _table(self, found: Definition) -> Table | None:
        value = found.node.value if isinstance(found.node, ast.Assign | ast.AnnAssign) else None
        if not isinstance(value, ast.Dict):
            return None
        return Table(value, self._present.entries(source(found.reference.module), value))

    def _choices(self, found: Definition) -> list[Choice]:
        place = source(found.reference.module)
        decided = []
        for node in ast.walk(found.node):
            left = self._present.decided(place, node)
            if isinstance(node, ast.BoolOp) and _is_kernel(place, node.values[0]):
                left = node.values[1]
            if left is not None:
                assert isinstance(node, ast.expr)
                decided.append(Choice(node, left))
        return decided

    def _walk(self, found: Definition) -> None:
        """Follow the parts of a definition that are kept by now and were not followed before."""
        place = source(found.reference.module)
        choices = self.choices[found.reference]
        dropped = {id(part) for node, left in choices for part in ast.iter_child_nodes(node) if part is not left}
        for part in self._parts(found):
            if id(part) in self._walked:
                continue
            self._walked.add(id(part))
            self.attributes |= set(attributes(part, dropped))
            for read in reads(place, part, skipped=dropped):
                self.reads[found.reference].append(read)
                if isinstance(read.meaning, Reference):
                    self._waiting.append(read.meaning)
                elif isinstance(read.meaning, External):
                    self.externals.add(read.meaning)

    def _parts(self, found: Definition) -> Iterator[ast.AST]:
        node, table = found.node, self.tables[found.reference]
        if isinstance(node, ast.ClassDef):
            yield from (*node.decorator_list, *node.bases, *node.keywords)
            yield from (part for part in node.body if self.kept(found.reference, part))
        elif table is not None:
            yield from [] if isinstance(node, ast.Assign) else [node.annotation]  # type: ignore[union-attr]
            for key, value in table.entries:
                yield from (value,) if key is None else (key, value)
        elif found.reference in self._given:
            yield from [] if isinstance(node, ast.Assign) else [node.annotation]  # type: ignore[union-attr]
        else:
            yield node


def _is_kernel(place: Source, node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and [read.meaning for read in reads(place, node.func)] == [NOWHERE]
