"""Runs the kernels of the chunked recurrence in Triton's interpreter and prints what came out as JSON.

A process of its own, as `triton_interpreted` is. With a decay for each key the interpreter takes two seconds a chunk
and head.
"""

import json
import sys
from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
import triton.language as tl
from torch import Tensor
from triton.runtime.interpreter import InterpreterBuilder, TensorHandle

import star
from genome import CLASSES, Genome, Shape, Space, decode
from star.ops import dispatch, trials, trust
from star.ops.dispatch import forced
from star.ops.recurrence import naive
from star.ops.recurrence.inputs import Inputs
from star.ops.recurrence.triton_chunk import form
from tests.star.ops.gradients import with_gradients
from tests.star.structures.banded import BANDED, class_of, mixed

NAMES = ("y", "last", "dc", "db", "da", "dd", "dv", "dinitial")


class Case(NamedTuple):
    """Sizes of a recurrence: heads of c and b (1 or H), decays of a head, and whether tokens share decays."""

    length: int
    keys: int
    values: int
    heads: int = 1
    groups: int = 1
    rates: int = 1
    tokens_share: bool = False
    batch: int = 1


CASES = (
    Case(1, 8, 12, heads=3, groups=3, tokens_share=True, batch=2),
    Case(2, 64, 24, rates=64),
    Case(37, 12, 8, heads=3, groups=3),
    Case(37, 16, 24, rates=16, tokens_share=True),
    Case(63, 24, 64, heads=3, batch=2),
    Case(64, 64, 16, rates=64),
    Case(65, 16, 12, heads=3, groups=3, tokens_share=True),
    Case(65, 8, 16, rates=8),
    Case(130, 12, 24, rates=12),
    Case(130, 64, 64, heads=3),
    Case(300, 16, 16, heads=3),
    Case(20, 80, 72, heads=3, groups=3, rates=80),
    Case(20, 128, 128),
)


def drawn(case: Case, log_decays: Tensor | None = None) -> list[Tensor]:
    """c, b, a, d, v and the first state; log decays of a unit step are `log_decays`, (L), if those are given."""
    rng = torch.Generator().manual_seed(case.length)
    keys, token = (case.length, case.groups, case.keys), (case.length, case.heads)
    shapes = [keys, keys, (*token, case.rates), (*token, 1), (*token, case.values)]
    c, b, a, d, v = (torch.randn(case.batch, *shape, generator=rng) for shape in shapes)
    a = -a.abs() if log_decays is None else log_decays.view(1, -1, 1, 1).expand_as(a)
    state = torch.randn(case.batch, case.heads, case.keys, case.values, generator=rng)
    return [c, b, a[:1, :1] if case.tokens_share else a, d.sigmoid(), v, state]


def errors(tensors: list[Tensor]) -> dict[str, float]:
    """Relative RMS error of outputs and gradients against the meaning in float64; a missing value is infinite."""
    got = with_gradients(form.recurrence, [x.detach().requires_grad_() for x in tensors])
    meant = with_gradients(naive.recurrence, [x.detach().double().requires_grad_() for x in tensors])
    found = {}
    for name, a, b in zip(NAMES, got, meant, strict=True):
        assert a.shape == b.shape, f"{name} has shape {tuple(a.shape)}"
        error = ((a.double() - b).norm() / (b.norm() or 1.0)).item()
        found[name] = error if error == error else float("inf")
    return found


def shapes() -> Iterator[tuple[str, object]]:
    for case in CASES:
        yield str(case), errors(drawn(case))


def gates() -> Iterator[tuple[str, object]]:
    """Decays that forget nothing, nearly all and all, and small ones behind a large one."""
    for rates, length in ((1, 70), (8, 40)):
        case = Case(length, 8, 12, rates=rates)
        for size in (0.0, -30.0):
            yield f"{size}, {rates} a head", errors(drawn(case, torch.full((length,), size)))
        behind = torch.where(torch.arange(length) % 20 == 3, -1e4, -0.01)
        yield f"small ones behind a large one, {rates} a head", errors(drawn(case, behind))


def layouts() -> Iterator[tuple[str, object]]:
    """Parts of one projection in two dtypes, steps that all heads share, and gradients that are one number."""
    *inputs, state = drawn(Case(20, 8, 8, heads=3, groups=3))
    c, b, v = torch.randn(1, 20, 3, 24).split(8, -1)
    d = inputs[3][:, :, :1].expand(-1, -1, 3, -1)
    yield "parts", errors([c, b, inputs[2], d, v, state])
    yield "heads before tokens", errors([x.transpose(1, 2).contiguous().transpose(1, 2) for x in inputs] + [state])
    yield "channels apart", errors([x.mT.contiguous().mT for x in (c, b)] + [*inputs[2:4], v, state.mT.contiguous().mT])
    y, _ = form.recurrence(Inputs(c.bfloat16(), b, inputs[2], d, v.bfloat16()), state)
    assert y.dtype == torch.bfloat16
    meant, _ = naive.recurrence(Inputs(c.bfloat16().float(), b, inputs[2], d, v.bfloat16().float()), state)
    yield "two dtypes", {"y": ((y.float() - meant).norm() / meant.norm()).item()}
    leaves = [x.detach().requires_grad_() for x in (*inputs, state)]
    parts = [run(Inputs(*leaves[:5]), leaves[5]) for run in (form.recurrence, naive.recurrence)]
    sums = [torch.autograd.grad(y.sum() + last.sum(), leaves) for y, last in parts]
    yield "sum", {name: ((a - b).norm() / b.norm()).item() for name, a, b in zip(NAMES[2:], *sums, strict=True)}


