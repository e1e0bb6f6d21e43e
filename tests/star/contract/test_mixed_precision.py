"""Training as on a GPU, under automatic mixed precision: every class gets through and stays near full precision."""

import pytest
import torch

from genome import CLASSES, Genome, Shape, Space, decode
from star.build import build
from star.contract.forms import relative_rms
from star.liv import LIV

pytestmark = pytest.mark.slow

ROWS = [row for row in CLASSES if not row.differential]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_training_step_under_mixed_precision(row):
    space = Space.of([row.name], depth=1)
    model = build(decode(Genome.of([row.id]), space), Shape(window=8))
    tokens = torch.randint(256, (2, 70), generator=torch.Generator().manual_seed(0))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = model(tokens)
    logits.float().square().mean().backward()
    assert all(p.grad is None or bool(p.grad.isfinite().all()) for p in model.parameters())
    assert relative_rms(logits.detach().float(), model(tokens).detach()) < 0.1


@pytest.mark.parametrize("row", [row for row in ROWS if "h" in row.operator.groups], ids=lambda row: row.name)
def test_filters_are_not_narrowed_by_mixed_precision(row):
    space = Space.of([row.name], depth=1)
    block = next(build(decode(Genome.of([row.id]), space), Shape()).stack())
    x_BLD = torch.randn(1, 300, 64, generator=torch.Generator().manual_seed(0))
    assert isinstance(block.operator, LIV)
    wide = block.operator.features(x_BLD)["h"]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(block.operator.features(x_BLD)["h"], wide)
