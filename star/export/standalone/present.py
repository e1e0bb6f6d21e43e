"""The kinds of parts and the digits that a model has: a table of the sources keeps only their entries."""

from __future__ import annotations

import ast
import sys
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any

import torch
from torch import nn

from star.backbone import Backbone
from star.export.exported import Exported
from star.export.standalone.scopes import reads
from star.export.standalone.sources import PACKAGES, Reference, Source
from star.structures import Structure
from star.units import Units

PARTS = (nn.Module, Structure, Units)
"""The classes of which a model makes only those that it needs."""


@dataclass(frozen=True)
class Present:
    """What a model has.

    Attributes:
        kinds: the classes of parts that it makes, and their base classes.
        digits: the members of alphabets in its blueprint.
    """

    kinds: frozenset[type]
    digits: frozenset[Enum]

    @classmethod
    def of(cls, exported: Exported) -> Present:
        """Find the parts among the objects that a model holds after it has run."""
        model = exported.model
        _run(model)
        blocks = list(model.stack())
        held = _within([model, *(part for block in blocks for part in block.operator.unshared)])
        kinds = {kind for one in held if isinstance(one, PARTS) for kind in type(one).__mro__}
        return cls(frozenset(kinds), frozenset(one for one in _within([model.blueprint]) if isinstance(one, Enum)))

    def decided(self, source: Source, node: ast.AST) -> ast.expr | None:
        """Return the branch of a conditional expression that remains if the other makes a part that the model lacks."""
        if not isinstance(node, ast.IfExp):
            return None
        for branch, other in ((node.body, node.orelse), (node.orelse, node.body)):
            if any(self.lacks(source, part) for part in ast.walk(branch) if isinstance(part, ast.Name)):
                return other
        return None

    def has_member(self, kind: Reference, name: str) -> bool:
        """Return whether an alphabet's member is in the blueprint; True for a class that is no alphabet."""
        found = _loaded(kind)
        return (
            found is None or not issubclass(found, Enum) or name not in found.__members__ or found[name] in self.digits
        )

    def lacks(self, source: Source, name: ast.expr) -> bool:
        """Return whether a name stands for a class of parts that the model does not make, nor looks another up by."""
        kind = _object(source, name)
        if not (isinstance(kind, type) and issubclass(kind, PARTS)) or kind in self.kinds:
            return False
        entries = (pair for table in source.tables for pair in zip(table.keys, table.values, strict=True))
        return not any(self._replaces(source, kind, key, value) for key, value in entries)

    def _replaces(self, source: Source, kind: type, key: ast.expr | None, value: ast.expr) -> bool:
        """Return whether an entry of a table leads from a class to one that the model has."""
        found = _object(source, value)
        if key is None or found is kind or not isinstance(found, type):
            return False
        return any(_object(source, part) is kind for part in ast.walk(key)) and not self.lacks(source, value)

    def entries(self, source: Source, table: ast.Dict) -> list[tuple[ast.expr | None, ast.expr]]:
        """Return the entries of a table at the top of a module that a model may need: key and value.

        An entry is left out if its value is a class of parts that the model has no part of, or if its key has a digit
        that the model does not have. An entry without a key is `**` of another table.
        """
        pairs = zip(table.keys, table.values, strict=True)
        return [(key, value) for key, value in pairs if self._has_kind(source, value) and self._has_digits(source, key)]

    def _has_kind(self, source: Source, value: ast.expr) -> bool:
        return not self.lacks(source, value.value if isinstance(value, ast.DictComp) else value)

    def _has_digits(self, source: Source, key: ast.expr | None) -> bool:
        if key is None:
            return True
        digits = {
            _object(source, part.value)[part.attr]
            for part in ast.walk(key)
            if isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name) and _is_alphabet(source, part.value)
        }
        return digits <= self.digits


def _object(source: Source, name: ast.AST) -> Any:
    """Return the object that a name of a module of ours stands for, None for all other names."""
    meanings = [one.meaning for one in reads(source, name)] if isinstance(name, ast.Name) else []
    if not meanings or not isinstance(meanings[0], Reference):
        return None
    return _loaded(meanings[0])


def _loaded(reference: Reference) -> Any:
    """Return the object of a reference; None where its module is not imported, as what a model is made of is."""
    return getattr(sys.modules.get(reference.module), reference.name, None)


def _is_alphabet(source: Source, name: ast.Name) -> bool:
    found = _object(source, name)
    return isinstance(found, type) and issubclass(found, Enum)


def _within(start: list[object]) -> Iterator[object]:
    """Iterate over objects and all objects of our packages and of PyTorch's modules that they hold, each once."""
    seen, waiting = {id(one): one for one in start}, list(start)
    while waiting:
        one = waiting.pop()
        yield one
        for held in _held(one):
            if id(held) not in seen:
                seen[id(held)] = held
                waiting.append(held)


def _held(one: object) -> Collection[object]:
    if isinstance(one, dict):
        return one.values()
    if isinstance(one, list | tuple):
        return one
    ours = isinstance(one, nn.Module) or type(one).__module__.split(".")[0] in PACKAGES
    return vars(one).values() if ours and hasattr(one, "__dict__") else ()


def _run(model: Backbone) -> None:
    """Run a model on whole sequences and with a cache, so that it makes what it makes when it first needs it."""
    shape = model.shape
    tokens = torch.zeros(1, 2, *([shape.channels] if shape.channels else []))
    tokens = tokens.to(model.head_VD.dtype if shape.channels else torch.long)
    with torch.no_grad():
        model(tokens)
        model(tokens, model.new_cache())
