"""Linear recurrences against the layers of their sources, written out token by token.

B batch, L tokens, D model width, H heads, K key channels, V value channels per head.
"""

import torch
import torch.nn.functional as F

from genome import Genome, Space, decode
from star.build import build
from star.ops.rotary.rotate import rotate
from tests.star.published.layers import SHAPE, rms_normed, same_as

HEADS, SIZE = SHAPE.width // SHAPE.head_dim, SHAPE.head_dim


def _heads(x_BLC):
    return x_BLC.unflatten(-1, (HEADS, -1))


def _gated_linear(q_BLHK, k_BLHK, v_BLHV, decay_BLHK):
    """S_t = diag(decay_t) S_(t-1) + k_t v_t^T and y_t = S_t^T q_t."""
    state_BHKV, outputs = 0.0, []
    for q, k, v, decay in zip(*(x.unbind(1) for x in (q_BLHK, k_BLHK, v_BLHV, decay_BLHK)), strict=True):
        state_BHKV = decay.unsqueeze(-1) * state_BHKV + k.unsqueeze(-1) * v.unsqueeze(-2)
        outputs.append((q.unsqueeze(-1) * state_BHKV).sum(-2))
    return torch.stack(outputs, dim=1)


def _retnet(x_BLD, w):
    """Sun et al. 2023, eq. 5 to 8, with values and a gate of twice the width."""
    q, k, v = (_heads(x_BLD @ w[f"{name}.weight"].T) for name in "cbv")
    assert v.shape[-1] == 2 * SIZE
    decay_H1 = 1 - 2.0 ** (-5 - torch.arange(HEADS, dtype=x_BLD.dtype).unsqueeze(1))
    y_BLHV = _gated_linear(rotate(q), rotate(k), v, decay_H1.expand_as(k))
    return (rms_normed(y_BLHV).flatten(2) * F.silu(x_BLD @ w["o.weight"].T)) @ w["out_DC"].T


def _gla(x_BLD, w):
    """Yang et al. 2024, eq. 3 to 6: decays are the 16th root of a sigmoid, through 16 channels."""
    q, k, v = (_heads(x_BLD @ w[f"{name}.weight"].T) for name in "cbv")
    assert q.shape[-1] == SIZE // 2
    assert w["a.down_RD"].shape[0] == 16
    gate_BLHK = _heads(x_BLD @ w["a.down_RD"].T @ w["a.weight"].T) + w["a.bias_HK"]
    y_BLHV = _gated_linear(q, k, v, gate_BLHK.sigmoid() ** (1 / 16))
    return (rms_normed(y_BLHV).flatten(2) * F.silu(x_BLD @ w["o.weight"].T)) @ w["out_DC"].T


def _forget(x_BLD, w):
    bound_C = w["a.bound_HK"].flatten().sigmoid()
    return bound_C + (1 - bound_C) * (x_BLD @ w["a.weight"].T).sigmoid()


def _hgrn(x_BLD, w):
    """Qin et al. 2023, eq. 2 to 5, without the rotation of the state: h_t = f h_(t-1) + (1 - f) silu(i)."""
    forget_BLD = _forget(x_BLD, w)
    written_BLD = F.silu(x_BLD @ w["v.weight"].T) * (1 - forget_BLD)
    state_BD, outputs = 0.0, []
    for t in range(x_BLD.shape[1]):
        state_BD = forget_BLD[:, t] * state_BD + written_BLD[:, t]
        outputs.append(state_BD)
    return (rms_normed(torch.stack(outputs, dim=1)) * F.silu(x_BLD @ w["o.weight"].T)) @ w["out_DC"].T


def _hgrn2(x_BLD, w):
    """Qin et al. 2024, eq. 3: S_t = diag(f) S_(t-1) + (1 - f) i^T, normalised over all channels."""
    forget_BLHK = _heads(_forget(x_BLD, w))
    q, i = F.silu(_heads(x_BLD @ w["c.weight"].T)), _heads(x_BLD @ w["v.weight"].T)
    y_BLHV = _gated_linear(q, 1 - forget_BLHK, i, forget_BLHK)
    return rms_normed(y_BLHV.flatten(2)) @ w["out_DC"].T


def _lightnet(x_BLD, w):
    """Qin et al. 2024 (LightNet): values are averaged by a softmax of the keys over the tokens so far."""
    q, k, v = (_heads(x_BLD @ w[f"{name}.weight"].T) for name in "cav")
    outputs = []
    for t in range(x_BLD.shape[1]):
        share_BTHK = k[:, : t + 1].softmax(1)
        state_BHKV = torch.einsum("bthk,bthv->bhkv", share_BTHK, v[:, : t + 1])
        outputs.append(torch.einsum("bhk,bhkv->bhv", F.silu(q[:, t]), state_BHKV).flatten(1))
    assert w["o.down_RD"].shape[0] == SIZE
    gate_BLD = F.silu(x_BLD @ w["o.down_RD"].T @ w["o.weight"].T)
    return (rms_normed(torch.stack(outputs, dim=1)) * gate_BLD) @ w["out_DC"].T


def _phalanx(x_BLD, w):
    """Secrieru et al. 2025: blocks of 16 begin from what the block before them reaches alone; y = x c + v."""
    c, b, v = (x_BLD @ w[f"{name}.weight"].T for name in "cbv")
    decay_BLH = (x_BLD @ w["a.weight"].T + w["a.bias_HK"].squeeze(-1)).sigmoid()
    decay_BLD, written_BLD = decay_BLH.repeat_interleave(16, dim=-1), b.sigmoid() * v
    outputs = []
    for t in range(x_BLD.shape[1]):
        state_BD = torch.zeros_like(x_BLD[:, 0])
        for s in range(max(0, t // 16 * 16 - 16), t + 1):
            state_BD = decay_BLD[:, s] * state_BD + written_BLD[:, s]
        outputs.append(state_BD)
    return (torch.stack(outputs, dim=1) * c + v) @ w["out_DC"].T


def test_retnet_is_the_published_layer():
    same_as("RetNet-Published", _retnet)


def test_gla_is_the_published_layer():
    same_as("GLA-Published", _gla)


def test_hgrn_is_the_published_layer():
    same_as("HGRN-Published", _hgrn)


def test_hgrn2_is_the_published_layer():
    same_as("HGRN2-Published", _hgrn2)


def test_lightnet_is_the_published_layer():
    same_as("LightNet-Published", _lightnet)


def test_phalanx_is_the_published_layer():
    same_as("Phalanx-Published", _phalanx, length=50)


def test_lower_bounds_begin_with_the_depth_of_the_first_liv_that_has_them():
    """Qin et al. 2023, section 3.2: the bound of layer l of n begins at l / n, shared weights at that of the first."""
    space = Space.of(["HGRN2-Published"], depth=4)
    for text, bounds in (
        ("147.1.1.1.1-147.2.1.1.1-147.3.1.1.1-147.4.1.1.1", (0.01, 0.25, 0.5, 0.75)),
        ("147.1.1.1.1-147.2.2.1.1-147.2.2.1.1-147.3.1.1.1", (0.01, 0.25, 0.25, 0.75)),
    ):
        model = build(decode(Genome.parse(text), space), SHAPE)
        decays = [dict(block.named_parameters())["operator.featurizer.groups.a.bound_HK"] for block in model.stack()]
        begun = [bound_HK.sigmoid().flatten() for bound_HK in decays]
        expected = torch.tensor(bounds).unsqueeze(1).expand(-1, SHAPE.width)
        torch.testing.assert_close(torch.stack(begun), expected)
