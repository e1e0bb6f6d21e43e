"""The text of a file: its imports and the needed definitions, module by module, with their names in this file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from graphlib import TopologicalSorter
from itertools import groupby

from star.export.standalone.edits import edits
from star.export.standalone.names import names
from star.export.standalone.present import Present
from star.export.standalone.reach import Reached
from star.export.standalone.sources import Definition, External, Reference, source
from star.export.standalone.values import WIDTH, classes


class Cut:
    """The part of our sources that some definitions need.

    Args:
        first: the definitions.
        methods: names of methods that people call.
        present: what the model has.
        values: the values of assignments that are not those of the sources.
    """

    def __init__(
        self, first: list[Reference], methods: tuple[str, ...], present: Present, values: Mapping[Reference, object]
    ) -> None:
        named = [kind for value in values.values() for kind in classes(value)]
        self._reached = Reached(first, named, methods, present, values.keys())
        self._values = values
        self._order = self._in_order()
        self._names = names(self._reached, self._order)

    def text(self) -> str:
        """Return the imports and the definitions."""
        parts = ["\n".join(self._imports())]
        for module, references in groupby(self._order, lambda reference: reference.module):
            parts.append(_comment(module, source(module).docstring))
            parts += [self._definition(self._reached.definitions[one]) for one in references]
        return "\n\n\n".join(parts) + "\n"

    def _in_order(self) -> list[Reference]:
        """Return the definitions: modules after those that they import, and within a module as they stand there."""
        needs: dict[str, set[str]] = {}
        for reference, reads in self._reached.reads.items():
            others = {read.meaning.module for read in reads if isinstance(read.meaning, Reference)}
            needs.setdefault(reference.module, set()).update(others - {reference.module})
        in_order = TopologicalSorter({module: sorted(needs[module]) for module in sorted(needs)}).static_order()
        known = self._reached.definitions
        every = (Reference(module, name) for module in in_order for name in source(module).definitions)
        return [reference for reference in every if reference in known]

    def _imports(self) -> Iterator[str]:
        externals = sorted(self._reached.externals, key=lambda one: (one.module.split(".")[0] == "torch", one))
        for torch, some in groupby(externals, lambda one: one.module.split(".")[0] == "torch"):
            every = list(some)
            if torch:
                yield ""
            yield from (_import(one, self._names[one]) for one in every if not one.attribute)
            named = [one for one in every if one.attribute]
            for module, members in groupby(named, lambda one: one.module):
                yield _import_from(module, [(one.attribute, self._names[one]) for one in members])

    def _definition(self, found: Definition) -> str:
        place = source(found.reference.module)
        start, end = place.lines(found.node, found.described or found.node)
        data = place.data[start:end]
        for edit in sorted(edits(found, self._reached, self._names, self._values), reverse=True):
            data = data[: edit.start - start] + edit.text.encode() + data[edit.end - start :]
        return _tidy(data.decode())


def _comment(module: str, docstring: str) -> str:
    bar = f"# {module} ".ljust(WIDTH, "-")
    return "\n".join([bar, *(f"# {line}".rstrip() for line in docstring.splitlines())])


def _import(one: External, name: str) -> str:
    return f"import {one.module}" + (f" as {name}" if name != one.module else "")


def _import_from(module: str, members: list[tuple[str, str]]) -> str:
    listed = [member if member == name else f"{member} as {name}" for member, name in members]
    line = f"from {module} import {', '.join(listed)}"
    if len(line) <= WIDTH:
        return line
    return f"from {module} import (\n" + "".join(f"    {one},\n" for one in listed) + ")"


def _tidy(text: str) -> str:
    """Drop what removed parts leave: spaces at ends of lines, and blank lines beyond one."""
    text = re.sub(r"[ \t]+\n", "\n", text)
    text = re.sub(r"\{\s*\}", "{}", text)
    return re.sub(r"\n{3,}", "\n\n", text).strip("\n")
