"""Delta rules against the layers of their sources, written out token by token.

B batch, L tokens, D model width, H heads, K key channels, V value channels per head.
"""

import pytest
import torch
import torch.nn.functional as F

from genome import Genome, Shape, Space, decode, named
from star.analysis.cost import cost
from tests.star.published.layers import SHAPE, convolved, operator_of, rms_normed, same_as

HEADS, SIZE = SHAPE.width // SHAPE.head_dim, SHAPE.head_dim


def _heads(x_BLC):
    return x_BLC.unflatten(-1, (HEADS, -1))


def _convolved_heads(x_BLD, w):
    """Return queries, keys and values after a short convolution and SiLU; queries and keys have unit length."""
    q, k, v = (_heads(F.silu(convolved(x_BLD @ w[f"{n}.weight"].T, w[f"{n}.taps"]))) for n in "cbv")
    return F.normalize(q, dim=-1), F.normalize(k, dim=-1), v


def _delta_rule(q_BLHK, k_BLHK, v_BLHV, decay_BLHK, beta_BLH):
    """S = decay S_(t-1), then S_t = S + beta k (v - S^T k)^T, and y_t = S_t^T q_t."""
    state_BHKV, outputs = torch.zeros(*k_BLHK.shape[::2], k_BLHK.shape[3], v_BLHV.shape[3], dtype=v_BLHV.dtype), []
    for t in range(v_BLHV.shape[1]):
        state_BHKV = decay_BLHK[:, t].unsqueeze(-1) * state_BHKV
        missed_BHV = v_BLHV[:, t] - torch.einsum("bhkv,bhk->bhv", state_BHKV, k_BLHK[:, t])
        state_BHKV = state_BHKV + torch.einsum("bh,bhk,bhv->bhkv", beta_BLH[:, t], k_BLHK[:, t], missed_BHV)
        outputs.append(torch.einsum("bhkv,bhk->bhv", state_BHKV, q_BLHK[:, t]))
    return torch.stack(outputs, dim=1)


def _gated_deltanet(x_BLD, w):
    """Yang et al. 2025, eq. 10 and section 3.4: decays exp(-A softplus(a + dt)), values of twice the width."""
    q, k, v = _convolved_heads(x_BLD, w)
    assert v.shape[-1] == 2 * SIZE
    step_BLH = F.softplus(x_BLD @ w["a.weight"].T + w["a.bias_HK"].squeeze(-1))
    decay_BLH = (-w["a.log_rate_H1"].squeeze(-1).exp() * step_BLH).exp()
    beta_BLH = (x_BLD @ w["d.weight"].T + w["d.bias_H"]).sigmoid()
    y_BLHV = _delta_rule(q, k, v, decay_BLH.unsqueeze(-1), beta_BLH)
    return (rms_normed(y_BLHV).flatten(2) * F.silu(x_BLD @ w["o.weight"].T)) @ w["out_DC"].T


def _kda(x_BLD, w):
    """Kimi Linear, section 4 and eq. 10: decays exp(-A softplus(f + dt)) of key channels; f and gates of low rank."""
    q, k, v = _convolved_heads(x_BLD, w)
    assert w["a.down_RD"].shape == w["o.down_RD"].shape == (SIZE, SHAPE.width)
    step_BLHK = F.softplus(_heads(x_BLD @ w["a.down_RD"].T @ w["a.weight"].T) + w["a.bias_HK"])
    decay_BLHK = (-w["a.log_rate_H1"].exp() * step_BLHK).exp()
    beta_BLH = (x_BLD @ w["d.weight"].T + w["d.bias_H"]).sigmoid()
    y_BLHV = _delta_rule(q, k, v, decay_BLHK, beta_BLH)
    gate_BLD = (x_BLD @ w["o.down_RD"].T @ w["o.weight"].T).sigmoid()
    return (rms_normed(y_BLHV).flatten(2) * gate_BLD) @ w["out_DC"].T


def test_kda_is_the_published_layer():
    same_as("KDA", _kda)


