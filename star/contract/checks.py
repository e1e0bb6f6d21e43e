"""The operator contract: the properties that every architecture must have before a search may trust its metrics.

A search finds and exploits any leak of later tokens. Each check is a generator of breaches; one that yields nothing
has held. `CHECKS` is the whole contract, and no class is exempt by name.

B batch, L tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from safetensors.torch import load as read_tensors
from torch import Tensor

from genome import Genome, Shape, Space, decode
from star.analysis.cost import cost
from star.contract.case import LENGTH, Case
from star.contract.forms import disagreements, relative_rms
from star.contract.precision import precise
from star.contract.report import Breach, Report
from star.export import weights

STEP_TOLERANCE = 1e-9
"""Relative RMS error allowed between two ways to compute the same float64 logits."""
FFT_TOLERANCE = 1e-12
"""Change of an earlier output, relative to the largest output, that the rounding of an FFT may cause."""


def check(genome: Genome, space: Space, shape: Shape, seed: int = 0) -> Report:
    """Decode one genome and run the whole contract on it.

    Raises:
        ValueError: the genome is not legal in the space, or a class does not fit the shape.
    """
    return examine(Case(decode(genome, space), shape, seed))


def examine(case: Case) -> Report:
    """Run the whole contract; a check that raises is a breach, because every legal genome must build and run."""
    breaches: list[Breach] = []
    for name, run in CHECKS.items():
        try:
            breaches += [Breach(name, detail) for detail in run(case)]
        except Exception as error:
            breaches.append(Breach(name, f"{type(error).__name__}: {error}"))
    return Report(tuple(CHECKS), tuple(breaches))


@torch.no_grad()
def causal(case: Case) -> Iterator[str]:
    """Check that a changed token changes no earlier output, except by rounding if not `exactly_causal`."""
    tokens_BL = case.tokens(2, LENGTH)
    before = case.model(tokens_BL)
    for t in (1, LENGTH // 2, LENGTH - 1):
        changed_BL = tokens_BL.clone()
        changed_BL[:, t] = (changed_BL[:, t] + 1) % case.shape.vocab
        after = case.model(changed_BL)
        moved = _largest(after[:, :t] - before[:, :t]) / _largest(before)
        allowed = 0.0 if case.exactly_causal else FFT_TOLERANCE
        if not moved <= allowed:
            yield f"changing token {t} moved earlier outputs by {moved:.1e} relative; allowed {allowed:.0e}"
        if _largest(after[:, t] - before[:, t]) == 0:
            yield f"changing token {t} did not change its own output"


def forms_agree(case: Case) -> Iterator[str]:
    """Check that fast, matrix @ v and step by step agree with mix in outputs and gradients, for every LIV."""
    for length in (1, 2, LENGTH):
        with torch.no_grad():
            blocks = list(case.model.features_of(case.noise(length).unbind(0)))
        for position, (block, features) in enumerate(blocks):
            for liv, own in block.parts(features):
                for breach in disagreements(liv.structure, own):
                    yield f"LIV {position} {liv.class_name}, {length} tokens: {breach}"


@torch.no_grad()
def decoding(case: Case) -> Iterator[str]:
    """Check that decoding with the cache, token by token and in uneven chunks, equals the whole sequence."""
    tokens_BL = case.tokens(2, LENGTH)
    whole = case.model(tokens_BL)
    for name, sizes in (("token by token", [1] * LENGTH), ("in chunks", [5, 1, LENGTH - 6])):
        cache = case.model.new_cache(2)
        parts = [case.model(chunk_BL, cache) for chunk_BL in torch.split(tokens_BL, sizes, dim=1)]
        error = relative_rms(torch.cat(parts, dim=1), whole)
        if not error <= STEP_TOLERANCE:
            yield f"{name} differs from the whole by {error:.1e} relative RMS; allowed {STEP_TOLERANCE:.0e}"


@torch.no_grad()
def batch_independent(case: Case) -> Iterator[str]:
    """Check that no sequence of a batch changes the output of another."""
    tokens_BL = case.tokens(3, LENGTH)
    together = case.model(tokens_BL)
    for element in range(3):
        error = relative_rms(together[element : element + 1], case.model(tokens_BL[element : element + 1]))
        if not error <= STEP_TOLERANCE:
            yield f"element {element} alone differs by {error:.1e} relative RMS"


@torch.no_grad()
def cache_exact(case: Case) -> Iterator[str]:
    """Check that the predicted cache bytes equal the bytes of the real cache after that many tokens."""
    for length in (1, 5, LENGTH):
        cache = case.model.new_cache(1)
        case.model(case.tokens(1, length), cache)
        predicted = cost(case.blueprint, case.shape, context=length, element_bytes=8).cache_bytes
        if predicted != cache.bytes:
            yield f"after {length} tokens the cache holds {cache.bytes} bytes; predicted {predicted}"


def parameters_exact(case: Case) -> Iterator[str]:
    """Check that the predicted parameter count equals that of the saved weights, shared tensors counted once."""
    saved = sum(tensor.numel() for tensor in read_tensors(weights(case.model)).values())
    predicted = cost(case.blueprint, case.shape).parameters
    if predicted != saved:
        yield f"the saved weights hold {saved} parameters; predicted {predicted}"


def trainable(case: Case) -> Iterator[str]:
    """Check that every parameter gets a finite gradient."""
    model = case.build()
    model(case.tokens(2, LENGTH)).square().mean().backward()
    for name, parameter in model.named_parameters():
        if parameter.grad is None:
            yield f"{name} gets no gradient"
        elif not parameter.grad.isfinite().all():
            yield f"{name} has a gradient that is not finite"


def seeded(case: Case) -> Iterator[str]:
    """Check that genome and seed decide the weights and the global generator does not."""
    first = weights(case.build())
    torch.rand(1)
    if first != weights(case.build()):
        yield "two builds with one seed differ"


CHECKS: dict[str, Callable[[Case], Iterator[str]]] = {
    "causal": causal,
    "forms": forms_agree,
    "decoding": decoding,
    "batch independent": batch_independent,
    "cache exact": cache_exact,
    "parameters exact": parameters_exact,
    "precise": precise,
    "trainable": trainable,
    "seeded": seeded,
}
"""The checks by name; the names appear in reports, on the command line and in its JSON output."""


def _largest(x: Tensor) -> float:
    return x.abs().max().item() if x.numel() else 0.0
