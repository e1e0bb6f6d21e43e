"""Runs the scan's kernels in Triton's interpreter and prints what came out as JSON, as `triton_interpreted` does.

The interpreter takes 40 ms a token and block of 32 channels, so each case varies several things at once.
"""

import json
import sys
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor

import star
from genome import CLASSES, Genome, Shape, Space, decode
from star.ops import dispatch, trials, trust
from star.ops.dispatch import forced
from star.ops.recurrence import naive, triton_scan
from star.ops.recurrence.inputs import Inputs
from tests.star.ops.gradients import with_gradients

NAMES = ("y", "last", "dc", "db", "da", "dd", "dv", "dinitial")


class Case(NamedTuple):
    """Sizes of a scan: heads of c and b (1 or H), decays of a head, and whether tokens and sequences share decays."""

    length: int
    keys: int
    heads: int
    groups: int
    rates: int
    tokens_share: bool = True
    sequences_share: bool = True
    batch: int = 1
    span: int | None = None


CASES = (
    Case(1, keys=1, heads=3, groups=1, rates=1, batch=2),
    Case(2, keys=2, heads=33, groups=33, rates=2, tokens_share=False, sequences_share=False, batch=2),
    Case(37, keys=16, heads=40, groups=1, rates=16),
    Case(63, keys=1, heads=5, groups=5, rates=1, tokens_share=False, sequences_share=False),
    Case(64, keys=3, heads=7, groups=1, rates=1, tokens_share=False),
    Case(65, keys=3, heads=5, groups=1, rates=3, tokens_share=False, batch=2),
    Case(65, keys=2, heads=1, groups=1, rates=2, sequences_share=False, batch=2),
    Case(130, keys=5, heads=9, groups=1, rates=1),
    Case(130, keys=2, heads=3, groups=3, rates=2, span=4096),
    Case(300, keys=16, heads=2, groups=1, rates=16),
)


def drawn(case: Case, log_decay: float | None = None) -> list[Tensor]:
    """c, b, a, d, v and the first state; log decays of a unit step are all `log_decay` if that is given."""
    rng = torch.Generator().manual_seed(case.length)
    keys = (case.batch, case.length, case.groups, case.keys)
    token = (case.batch, case.length, case.heads, 1)
    a = (
        1 if case.sequences_share else case.batch,
        1 if case.tokens_share else case.length,
        *(case.heads, case.rates),
    )
    tensors = [torch.randn(shape, generator=rng) for shape in (keys, keys, a, token, token)]
    tensors[2] = -tensors[2].exp() if log_decay is None else torch.full(a, log_decay)
    tensors[3] = tensors[3].exp()
    return [*tensors, torch.randn(case.batch, case.heads, case.keys, 1, generator=rng)]


def errors(tensors: list[Tensor], span: int | None = None) -> dict[str, float]:
    """Relative RMS error of outputs and gradients against the meaning in float64; a missing value is infinite."""

    def form(inputs: Inputs, state: Tensor) -> tuple[Tensor, Tensor]:
        return triton_scan.recurrence(inputs, state, span)

    got = with_gradients(form, [x.detach().requires_grad_() for x in tensors])
    meant = with_gradients(naive.recurrence, [x.detach().double().requires_grad_() for x in tensors])
    found = {}
    for name, a, b in zip(NAMES, got, meant, strict=True):
        assert a.shape == b.shape, f"{name} has shape {tuple(a.shape)}"
        error = (a.double() - b).square().mean().sqrt().item() / (b.square().mean().sqrt().item() or 1.0)
        found[name] = error if error == error else float("inf")
    return found


def shapes() -> Iterator[tuple[str, object]]:
    for case in CASES:
        yield str(case), errors(drawn(case), case.span)


def gates() -> Iterator[tuple[str, object]]:
    """Decays that forget all, nearly all and nothing, over more than one span."""
    case = Case(70, keys=2, heads=3, groups=1, rates=2)
    for log_decay in (-1e4, -30.0, 0.0):
        yield f"log decay {log_decay}", errors(drawn(case, log_decay))


