"""What a layer asks of a GPU is bounded, and the tiles of a GPU compute what those of a CPU do.

B batch, L tokens.
"""

import pytest
import torch

from genome import CLASSES, Genome, Shape, Space, decode
from star.build import build
from star.ops.dispatch import forced
from tests.star.contract.elsewhere import Elsewhere, backward
from tests.star.contract.launches import counted

LARGE = Shape(width=768, head_dim=64, vocab=256, window=64)
SMALL = Shape(width=16, head_dim=4, vocab=8, window=4)

MOST_LAUNCHES, MOST_WAITS = 1_000, 4
"""Of a layer, forward and backward, on 16 sequences of 4,096 tokens."""

TOKEN_BY_TOKEN = "sLSTM"
LAUNCHES_A_TOKEN = 64
"""sLSTM reads its output of the token before, so there is no other way than token by token."""


def _asked(row, batch, length):
    model = build(decode(Genome.of([row.id]), Space.of([row.name], depth=1)), LARGE).to("meta")
    tokens_BL = torch.zeros(batch, length, dtype=torch.long, device="meta")
    with forced("torch"):
        return counted(lambda: backward(model(tokens_BL).sum()))


@pytest.mark.parametrize("row", [row for row in CLASSES if TOKEN_BY_TOKEN not in row.name], ids=lambda row: row.name)
def test_a_layer_launches_few_kernels_and_waits_for_few_values(row):
    asked = _asked(row, 16, 4096)
    assert asked.launches <= MOST_LAUNCHES
    assert asked.waits <= MOST_WAITS
    assert asked.unfused == 0


@pytest.mark.parametrize("row", [row for row in CLASSES if TOKEN_BY_TOKEN in row.name], ids=lambda row: row.name)
def test_a_class_that_goes_token_by_token_launches_few_kernels_a_token(row):
    asked = _asked(row, 16, 256)
    assert asked.launches <= MOST_LAUNCHES + 256 * LAUNCHES_A_TOKEN
    assert asked.waits == 0


def test_a_wait_is_counted():
    x = torch.zeros(3, device="meta")
    assert counted(lambda: (bool(x.any()), x.nonzero(), (2 * x).tolist())).waits == 3
    assert counted(lambda: (2 * x).view(3, 1)).launches == 1


@pytest.mark.parametrize("row", CLASSES, ids=lambda row: row.name)
def test_the_tiles_of_a_gpu_compute_what_those_of_a_cpu_do(row):
    model = build(decode(Genome.of([row.id]), Space.of([row.name], depth=1)), SMALL)
    tokens_BL = torch.arange(600).view(2, 300) % SMALL.vocab

    def computed():
        model.zero_grad()
        y_BLV = model(tokens_BL)
        backward(y_BLV.square().sum())
        return [y_BLV.detach(), *(parameter.grad for parameter in model.parameters())]

    with forced("torch"):
        expected = computed()
        with Elsewhere():
            found = computed()
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4)
