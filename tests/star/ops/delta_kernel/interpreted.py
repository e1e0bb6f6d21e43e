"""Runs the kernels of the delta rule in Triton's interpreter and prints what came out as JSON.

A process of its own, as `triton_interpreted` is.
"""

import json
import sys
from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

import star
from genome import CLASSES, Genome, Shape, Space, decode
from star.ops import dispatch, trials, trust
from star.ops.delta_rule import naive
from star.ops.delta_rule.triton_chunk import form
from star.ops.dispatch import forced
from star.ops.recurrence.inputs import Inputs
from tests.star.ops.chunk_kernel.interpreted import widen_products
from tests.star.ops.gradients import with_gradients

NAMES = ("y", "last", "dc", "db", "da", "dd", "dv", "dinitial")


class Case(NamedTuple):
    """Sizes of a delta rule: heads of c and b (1 or H), and whether tokens share decays."""

    length: int
    keys: int
    values: int
    heads: int = 1
    groups: int = 1
    tokens_share: bool = False
    batch: int = 1


CASES = (
    Case(1, 8, 12, heads=3, groups=3, tokens_share=True, batch=2),
    Case(2, 64, 24),
    Case(37, 12, 8, heads=3, groups=3),
    Case(63, 24, 64, heads=3, batch=2),
    Case(64, 64, 16),
    Case(65, 16, 1, heads=3, groups=3, tokens_share=True),
    Case(130, 64, 64, heads=1),
    Case(300, 16, 16, heads=3),
    Case(20, 80, 72, heads=3, groups=3),
    Case(20, 128, 128),
)


def drawn(case: Case, log_decays: Tensor | None = None, common: float = 0.0) -> list[Tensor]:
    """c, b, a, d, v and the first state; log decays are `log_decays`, (L), if given, and keys share `common`."""
    rng = torch.Generator().manual_seed(case.length)
    keys, token = (case.length, case.groups, case.keys), (case.length, case.heads)
    shapes = [keys, keys, (*token, 1), (*token, 1), (*token, case.values)]
    c, b, a, d, v = (torch.randn(case.batch, *shape, generator=rng) for shape in shapes)
    a = -a.abs() if log_decays is None else log_decays.view(1, -1, 1, 1).expand_as(a)
    state = torch.randn(case.batch, case.heads, case.keys, case.values, generator=rng)
    return [c, F.normalize(b + common, dim=-1), a[:1, :1] if case.tokens_share else a, d.sigmoid(), v, state]


def errors(tensors: list[Tensor]) -> dict[str, float]:
    """Relative RMS error of outputs and gradients against the meaning in float64; a missing value is infinite."""
    got = with_gradients(form.delta_rule, [x.detach().requires_grad_() for x in tensors])
    meant = with_gradients(naive.delta_rule, [x.detach().double().requires_grad_() for x in tensors])
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
    """Decays that forget nothing, nearly all and all, small ones behind a large one, and keys that are nearly equal."""
    case = Case(70, 8, 12)
    for size in (0.0, -30.0, -1e4):
        yield str(size), errors(drawn(case, torch.full((70,), size)))
    yield "small ones behind a large one", errors(drawn(case, torch.where(torch.arange(70) % 20 == 3, -1e4, -0.01)))
    yield "similar keys", errors(drawn(case, torch.zeros(70), common=9.0))


def layouts() -> Iterator[tuple[str, object]]:
    """Parts of one projection, shares that all heads share, and gradients that are one number."""
    *inputs, state = drawn(Case(20, 8, 8, heads=3, groups=3))
    c, b, v = torch.randn(1, 20, 3, 24).split(8, -1)
    parts = [c, b / b.norm(dim=-1, keepdim=True), inputs[2], inputs[3][:, :, :1].expand(-1, -1, 3, -1), v, state]
    yield "parts", errors(parts)
    leaves = [x.detach().requires_grad_() for x in parts]
    results = [run(Inputs(*leaves[:5]), leaves[5]) for run in (form.delta_rule, naive.delta_rule)]
    sums = [torch.autograd.grad(y.sum() + last.sum(), leaves) for y, last in results]
    yield "sum", {name: ((a - b).norm() / b.norm()).item() for name, a, b in zip(NAMES[2:], *sums, strict=True)}


def laws() -> Iterator[tuple[str, object]]:
    tensors = [x.requires_grad_() for x in drawn(Case(70, 8, 12, batch=2))]
    first, second = (with_gradients(form.delta_rule, tensors) for _ in range(2))
    yield "same bits twice", all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    *inputs, state = (x.detach() for x in tensors)
    head, middle = form.delta_rule(Inputs(*inputs).tokens(0, 40), state)
    tail, last = form.delta_rule(Inputs(*inputs).tokens(40, 70), middle)
    close = torch.allclose(torch.cat([head, tail], 1), first[0], atol=1e-5)
    yield "a state that is handed over", close and torch.allclose(last, first[1], atol=1e-5)
    inputs[4][1, 40:], inputs[2][1, 40:] = 1e3, -1e4
    y, _ = form.delta_rule(Inputs(*inputs), state)
    yield "no leak from later tokens", torch.equal(y[1, :40], first[0][1, :40])
    yield "no leak between sequences", torch.equal(y[0], first[0][0])
    with forced("triton"):
        yield "chosen", dispatch.kernel("delta_rule", Inputs(*inputs), state) is form.delta_rule


def narrow() -> Iterator[tuple[str, object]]:
    """Comparisons before the first use, in bfloat16, of one head and 70 tokens of the first sequence."""
    for trial in trials.DELTA_RULE:
        *inputs, state = trial.inputs(torch.Generator().manual_seed(0), torch.bfloat16)
        tensors = [*(x[:1, :70, :1] for x in inputs), state[:1, :1]]
        kernel, meaning = (partial(trial.outputs, run) for run in (form.delta_rule, trial.meaning))
        yield trial.case, {"all": trust.largest_error(kernel, meaning, tensors)}


def model() -> Iterator[tuple[str, object]]:
    """A backbone of classes with a delta rule, with the kernels and without: logits and all gradients."""
    names = ("DeltaNet", "Gated DeltaNet", "Banded DeltaNet")
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


def main() -> None:
    torch.manual_seed(0)
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = True  # type: ignore[attr-defined]  # not in its stubs
    assert torch.empty(1000).isnan().all(), "uninitialised memory is not filled with NaN"
    widen_products()
    parts = (shapes, gates, layouts, laws, narrow, model)
    json.dump({part.__name__: dict(part()) for part in parts}, sys.stdout)


if __name__ == "__main__":
    main()