def layouts() -> Iterator[tuple[str, object]]:
    """Parts of one projection in two dtypes, steps that all heads share, and a gradient that is one number."""
    case = Case(20, keys=4, heads=6, groups=1, rates=4)
    *inputs, state = drawn(case)
    b, c, _ = torch.randn(1, 20, 1, 12).split(4, -1)
    v = torch.randn(1, 20, 6, 2)[..., :1]
    yield "parts", errors([c, b, inputs[2], inputs[3][:, :, :1].expand(-1, -1, 6, -1), v, state])
    y, _ = triton_scan.recurrence(Inputs(c.bfloat16(), b, inputs[2], inputs[3], v.bfloat16()), state)
    meant, _ = naive.recurrence(Inputs(c.bfloat16().float(), b, inputs[2], inputs[3], v.bfloat16().float()), state)
    yield "two dtypes", {"y": ((y.float() - meant).square().mean() / meant.square().mean()).sqrt().item()}
    assert y.dtype == torch.bfloat16
    leaves = [x.detach().requires_grad_() for x in (*inputs, state)]
    given: list[Callable[..., Any]] = [triton_scan.recurrence, naive.recurrence]
    sums = [torch.autograd.grad(form(Inputs(*leaves[:5]), leaves[5])[0].sum(), leaves) for form in given]
    yield "sum", {name: (a - b).norm().item() / b.norm().item() for name, a, b in zip(NAMES[2:], *sums, strict=True)}


def laws() -> Iterator[tuple[str, object]]:
    case = Case(70, keys=2, heads=3, groups=1, rates=1, batch=2)
    tensors = [x.requires_grad_() for x in drawn(case)]
    first, second = (with_gradients(triton_scan.recurrence, tensors) for _ in range(2))
    yield "same bits twice", all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    *inputs, state = (x.detach() for x in tensors)
    whole, last = triton_scan.recurrence(Inputs(*inputs), state)
    yield "the same without gradients", torch.equal(whole, first[0])
    head, middle = triton_scan.recurrence(Inputs(*inputs).tokens(0, 21), state)
    tail, end = triton_scan.recurrence(Inputs(*inputs).tokens(21, 70), middle)
    close = torch.allclose(torch.cat([head, tail], 1), whole, atol=1e-5) and torch.allclose(end, last, atol=1e-5)
    yield "a state that is handed over continues the sequence", close
    inputs[4][1, 40:] = float("nan")
    y, _ = triton_scan.recurrence(Inputs(*inputs), state)
    yield "no leak from later tokens", torch.equal(y[1, :40], whole[1, :40])
    yield "no leak between sequences", torch.equal(y[0], whole[0])


def dispatched() -> Iterator[tuple[str, object]]:
    """What is taken where Triton's kernels are forced, and what comparisons before the first use find in bfloat16."""
    *tensors, state = drawn(Case(5, keys=2, heads=3, groups=1, rates=1))
    inputs = Inputs(*tensors)
    with forced("triton"):
        yield "one value", dispatch.kernel("recurrence", inputs, state) is triton_scan.recurrence
        wide = inputs._replace(v=inputs.v.expand(-1, -1, -1, 2))
        others = dispatch.kernel("recurrence", wide, state.expand(-1, -1, -1, 2))
        yield "two values", others is not triton_scan.recurrence
    for trial in trials.SCAN:
        error = trust.error(trial, triton_scan.recurrence, torch.bfloat16, state.device)
        yield trial.case, error <= trust.TOLERANCE[torch.bfloat16]


def model() -> Iterator[tuple[str, object]]:
    """A backbone of classes that scan, with the kernels and without: logits and the gradient of every parameter."""
    names = ("Rec-1", "HGRN", "Phalanx")
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
        scale = meant.square().mean().sqrt() + 1e-12
        yield name, ((made["triton"][name] - meant).square().mean().sqrt() / scale).item()


def main() -> None:
    torch.manual_seed(0)
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = True  # type: ignore[attr-defined]  # not in its stubs
    assert torch.empty(1000).isnan().all(), "uninitialised memory is not filled with NaN"
    parts = (shapes, gates, layouts, laws, dispatched, model)
    json.dump({part.__name__: dict(part()) for part in parts}, sys.stdout)


if __name__ == "__main__":
    main()
