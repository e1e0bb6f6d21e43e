"""The operator contract: what must hold of every architecture before a search may believe its numbers.

A leak is not a detail: search finds and exploits it. Each check is a generator of breaches, sentences that say what
was measured; none means it held. `CHECKS` is the whole contract and nothing is exempt by name.

B batch, L tokens, D model width.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from safetensors.torch import load as read_tensors
from torch import Tensor

from genome import Genome, Shape, Space, decode
from star.analysis.cost import cost
from star.contract.case import LENGTH, Subject
from star.contract.forms import disagreements, relative_rms
from star.contract.precision import precise
from star.export import weights

STEP_TOLERANCE = 1e-9
FFT_TOLERANCE = 1e-12


@dataclass(frozen=True)
class Report:
    """What was checked and what did not hold."""

    checked: tuple[str, ...]
    breaches: tuple[str, ...]

    @property
    def ok(self) -> bool:
        return not self.breaches

    @property
    def held(self) -> tuple[str, ...]:
        """The checks without a breach, each of which begins with its check's name."""
        broken = {breach.partition(":")[0] for breach in self.breaches}
        return tuple(name for name in self.checked if name not in broken)


def check(genome: Genome, space: Space, shape: Shape, seed: int = 0) -> Report:
    """Run the whole contract on one genome.

    Raises:
        ValueError: the genome is not legal in the space, or a class does not fit the shape.
    """
    return examine(Subject(decode(genome, space), shape, seed))


def examine(subject: Subject) -> Report:
    """The whole contract; a check that crashes is a breach like any other, for what is legal must build and run."""
    breaches: list[str] = []
    for name, run in CHECKS.items():
        try:
            breaches += [f"{name}: {breach}" for breach in run(subject)]
        except Exception as error:
            breaches.append(f"{name}: {type(error).__name__}: {error}")
    return Report(tuple(CHECKS), tuple(breaches))


@torch.no_grad()
def causal(subject: Subject) -> Iterator[str]:
    """A changed token changes no earlier output: exactly none, or rounding alone (`exactly_causal`)."""
    tokens_BL = subject.tokens(2, LENGTH)
    before = subject.model(tokens_BL)
    for t in (1, LENGTH // 2, LENGTH - 1):
        changed_BL = tokens_BL.clone()
        changed_BL[:, t] = (changed_BL[:, t] + 1) % subject.shape.vocab
        after = subject.model(changed_BL)
        moved = _largest(after[:, :t] - before[:, :t]) / _largest(before)
        allowed = 0.0 if subject.exactly_causal else FFT_TOLERANCE
        if not moved <= allowed:
            yield f"changing token {t} moved earlier outputs by {moved:.1e} relative; allowed {allowed:.0e}"
        if _largest(after[:, t] - before[:, t]) == 0:
            yield f"changing token {t} did not change its own output"


def views(subject: Subject) -> Iterator[str]:
    """fast, matrix @ v and step by step agree with mix, outputs and gradients, for every LIV."""
    for length in (1, 2, LENGTH):
        with torch.no_grad():
            blocks = list(subject.model.features_of(subject.noise(length).unbind(0)))
        for position, (block, features) in enumerate(blocks):
            for _, liv, own in block.operator.parts(features):
                for breach in disagreements(liv.structure, own):
                    yield f"LIV {position} {liv.label}, {length} tokens: {breach}"


@torch.no_grad()
def decoding(subject: Subject) -> Iterator[str]:
    """Token by token, and in uneven chunks, the cache gives what the whole sequence gives."""
    tokens_BL = subject.tokens(2, LENGTH)
    whole = subject.model(tokens_BL)
    for name, sizes in (("token by token", [1] * LENGTH), ("in chunks", [5, 1, LENGTH - 6])):
        cache = subject.model.new_cache(2)
        parts = [subject.model(chunk_BL, cache) for chunk_BL in torch.split(tokens_BL, sizes, dim=1)]
        error = relative_rms(torch.cat(parts, dim=1), whole)
        if not error <= STEP_TOLERANCE:
            yield f"{name} differs from the whole by {error:.1e} relative RMS; allowed {STEP_TOLERANCE:.0e}"


@torch.no_grad()
def batch_independent(subject: Subject) -> Iterator[str]:
    """Elements of a batch do not see each other."""
    tokens_BL = subject.tokens(3, LENGTH)
    together = subject.model(tokens_BL)
    for element in range(3):
        error = relative_rms(together[element : element + 1], subject.model(tokens_BL[element : element + 1]))
        if not error <= STEP_TOLERANCE:
            yield f"element {element} alone differs by {error:.1e} relative RMS"


@torch.no_grad()
def cache_exact(subject: Subject) -> Iterator[str]:
    """Predicted cache bytes are the bytes of the real cache after that many tokens."""
    for length in (1, 5, LENGTH):
        cache = subject.model.new_cache(1)
        subject.model(subject.tokens(1, length), cache)
        predicted = cost(subject.blueprint, subject.shape, context=length, element_bytes=8).cache_bytes
        if predicted != cache.bytes:
            yield f"after {length} tokens the cache holds {cache.bytes} bytes; predicted {predicted}"


def parameters_exact(subject: Subject) -> Iterator[str]:
    """Predicted parameters are those in the saved weights, shared ones once."""
    saved = sum(tensor.numel() for tensor in read_tensors(weights(subject.model)).values())
    predicted = cost(subject.blueprint, subject.shape).parameters
    if predicted != saved:
        yield f"the saved weights hold {saved} parameters; predicted {predicted}"


def trainable(subject: Subject) -> Iterator[str]:
    """Every parameter gets a finite gradient."""
    model = subject.build()
    model(subject.tokens(2, LENGTH)).square().mean().backward()
    for name, parameter in model.named_parameters():
        if parameter.grad is None:
            yield f"{name} gets no gradient"
        elif not parameter.grad.isfinite().all():
            yield f"{name} has a gradient that is not finite"


def seeded(subject: Subject) -> Iterator[str]:
    """The same genome and seed give the same weights, whatever the state of the global generator."""
    first = weights(subject.build())
    torch.rand(1)
    if first != weights(subject.build()):
        yield "two builds with one seed differ"


CHECKS: dict[str, Callable[[Subject], Iterator[str]]] = {
    run.__name__.replace("_", " "): run
    for run in (
        causal,
        views,
        decoding,
        batch_independent,
        cache_exact,
        parameters_exact,
        precise,
        trainable,
        seeded,
    )
}


def _largest(x: Tensor) -> float:
    return x.abs().max().item() if x.numel() else 0.0
