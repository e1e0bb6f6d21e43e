"""The changes of a definition on its way into a file: other names, decided expressions, and parts that are dropped."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from star.export.standalone.reach import Reached
from star.export.standalone.sources import Definition, External, Reference, Source, source
from star.export.standalone.values import expression


class Edit(NamedTuple):
    """A replacement of the bytes from `start` to `end` of a module."""

    start: int
    end: int
    text: str


def edits(
    found: Definition,
    reached: Reached,
    names: Mapping[Reference | External, str],
    values: Mapping[Reference, object],
) -> Iterator[Edit]:
    """Iterate over the changes of a definition; none overlaps another.

    Args:
        names: the name of everything in the file.
        values: the values of assignments that are not those of the sources.
    """
    place = source(found.reference.module)
    yield from _names(found, place, reached, names)
    yield from _choices(found, place, reached)
    if isinstance(found.node, ast.ClassDef):
        yield from _class_body(found, place, reached)
    yield from _table(found, place, reached)
    if found.reference in values:
        yield _value(found, place, values[found.reference], names.__getitem__)


def _names(
    found: Definition, place: Source, reached: Reached, names: Mapping[Reference | External, str]
) -> Iterator[Edit]:
    for read in reached.reads[found.reference]:
        if isinstance(read.meaning, Reference | External):
            yield Edit(*place.span(read.node), names[read.meaning])
    old, new = found.reference.name.encode(), names[found.reference]
    if old.decode() != new:
        at = place.data.index(old, place.span(found.node)[0])
        yield Edit(at, at + len(old), new)


def _choices(found: Definition, place: Source, reached: Reached) -> Iterator[Edit]:
    """Leave of each decided expression the part that stands for it, without parentheses around it."""
    for whole, left in reached.choices[found.reference]:
        (start, end), (first, last) = place.span(whole), place.span(left)
        if place.data[start - 1 : start] == b"(" and place.data[end : end + 1] == b")":
            start, end = start - 1, end + 1
        yield from (Edit(start, first, ""), Edit(last, end, ""))


def _class_body(found: Definition, place: Source, reached: Reached) -> Iterator[Edit]:
    assert isinstance(found.node, ast.ClassDef)
    for part in found.node.body:
        if not reached.kept(found.reference, part):
            yield Edit(*place.lines(part, part), "")


def _table(found: Definition, place: Source, reached: Reached) -> Iterator[Edit]:
    table = reached.tables[found.reference]
    if table is None:
        return
    kept = {id(value) for _, value in table.entries}
    pairs = list(zip(table.node.keys, table.node.values, strict=True))
    starts = [place.span(value)[0] - len("**") if key is None else place.span(key)[0] for key, value in pairs]
    starts.append(place.span(table.node)[1] - len("}"))
    for n, (_, value) in enumerate(pairs):
        if id(value) not in kept:
            yield Edit(starts[n], starts[n + 1], "")


def _value(found: Definition, place: Source, value: object, name_of: Callable[[Reference], str]) -> Edit:
    assert isinstance(found.node, ast.AnnAssign)
    assert found.node.value is not None
    return Edit(*place.span(found.node.value), expression(value, name_of, used=found.node.value.col_offset))
