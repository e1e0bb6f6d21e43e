"""The state of an optimizer as tensors by name and the rest as JSON, so that nothing of it is unpickled.

Each optimizer has its own state: AdamW two tensors and a counter for each parameter, SOAP lists of matrices, and those
of pytorch-optimizer a counter for each group of parameters. It is therefore walked, not listed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

COUNTER = "step"
"""The entry of a group of parameters that counts steps, where an optimizer has one; all others are settings."""


def flattened(optimizer: torch.optim.Optimizer) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the tensors of an optimizer, by the parameter's index and their path below it, and the rest as JSON.

    In the rest, the order of its axes in memory stands in the place of each tensor, or None for the usual order:
    a matrix product rounds its sums otherwise in another order, and then a resumed training would be another one.
    """
    document, tensors = optimizer.state_dict(), dict[str, Tensor]()
    state = {str(index): _without_tensors(value, str(index), tensors) for index, value in document["state"].items()}
    counters = [group.get(COUNTER) for group in document["param_groups"]]
    return tensors, {"state": state, "counters": counters}


def restore(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor], rest: dict[str, Any] | None) -> None:
    """Give an optimizer a state of `flattened`; `rest` is None in checkpoints of versions that had AdamW alone."""
    if rest is None:
        rest = {"state": _of_names(tensors), "counters": []}
    document = optimizer.state_dict()
    for group, counter in zip(document["param_groups"], rest["counters"], strict=False):
        group.pop(COUNTER, None)
        group |= {} if counter is None else {COUNTER: counter}
    state = {int(index): _with_tensors(value, index, tensors) for index, value in rest["state"].items()}
    optimizer.load_state_dict({**document, "state": state})


def _without_tensors(value: Any, path: str, tensors: dict[str, Tensor]) -> Any:
    """Replace the tensors in nested mappings and lists by the orders of their axes, and collect them by their path."""
    if isinstance(value, Tensor):
        tensors[path] = value
        return None if value.is_contiguous() else sorted(range(value.ndim), key=value.stride, reverse=True)
    if isinstance(value, dict):
        return {name: _without_tensors(one, f"{path}.{name}", tensors) for name, one in value.items()}
    if isinstance(value, list):
        return [_without_tensors(one, f"{path}.{n}", tensors) for n, one in enumerate(value)]
    return value


def _with_tensors(value: Any, path: str, tensors: Mapping[str, Tensor]) -> Any:
    """Put copies of the tensors back in their places, because the optimizer keeps and changes them."""
    if path in tensors:
        return tensors[path].clone() if value is None else _in_order(tensors[path], value)
    if isinstance(value, dict):
        return {name: _with_tensors(one, f"{path}.{name}", tensors) for name, one in value.items()}
    if isinstance(value, list):
        return [_with_tensors(one, f"{path}.{n}", tensors) for n, one in enumerate(value)]
    return value


def _in_order(tensor: Tensor, order: list[int]) -> Tensor:
    """Return a copy whose axes lie in memory in this order, the one with the largest stride first."""
    back = sorted(range(len(order)), key=order.__getitem__)
    return tensor.permute(order).clone(memory_format=torch.contiguous_format).permute(back)


def _of_names(tensors: Mapping[str, Tensor]) -> dict[str, dict[str, None]]:
    """Return the state whose values are all tensors from their names alone."""
    state: dict[str, dict[str, None]] = {}
    for path in tensors:
        index, _, name = path.partition(".")
        state.setdefault(index, {})[name] = None
    return state
