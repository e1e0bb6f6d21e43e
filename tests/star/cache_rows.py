"""A small model of each class and random tokens, for tests of its cache."""

import torch
from torch import Tensor

import star
from genome import Genome, Shape, Space, decode
from genome.classes.operator import LIVClass

VOCAB = 11


def model_of(row: LIVClass) -> star.Backbone:
    """Build two LIVs of a class in float64, with a window that is shorter than some of the prompts."""
    blueprint = decode(Genome.parse(f"{row.id}.1.1.1.1-{row.id}.1.1.1.1"), Space.of([row.name], depth=2))
    return star.build(blueprint, Shape(width=32, head_dim=8, vocab=VOCAB, window=16)).double().eval()


def drawn(*sizes: int, seed: int = 0) -> Tensor:
    """Draw token ids of these sizes."""
    return torch.randint(VOCAB, sizes, generator=torch.Generator().manual_seed(seed))
