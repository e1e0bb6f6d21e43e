"""The names at the top of a module that a piece of code reads, and the attributes that it reads of anything."""

from __future__ import annotations

import ast
from collections.abc import Container, Iterator
from typing import NamedTuple

from star.export.standalone.sources import Meaning, Source, Submodule, member

Function = ast.FunctionDef | ast.Lambda
Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


class Read(NamedTuple):
    """A place where code reads a name of a module.

    Attributes:
        node: the name, or the attribute of a submodule.
        meaning: what is read.
        local: the names that functions around the place bind; the reader must not use one of them for it.
    """

    node: ast.Name | ast.Attribute
    meaning: Meaning
    local: frozenset[str]


def reads(
    source: Source, node: ast.AST, local: frozenset[str] = frozenset(), skipped: Container[int] = ()
) -> Iterator[Read]:
    """Iterate over the names of a module that a node reads; nodes whose `id` is in `skipped` are left out."""
    if id(node) in skipped:
        return
    if isinstance(node, ast.Name):
        written = not isinstance(node.ctx, ast.Load)
        meaning = None if written or node.id in local else source.meaning(node.id)
        if meaning is not None:
            yield Read(node, meaning, local)
        return
    if isinstance(node, ast.Attribute):
        meaning = _of_submodule(source, node, local)
        if meaning is not None:
            yield Read(node, meaning, local)
            return
    if isinstance(node, ast.FunctionDef):
        outside = [*node.decorator_list, *_annotations(node), *_defaults(node)]
        for expression in outside:
            yield from reads(source, expression, local, skipped)
        inside: list[ast.AST] = list(node.body)
        local |= bound(node)
    elif isinstance(node, ast.Lambda):
        for default in _defaults(node):
            yield from reads(source, default, local, skipped)
        inside = [node.body]
        local |= bound(node)
    elif isinstance(node, Comprehension):
        inside = list(ast.iter_child_nodes(node))
        local |= bound(node)
    else:
        inside = list(ast.iter_child_nodes(node))
    for part in inside:
        yield from reads(source, part, local, skipped)


def attributes(node: ast.AST, skipped: Container[int] = ()) -> Iterator[str]:
    """Iterate over the names of the attributes that a node reads; nodes whose `id` is in `skipped` are left out."""
    if id(node) in skipped:
        return
    if isinstance(node, ast.Attribute):
        yield node.attr
    for part in ast.iter_child_nodes(node):
        yield from attributes(part, skipped)


def bound(node: ast.AST) -> frozenset[str]:
    """Return the names that a function or a comprehension binds, those of functions in it included."""
    found = {part.id for part in ast.walk(node) if isinstance(part, ast.Name) and not isinstance(part.ctx, ast.Load)}
    found |= {part.arg for part in ast.walk(node) if isinstance(part, ast.arg)}
    found |= {part.name for part in ast.walk(node) if isinstance(part, ast.FunctionDef) and part is not node}
    return frozenset(found)


def _of_submodule(source: Source, node: ast.Attribute, local: frozenset[str]) -> Meaning | None:
    """Return what an attribute stands for if its object is a module of ours; None otherwise."""
    if not isinstance(node.value, ast.Name) or node.value.id in local:
        return None
    owner = source.meaning(node.value.id)
    return member(owner.module, node.attr) if isinstance(owner, Submodule) else None


def _annotations(node: ast.FunctionDef) -> list[ast.expr]:
    given = node.args
    every = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
    found = [one.annotation for one in every if one is not None and one.annotation is not None]
    return found if node.returns is None else [*found, node.returns]


def _defaults(node: Function) -> list[ast.expr]:
    return [*node.args.defaults, *(one for one in node.args.kw_defaults if one is not None)]
