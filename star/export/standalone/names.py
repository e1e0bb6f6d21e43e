"""The name of each definition and import in the file: of equal ones, all but the first also name their module."""

from __future__ import annotations

from collections.abc import Iterable

from star.export.standalone.reach import Reached
from star.export.standalone.sources import External, Reference


def names(reached: Reached, order: Iterable[Reference]) -> dict[Reference | External, str]:
    """Return the name of everything that is needed; the first of equal names stays as it is."""
    found: dict[Reference | External, str] = {}
    taken: set[str] = set()
    hidden = _hidden(reached)
    for one in sorted(reached.externals):
        found[one] = one.alias if one.alias not in taken else _joined(one.alias, one.module.split(".")[-1:])
        taken.add(found[one])
    for reference in order:
        path = reference.module.split(".")
        choices = [reference.name, *(_joined(reference.name, path[-n:]) for n in range(1, len(path) + 1))]
        free = (choice for choice in choices if choice not in taken and choice not in hidden.get(reference, ()))
        found[reference] = next(free)
        taken.add(found[reference])
    return found


def _hidden(reached: Reached) -> dict[Reference, set[str]]:
    """Return for each definition the names that functions bind where they read it."""
    hidden: dict[Reference, set[str]] = {}
    for places in reached.reads.values():
        for read in places:
            if isinstance(read.meaning, Reference):
                hidden.setdefault(read.meaning, set()).update(read.local)
    return hidden


def _joined(name: str, path: list[str]) -> str:
    """Join a name and the last parts of the path of its module in the style of the name."""
    if name.lstrip("_").isupper():
        return "_OF_".join([name, "_".join(path).upper()])
    if name.lstrip("_")[0].isupper():
        return name + "Of" + "".join(part.title() for part in "_".join(path).split("_"))
    return "_of_".join([name, "_".join(path)])