def test_rates_of_kda_begin_between_1_and_16():
    """One for each head, and a bias for each key channel whose softplus lies between 0.001 and 0.1."""
    decay = operator_of("KDA").featurizer["a"]
    rates, steps = [], []
    for seed in range(200):
        decay.initialise(torch.Generator().manual_seed(seed))
        rates.append(decay.log_rate_H1.exp().flatten())
        steps.append(F.softplus(decay.bias_HK).flatten())
    rate, step = torch.cat(rates), torch.cat(steps)
    assert decay.bias_HK.shape == (HEADS, SIZE)
    assert decay.log_rate_H1.shape == (HEADS, 1)
    assert 1 <= rate.min() < 1.5
    assert 15.5 < rate.max() <= 16
    assert step.min() >= 0.001 - 1e-9
    assert step.max() <= 0.1 + 1e-9


def test_gated_deltanet_is_the_published_layer():
    same_as("Gated DeltaNet-Published", _gated_deltanet)


def _mixture_of_memories(x_BLD, w):
    """Du et al. 2025, section 3: a gated delta rule on the tokens of each memory, with projections of its own.

    Taps, rates and biases are those of all memories. The weights of the two likeliest of four memories are rescaled to
    sum to 1; that of the fifth, which all tokens take, is 1.
    """
    weight_BLM, chosen_BLM = (x_BLD @ w["r.weight_MD"].T).softmax(-1).topk(2, dim=-1)
    weight_BLM = weight_BLM / weight_BLM.sum(-1, keepdim=True)
    outputs = []
    for x_LD, weight_LM, chosen_LM in zip(x_BLD, weight_BLM, chosen_BLM, strict=True):
        y_LHV = torch.zeros(len(x_LD), HEADS, 2 * SIZE, dtype=x_LD.dtype)
        for m in range(5):
            own = [t for t in range(len(x_LD)) if m in (*chosen_LM[t].tolist(), 4)]
            read_1NHV = _memory(x_LD[own].unsqueeze(0), _of_memory(w, m))
            for t, read_HV in zip(own, read_1NHV[0], strict=True):
                r = 1 if m == 4 else weight_LM[t][chosen_LM[t] == m]
                y_LHV = y_LHV.index_add(0, torch.tensor([t]), (r * read_HV).unsqueeze(0))
        outputs.append(y_LHV)
    y_BLHV = torch.stack(outputs)
    return (rms_normed(y_BLHV).flatten(2) * F.silu(x_BLD @ w["o.weight"].T)) @ w["out_DC"].T


def _of_memory(w, m):
    return {name: weight[m] if weight.dim() == 3 else weight for name, weight in w.items()}


def _memory(x_BLD, w):
    q, k, v = _convolved_heads(x_BLD, w)
    step_BLH = F.softplus(x_BLD @ w["a.weight"].T + w["a.bias_HK"].squeeze(-1))
    decay_BLH = (-w["a.log_rate_H1"].squeeze(-1).exp() * step_BLH).exp()
    return _delta_rule(q, k, v, decay_BLH.unsqueeze(-1), (x_BLD @ w["d.weight"].T).sigmoid())


def test_a_mixture_of_memories_is_the_published_layer():
    same_as("MoM-Published", _mixture_of_memories)


def test_a_mixture_of_memories_has_the_parameters_of_the_source():
    """Queries, output gate and output once, keys and values of twice the width for 5 memories: 20 squares of the width.

    The gains of the source's norm, as many as a head has values, are part of the output projection here.
    """
    shape = Shape(width=1024, head_dim=128)
    placed = decode(Genome.of([named("MoM-Published").id]), Space.of(["MoM-Published"], depth=1))
    norm, width, heads = 1024, 1024, 8
    around = 4 * width + 5 * 2 * heads * width + 4 * (1 + 1 + 2) * width + 2 * heads
    assert cost(placed, shape).livs[0].parameters == norm + 20 * width**2 + around


@pytest.mark.parametrize("name", ["Gated DeltaNet-Published", "MoM-Published"])
def test_decays_begin_in_the_published_range(name):
    """A is uniform up to 16 and softplus(dt) log-uniform in [0.001, 0.1], so heads forget at very different rates."""
    decay = operator_of(name).featurizer["a"]
    halves = []
    for seed in range(200):
        decay.initialise(torch.Generator().manual_seed(seed))
        rate_H = decay.log_rate_H1.exp() * F.softplus(decay.bias_HK)
        assert decay.log_rate_H1.exp().max() <= 16
        halves.append(torch.log(torch.tensor(2.0)) / rate_H.flatten())
    tenth, ninetieth = torch.cat(halves).quantile(torch.tensor([0.1, 0.9], dtype=torch.float64))
    assert 0.8 < tenth < 3
    assert 60 < ninetieth < 300
