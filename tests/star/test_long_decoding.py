"""A prompt that is read at once or in pieces, and then decoded, is what the whole sequence says, for every class."""

import pytest
import torch

import star
from genome import CLASSES, Genome, Shape, Space, decode
from star.contract.forms import relative_rms

pytestmark = pytest.mark.slow

LENGTH = 1027
"""Tokens of a sequence, beyond the 1,024 by which Hyena's filters measure positions."""

DECODED = 3


@pytest.mark.parametrize("row", CLASSES, ids=lambda row: row.name)
@torch.no_grad()
def test_prefill_and_decoding_equal_the_whole_sequence(row):
    space = Space.of([row.name], depth=2)
    shape = Shape(width=16, head_dim=4, vocab=11)
    model = star.build(decode(Genome.parse(f"{row.id}.1.1.1.1-{row.id}.1.1.1.1"), space), shape).double().eval()
    tokens_BL = torch.randint(11, (1, LENGTH), generator=torch.Generator().manual_seed(0))
    whole = model(tokens_BL)
    starts = {"in pieces": [64, 1, 63, 872, 24]} | {f"{prompt} tokens": [prompt] for prompt in (1, 63, 64, 65, 1000)}
    for name, pieces in starts.items():
        read = sum(pieces)
        cache, parts = model.new_cache(), []
        for part_BL in torch.split(tokens_BL[:, : read + DECODED], pieces + [1] * DECODED, dim=1):
            parts.append(model(part_BL, cache))
        assert relative_rms(torch.cat(parts, dim=1), whole[:, : read + DECODED]) < 1e-9, name