def laws() -> Iterator[tuple[str, object]]:
    for rates, length, cut in ((1, 70, 40), (8, 24, 21)):
        tensors = [x.requires_grad_() for x in drawn(Case(length, 8, 12, rates=rates, batch=2))]
        first, second = (with_gradients(form.recurrence, tensors) for _ in range(2))
        yield f"same bits twice, {rates} a head", all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
        *inputs, state = (x.detach() for x in tensors)
        head, middle = form.recurrence(Inputs(*inputs).tokens(0, cut), state)
        tail, last = form.recurrence(Inputs(*inputs).tokens(cut, length), middle)
        close = torch.allclose(torch.cat([head, tail], 1), first[0], atol=1e-5)
        yield f"a state that is handed over, {rates} a head", close and torch.allclose(last, first[1], atol=1e-5)
        inputs[4][1, cut:] = float("nan")
        y, _ = form.recurrence(Inputs(*inputs), state)
        yield f"no leak between sequences, {rates} a head", torch.equal(y[0], first[0][0])
        inputs[4][1, cut:], inputs[2][1, cut:] = 1e3, -1e4
        y, _ = form.recurrence(Inputs(*inputs), state)
        yield f"no leak from later tokens, {rates} a head", torch.equal(y[1, :cut], first[0][1, :cut])


def chosen() -> Iterator[tuple[str, object]]:
    """What is taken where Triton's kernels are forced."""
    for size, taken in ((12, form.recurrence), (129, None)):
        *tensors, state = drawn(Case(5, 8, size))
        with forced("triton"):
            yield f"{size} values", dispatch.kernel("recurrence", Inputs(*tensors), state) is taken
        *tensors, state = drawn(Case(5, size, 8))
        with forced("triton"):
            yield f"{size} keys", dispatch.kernel("recurrence", Inputs(*tensors), state) is taken


def narrow() -> Iterator[tuple[str, object]]:
    """Comparisons before the first use, in bfloat16, of one head and 70 tokens of the first sequence."""
    for trial in trials.MATRIX_STATES:
        *inputs, state = trial.inputs(torch.Generator().manual_seed(0), torch.bfloat16)
        tensors = [*(x[:1, :70, :1] for x in inputs), state[:1, :1]]
        kernel, meaning = (partial(trial.outputs, run) for run in (form.recurrence, trial.meaning))
        yield trial.case, {"all": trust.largest_error(kernel, meaning, tensors)}


def jagged() -> Iterator[tuple[str, object]]:
    """A structure in jagged blocks, which runs each block as a sequence: outputs and the gradient of every feature."""
    structure, features, _ = mixed(*class_of(*BANDED["gate a head"]), 50, batch=1)
    exact = {group: x.detach().requires_grad_() for group, x in features.items()}
    leaves = {group: x.detach().float().requires_grad_() for group, x in features.items()}
    with forced("triton"):
        pairs = ((structure.fast(leaves), leaves), (structure.mix(exact), exact))
    got, meant = ([y, *torch.autograd.grad(y.cos().sum(), list(groups.values()))] for y, groups in pairs)
    both = zip(("y", *features), got, meant, strict=True)
    yield "gate a head", {group: ((a.double() - b).norm() / b.norm()).item() for group, a, b in both}


def model() -> Iterator[tuple[str, object]]:
    """A backbone of classes with such states, with the kernels and without: logits and all gradients."""
    names = ("Mamba-2", "GLA", "NormalisedLinearAttention")
    ids = {row.name: row.id for row in CLASSES}
    blueprint = decode(Genome.of([ids[name] for name in names]), Space.of(names, depth=3))
    tokens = torch.randint(0, 32, (1, 37), generator=torch.Generator().manual_seed(0))
    made = {}
    for mode in ("torch", "triton"):
        backbone = star.build(blueprint, Shape(width=32, head_dim=16, vocab=32), seed=0)
        with forced(mode):
            logits = backbone(tokens)
            logits.square().mean().backward()
        made[mode] = {"logits": logits.detach()} | {n: p.grad for n, p in backbone.named_parameters()}
    for name, meant in made["torch"].items():
        yield name, {"all": ((made["triton"][name] - meant).norm() / (meant.norm() + 1e-12)).item()}


def widen_products() -> None:
    """Let the interpreter widen the factors of matrix products in bfloat16, whose bits it multiplies as integers."""
    multiply = InterpreterBuilder.create_dot

    def widened(x: Any) -> Any:
        if x.data.dtype != np.uint16:
            return x
        return TensorHandle((x.data.astype(np.uint32) << 16).view(np.float32), tl.float32)

    InterpreterBuilder.create_dot = lambda self, a, b, *rest: multiply(self, widened(a), widened(b), *rest)


def main() -> None:
    torch.manual_seed(0)
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = True  # type: ignore[attr-defined]  # not in its stubs
    assert torch.empty(1000).isnan().all(), "uninitialised memory is not filled with NaN"
    widen_products()
    parts = (shapes, gates, layouts, laws, chosen, narrow, jagged, model)
    json.dump({part.__name__: dict(part()) for part in parts}, sys.stdout)


if __name__ == "__main__":
    main()
