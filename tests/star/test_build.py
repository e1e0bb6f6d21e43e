"""Building: seeded, of equal scale, and without side effects."""

import pytest
import torch

import star
from genome import CLASSES, Genome, Shape, Space, decode


def _blueprint(text):
    genome = Genome.parse(text)
    return decode(genome, Space.of(depth=len(genome.segments), allow_skip=True))


@pytest.mark.parametrize("row", CLASSES, ids=lambda row: row.name)
def test_no_class_is_handicapped_by_its_initial_scale(row):
    depth = 4
    model = star.build(_blueprint("-".join([f"{row.id}.1.1.1.1"] * depth)), Shape())
    noise = torch.randn(depth, 4, 128, 64, generator=torch.Generator().manual_seed(7))
    with torch.no_grad():
        scales = [block.mix(features).std().item() for block, features in model.features_of(noise.unbind(0))]
    for scale in scales:  # within a factor of two: a slow recurrence's output depends on few, long-lived channels
        assert 0.5 * depth**-0.5 < scale < 2 * depth**-0.5


def test_weights_depend_on_genome_and_seed_only():
    text, other = "5.1.1.1.1-1.1.1.1.1", "5.1.1.1.1-2.1.1.1.1"
    torch.manual_seed(1)
    first = star.weights(star.build(_blueprint(text), Shape(), seed=3))
    torch.manual_seed(2)
    assert star.weights(star.build(_blueprint(text), Shape(), seed=3)) == first
    assert star.weights(star.build(_blueprint(text), Shape(), seed=4)) != first
    assert star.weights(star.build(_blueprint(other), Shape(), seed=3)) != first


def test_building_leaves_the_global_generator_alone():
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    star.build(_blueprint("17.1.1.1.1-5.1.1.1.1-10.1.1.1.1"), Shape())
    assert torch.equal(torch.rand(1), expected)


def test_a_skipped_liv_is_no_liv():
    with_skips = star.build(_blueprint("0.1.1.1.1-7.1.1.1.1-0.1.1.1.1"), Shape())
    without = star.build(_blueprint("7.1.1.1.1"), Shape())
    assert star.weights(with_skips) == star.weights(without)
