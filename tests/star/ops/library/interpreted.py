"""Runs kernels of flash-linear-attention in Triton's interpreter: `interpreted.py OPERATOR` prints errors as JSON.

A process of its own, because TRITON_INTERPRET must be set before a kernel's file is imported. The interpreter lacks two
things that the library uses: `range` yields integers of Python, which have no `to`, and a choice between several
configurations needs a GPU to time them, so that each kernel keeps its first one.

B batch, L tokens, H heads, K key channels, V value channels.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import torch
import triton.language as tl
from torch import Tensor
from triton.runtime.autotuner import Autotuner
from triton.runtime.interpreter import GridExecutor

from star.ops import library
from star.ops.delta_rule import naive as delta_naive
from star.ops.recurrence import naive
from star.ops.recurrence.inputs import Inputs
from star.ops.trust import largest_error

HEADS, BATCH = 3, 2

Outputs = tuple[Tensor, Tensor]
Form = Callable[[Inputs, Tensor], Outputs]


class Index(int):
    """An integer of Python that becomes a tensor of Triton as one does on a GPU."""

    def to(self, dtype: tl.dtype) -> tl.tensor:
        return tl.full((), int(self), dtype)


def complete() -> None:
    """Add to the interpreter what it lacks."""
    configured, execute = Autotuner.__init__, GridExecutor.__call__

    def first(self: Any, fn: Any, arg_names: Any, configs: Any, *args: Any, **options: Any) -> None:
        configured(self, fn, arg_names, configs[:1], *args, **options)

    def indices(*bounds: Any) -> Iterator[Index]:
        whole = (int(n.handle.data.item()) if isinstance(n, tl.tensor) else n for n in bounds)
        return map(Index, range(*whole))

    def executed(self: Any, *args: Any, **options: Any) -> Any:
        names = self.fn.__globals__
        names["range"] = indices
        try:
            return execute(self, *args, **options)
        finally:
            del names["range"]

    Autotuner.__init__, GridExecutor.__call__ = first, executed


class Operator(NamedTuple):
    """An operator of the library: its form and meaning, whether each key has a decay, whether keys have length 1."""

    form: Form
    meaning: Form
    rates: bool = False
    unit: bool = False

    def error(self, length: int, keys: int = 16, values: int = 16, groups: int = HEADS, extreme: bool = False) -> float:
        """Compute the largest relative error of the outputs and gradients; extreme log decays are 0 or -30."""
        rng = torch.Generator().manual_seed(length)
        shapes = [(groups, keys), (groups, keys), (HEADS, keys if self.rates else 1), (HEADS, 1), (HEADS, values)]
        c, b, a, d, v = (torch.randn(BATCH, length, *shape, generator=rng) for shape in shapes)
        a = -30.0 * (a > 0.5) if extreme else -a.abs()
        b = torch.nn.functional.normalize(b, dim=-1) if self.unit else b
        tensors = [c, b, a, d.sigmoid(), v, torch.randn(BATCH, HEADS, keys, values, generator=rng)]
        return largest_error(partial(run, self.form), partial(run, self.meaning), tensors)


def run(form: Form, tensors: list[Tensor]) -> Outputs:
    return form(Inputs(*tensors[:-1]), tensors[-1])


def in_two(form: Form, inputs: Inputs, state_BHKV: Tensor) -> Outputs:
    """Compute the halves one after the other, the state handed over."""
    half = inputs.length // 2
    first, state_BHKV = form(inputs.tokens(0, half), state_BHKV)
    second, state_BHKV = form(inputs.tokens(half, inputs.length), state_BHKV)
    return torch.cat([first, second], dim=1), state_BHKV


OPERATORS = {
    "a decay for each head": Operator(library.recurrence, naive.recurrence),
    "a decay for each key": Operator(library.recurrence, naive.recurrence, rates=True),
    "delta rule": Operator(library.delta_rule, delta_naive.delta_rule, unit=True),
    "delta rule, a decay for each key": Operator(
        library.delta_rule_per_key, delta_naive.delta_rule, rates=True, unit=True
    ),
}


def found(operator: Operator) -> dict[str, float]:
    """The errors of an operator, by case."""
    return {
        **{f"{length} tokens": operator.error(length) for length in (2, 37, 65, 130)},
        **{f"{keys} x {values}": operator.error(70, keys, values) for keys, values in ((8, 24), (12, 5))},
        "shared keys": operator.error(70, groups=1),
        "extreme decays": operator.error(70, extreme=True),
        "in two": operator._replace(form=partial(in_two, operator.form)).error(70),
    }


if __name__ == "__main__":
    complete()
    sys.stdout.write(json.dumps(found(OPERATORS[sys.argv[1]])))
