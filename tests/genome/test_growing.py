"""Architectures made of copies of the LIVs of another one."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genome import Blueprint, Genome, Growth, Space, decode, encode, grown
from tests.genome.strategies import lawful, placed

SHARING = "1.1.2.1.1-9.1.1.1.1-1.1.2.2.2-1.1.1.2.2"


def positions_of(copy: int, copies: int, each: int, growth: Growth) -> list[int]:
    return [copy * each + n if growth is Growth.REPEAT else n * copies + copy for n in range(each)]


@lawful
@given(placed(), st.integers(1, 4), st.sampled_from(Growth))
def test_every_copy_is_the_whole_architecture_and_shares_with_no_other(
    case: tuple[Space, Genome], copies: int, growth: Growth
) -> None:
    space, genome = case
    small = decode(genome, space)
    each = len(small.livs)
    deeper = replace(space, depth=copies * each, groups=copies * each)
    large = decode(encode(grown(small, copies, growth), deeper), deeper)
    assert len(large.livs) == copies * each
    for copy in range(copies):
        own = positions_of(copy, copies, each, growth)
        links = {position: n for n, position in enumerate(own)}
        part = [large.livs[position] for position in own]
        back = tuple(
            replace(liv, weights_from=links[liv.weights_from], features_from=links[liv.features_from]) for liv in part
        )
        assert Blueprint(back, small.depth) == small


@pytest.mark.parametrize(
    ("growth", "classes"),
    [(Growth.REPEAT, [1, 9, 1, 1, 1, 9, 1, 1]), (Growth.STRETCH, [1, 1, 9, 9, 1, 1, 1, 1])],
)
def test_the_order_of_the_copies(growth: Growth, classes: list[int]) -> None:
    large = grown(decode(Genome.parse(SHARING), Space.of(depth=4)), 2, growth)
    assert [liv.liv_class.id for liv in large.livs] == classes


def test_skipped_livs_are_left_out() -> None:
    space = Space.of(["SA-1", "GMemless"], depth=3, allow_skip=True)
    assert grown(decode(Genome.parse("01111-11111-91111"), space), 3, Growth.REPEAT).depth == 6


def test_no_copy_is_refused() -> None:
    with pytest.raises(ValueError, match="1 or more, not 0"):
        grown(decode(Genome.parse("11111"), Space.of(depth=1)), 0, Growth.REPEAT)
