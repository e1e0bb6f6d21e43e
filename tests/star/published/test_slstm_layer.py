"""sLSTM is the layer of its source (Beck et al. 2024, arXiv 2405.04517, section 2.2 and figure 10).

The output projection is that of every LIV; the source has it in the block around the layer.

B batch, L tokens, D model width, H heads, K channels of a head.
"""

import pytest
import torch
import torch.nn.functional as F

from genome import Genome, Space, decode
from star.build import build, skeleton
from tests.star.published.layers import SHAPE, same_as

NAME, SIZE = "sLSTM-Published", SHAPE.head_dim
HEADS = SHAPE.width // SIZE


def _headwise(x_BLD, w, name):
    """Map each slice of the input to its head; the biases of the gates are added in the cell."""
    return torch.einsum("blhe,hke->blhk", x_BLD.unflatten(2, (HEADS, SIZE)), w[f"{name}.weight"])


def _slstm(x_BLD, w):
    taps_D1W = w["x.taps"].flip(1).unsqueeze(1)
    padded_BDL = F.pad(x_BLD.transpose(1, 2), (3, 0))
    convolved_BLD = F.silu(F.conv1d(padded_BDL, taps_D1W, w["x.taps_bias_C"], groups=SHAPE.width)).transpose(1, 2)
    i, f = _headwise(convolved_BLD, w, "b"), _headwise(convolved_BLD, w, "f")
    z, o = _headwise(x_BLD, w, "v"), _headwise(x_BLD, w, "c")
    biases = [w["b.bias_C"], w["f.bias_HK"], w["v.bias_C"], w["c.bias_C"]]
    feedback = w["m.weight_HC"].unflatten(1, (4, SIZE, SIZE)).unbind(1)
    y, c, n = (torch.zeros(len(x_BLD), HEADS, SIZE, dtype=torch.float64) for _ in range(3))
    outputs = []
    for t in range(x_BLD.shape[1]):
        i_t, f_t, z_t, o_t = (
            gate[:, t] + bias.view(HEADS, SIZE) + torch.einsum("bhk,hkj->bhj", y, weight)
            for gate, bias, weight in zip((i, f, z, o), biases, feedback, strict=True)
        )
        c = torch.sigmoid(f_t) * c + torch.exp(i_t) * torch.tanh(z_t)
        n = torch.sigmoid(f_t) * n + torch.exp(i_t)
        y = torch.sigmoid(o_t) * c / n
        outputs.append(y)
    y = F.group_norm(torch.stack(outputs, dim=1).flatten(0, 1).flatten(1), HEADS, eps=1e-6)
    return F.linear(y.unflatten(0, x_BLD.shape[:2]), w["out_DC"])


def test_a_memory_cell_layer_is_that_of_its_source():
    same_as(NAME, _slstm)


@pytest.mark.parametrize(("strategy", "convolves"), [(1, True), (2, True), (3, True), (4, False)])
def test_a_member_that_takes_both_gates_convolves_nothing(strategy, convolves):
    """The input gate alone, or with the values, leaves the forget gate to be computed from the convolved input."""
    blueprint = decode(Genome.parse(f"220.1.1.1.{strategy}-220.1.1.1.{strategy}"), Space.of([NAME], depth=2))
    _, second = skeleton(blueprint, SHAPE).stack()
    assert ("x" in second.operator.livs[0].featurizer.groups) is convolves
    model = build(blueprint, SHAPE).double()
    tokens_BL = torch.randint(SHAPE.vocab, (2, 12), generator=torch.Generator().manual_seed(1))
    cache = model.new_cache(2)
    with torch.no_grad():
        parts = [model(part, cache) for part in torch.split(tokens_BL, [4, 1, 7], dim=1)]
        torch.testing.assert_close(torch.cat(parts, dim=1), model(tokens_BL), rtol=1e-8, atol=1e-10)
