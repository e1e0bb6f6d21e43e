"""The operator contract: what must hold of every architecture before a search may believe its numbers.

A leak is not a detail: search finds and exploits it. Each check is a generator of breaches, sentences that say what
was measured; none means it held. `CHECKS` is the whole contract and nothing is exempt by name.

B batch, L tokens, D model width.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cached_property

import torch
from safetensors.torch import load as read_tensors
from torch import Tensor

from genome import Blueprint, Genome, Shape, Space, decode
from genome.alphabet import OUTPUT, ROUTES, Normalisation
from star.backbone import Backbone, Block
from star.build import build
from star.cost import cost
from star.export import weights
from star.views import disagreements, relative_rms

LENGTH = 37
STEP_TOLERANCE = 1e-9
FFT_TOLERANCE = 1e-12
FLOAT32_TOLERANCE = 1e-5
BFLOAT16_TOLERANCE = 0.05
"""Relative RMS errors of a LIV's output. bfloat16 keeps 8 bits, 0.4 %, and rounds features, filters and states."""
MEASURED_TOKENS = 64
"""At least so many are measured: of one or two alone the output may happen to be nearly zero."""

SAME_ROUTES, COUNTED = 0.9, 10
"""The share of tokens that have to choose as float64 does, where there are enough of them to speak of a share."""


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


@dataclass(frozen=True)
class Subject:
    """One architecture under examination; `construct` is replaced where a test needs a faulty model."""

    blueprint: Blueprint
    shape: Shape
    seed: int = 0
    construct: Callable[[Blueprint, Shape, int], Backbone] = field(default=build)

    def build(self) -> Backbone:
        return self.construct(self.blueprint, self.shape, self.seed)

    @cached_property
    def model(self) -> Backbone:
        return self.build().double().eval()

    def tokens(self, batch: int, length: int) -> Tensor:
        generator = torch.Generator().manual_seed(self.seed)
        return torch.randint(self.shape.vocab, (batch, length), generator=generator)

    def noise(self, length: int) -> Tensor:
        """An input for every LIV, (LIVs, batch, length, width): two sequences, or more where they are short."""
        generator = torch.Generator().manual_seed(self.seed + length)
        size = (len(self.model.blocks), max(2, MEASURED_TOKENS // length), length, self.shape.width)
        return torch.randn(size, generator=generator, dtype=torch.float64)

    @property
    def exactly_causal(self) -> bool:
        """Whether no operator is applied by FFT or packs its tokens: not even a rounding error may come from ahead."""
        livs = (liv for block in self.model.stack() for _, liv in block.operator.livs())
        return all(liv.structure.exactly_causal(LENGTH) for liv in livs)


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


@torch.no_grad()
def precise(subject: Subject) -> Iterator[str]:
    """float32 and bfloat16 give what float64 gives of the same weights, LIV by LIV; length 1 works.

    By LIV, because a stack of quadratic units (c times v) multiplies the roundings of its layers. Routes are decisions,
    which rounding may turn: what float64 gives on the routes that were chosen is what counts, and the routes apart. A
    normalised head counts by what it was before: of one that was nearly zero the sign may be rounding.
    """
    for dtype, allowed in ((torch.float32, FLOAT32_TOLERANCE), (torch.bfloat16, BFLOAT16_TOLERANCE)):
        model = subject.build().to(dtype).eval()
        reference = deepcopy(model).double()
        for length in (1, LENGTH):
            if not model(subject.tokens(2, length)).isfinite().all():
                yield f"{dtype} at {length} tokens gives logits that are not finite"
            noise = subject.noise(length).to(dtype)
            rounded = list(model.features_of(noise.unbind(0)))
            routes = [_routes(features) for _, features in rounded]
            exact = reference.features_of(noise.double().unbind(0), routes)
            pairs = enumerate(zip(rounded, exact, strict=True))
            for position, ((block, features), (exact_block, exact_features)) in pairs:
                sizes = _sizes(exact_block, exact_features)
                expected = exact_block.operator.mix(exact_features | _times(exact_features, sizes))
                measured = block.operator.mix(features | _times(features, sizes))
                error = relative_rms(measured.double(), expected)
                if not error <= allowed:
                    yield f"LIV {position}, {dtype}, {length} tokens: off by {error:.1e} relative RMS"
            if any(routes):
                exact = reference.features_of(noise.double().unbind(0))
                for position, (ours, (_, theirs)) in enumerate(zip(routes, exact, strict=True)):
                    for name, r_BL1M in ours.items():
                        for breach in _strayed(r_BL1M, theirs[name], allowed):
                            yield f"LIV {position}, {dtype}, {length} tokens: {name} {breach}"


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


def _sizes(block: Block, features: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The root mean square of every head that an output gate normalises, under the gate's name."""
    sizes = {}
    for start, liv, own in block.operator.parts(features):
        if liv.output is not None and liv.output.normalisation is not Normalisation.NONE:
            y_BLHV = liv.structure.fast(own)
            sizes[start + OUTPUT] = y_BLHV.square().mean(-1, keepdim=True).sqrt()
    return sizes


def _times(features: Mapping[str, Tensor], sizes: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: features[name] * size.to(features[name].dtype) for name, size in sizes.items()}


def _routes(features: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.double() for name, value in features.items() if name.rpartition(".")[2] == ROUTES}


def _strayed(r_BL1M: Tensor, exact_BL1M: Tensor, allowed: float) -> Iterator[str]:
    """Nearly all tokens choose the same routes; those that do weigh them the same."""
    same_BL = ((r_BL1M > 0) == (exact_BL1M > 0)).all(-1).squeeze(2)
    if same_BL.numel() >= COUNTED and not same_BL.double().mean() >= SAME_ROUTES:
        yield f"chooses other routes for {int((~same_BL).sum())} of {same_BL.numel()} tokens"
    error = relative_rms(r_BL1M[same_BL], exact_BL1M[same_BL]) if same_BL.any() else 0.0
    if not error <= allowed:
        yield f"is off by {error:.1e} relative RMS where the same routes are chosen"


def _largest(x: Tensor) -> float:
    return x.abs().max().item() if x.numel() else 0.0
