"""Hypothesis strategies: spaces, legal genomes that need not be canonical, and arbitrary integers."""

from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from numpy.random import Generator, default_rng

from genome import CLASSES, Genome, Segment, Space, sample

lawful = settings(
    max_examples=100,
    derandomize=True,  # equal on every run, so that a failure belongs to the change that was made
    deadline=None,  # the machine may be busy
    suppress_health_check=[HealthCheck.too_slow],  # likewise
    database=None,
)

NAMES = [row.name for row in CLASSES]
rngs: st.SearchStrategy[Generator] = st.integers(0, 2**32 - 1).map(default_rng)


@st.composite
def spaces(draw: st.DrawFn, depths: tuple[int, int] = (1, 8), classes: int = 6, skip: bool | None = None) -> Space:
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=classes, unique=True))
    return Space.of(
        names,
        depth=draw(st.integers(*depths)),
        allow_skip=draw(st.booleans()) if skip is None else skip,
        share_weights=draw(st.booleans()),
        share_features=draw(st.booleans()),
        groups=draw(st.integers(1, 4)),
    )


@st.composite
def legal(draw: st.DrawFn, space: Space) -> Genome:
    """A sampled genome, its skips anywhere and its groups under any labels: legal, seldom canonical."""
    return disguised(draw, sample(space, draw(rngs)).genome, space)


def disguised(draw: Callable[[st.SearchStrategy[Any]], Any], genome: Genome, space: Space) -> Genome:
    """Another genome of the same meaning."""
    kept = [segment for segment in genome.segments if segment.liv_class != 0]
    places = sorted(draw(st.permutations(range(space.depth)))[: len(kept)])
    weights, features = (dict(enumerate(draw(st.permutations(range(1, space.depth + 1))), 1)) for _ in range(2))
    labels = st.integers(1, space.depth)
    segments = [Segment(0)] * space.depth
    for place, segment in zip(places, kept, strict=True):
        segments[place] = segment._replace(
            weights_group=weights[segment.weights_group] if segment.weights_strategy != 1 else draw(labels),
            features_group=features[segment.features_group] if segment.features_strategy != 1 else draw(labels),
        )
    return Genome(tuple(segments))


@st.composite
def placed(draw: st.DrawFn, /, **options: Any) -> tuple[Space, Genome]:
    """A space and a legal genome of it."""
    space = draw(spaces(**options))
    return space, draw(legal(space))


@st.composite
def raw(draw: st.DrawFn, space: Space, any_depth: bool = True) -> Genome:
    """Integers, as many as the space asks for or not; mostly classes and labels that exist, to reach deeper faults."""
    known = st.sampled_from([*space.choices, 0])
    label = st.integers(1, space.depth + 1)
    likely = st.builds(Segment, known, label, st.integers(1, 2), label, st.integers(1, 5))
    anything = st.builds(Segment, *[st.integers(-3, 30)] * 5)
    fewest, most = (0, space.depth + 2) if any_depth else (space.depth, space.depth)
    return Genome(tuple(draw(st.lists(st.one_of(likely, likely, anything), min_size=fewest, max_size=most))))
