"""MLA is the layer of its source (DeepSeek-AI 2024, arXiv 2405.04434, equations 9 to 19), with direct queries.

B batch, L tokens, D model width, H heads, V channels of a head, P rotated channels, R channels of the latent.
"""

import math

import torch
import torch.nn.functional as F

from genome import Genome, Space, decode
from star.build import build, skeleton
from tests.star.published.layers import SHAPE, same_as

HEADS, SIZE = SHAPE.width // SHAPE.head_dim, SHAPE.head_dim
RANK, ROTATED = 4 * SIZE, SIZE // 2


def _rope(x_BLHP):
    """Multiply pairs of channels (n, n + P / 2), read as complex numbers, by exp(i p / 10000^(n / (P / 2)))."""
    half = x_BLHP.shape[-1] // 2
    speeds = torch.tensor([10_000.0 ** (-n / half) for n in range(half)], dtype=torch.float64)
    turns_LP = torch.exp(1j * torch.arange(x_BLHP.shape[1]).unsqueeze(1) * speeds)
    turned = torch.complex(x_BLHP[..., :half], x_BLHP[..., half:]) * turns_LP.unsqueeze(1)
    return torch.cat([turned.real, turned.imag], dim=-1)


def _mla(x_BLD, w):
    q = F.linear(x_BLD, w["c.weight"]).unflatten(2, (HEADS, SIZE + ROTATED))
    down = F.linear(x_BLD, w["b.weight"])
    latent, shared = down[..., :RANK], down[..., RANK:]
    latent = latent / (latent.square().mean(-1, keepdim=True) + 1e-6).sqrt()
    up = w["u.weight_HC"].unflatten(1, (2, SIZE, RANK))
    k_content = torch.einsum("blr,hvr->blhv", latent, up[:, 0])
    v = torch.einsum("blr,hvr->blhv", latent, up[:, 1])
    k = torch.cat([k_content, _rope(shared.unsqueeze(2)).expand(-1, -1, HEADS, -1)], dim=-1)
    q = torch.cat([q[..., :SIZE], _rope(q[..., SIZE:])], dim=-1)
    length = x_BLD.shape[1]
    scores = torch.einsum("bihk,bjhk->bhij", q, k) / math.sqrt(SIZE + ROTATED)
    weights = scores.masked_fill(torch.ones(length, length).triu(1).bool(), -math.inf).softmax(-1)
    return F.linear(torch.einsum("bhij,bjhv->bihv", weights, v).flatten(2), w["out_DC"])


def test_latent_attention_is_that_of_its_source():
    same_as("MLA-Published", _mla)


def test_the_cache_holds_the_latent_and_the_rotated_key_alone():
    model = skeleton(decode(Genome.of([123]), Space.of(["MLA-Published"], depth=1)), SHAPE)
    assert model.cache_elements(10) == [10 * (RANK + ROTATED)]


def test_prompts_and_tokens_are_decoded_from_lent_latents():
    """The second block takes the keys of the first: it decompresses them by maps of its own, and keeps nothing."""
    blueprint = decode(Genome.parse("123.1.1.1.2-123.1.1.1.2"), Space.of(["MLA-Published"], depth=2))
    model = build(blueprint, SHAPE).double()
    tokens_BL = torch.randint(SHAPE.vocab, (2, 12), generator=torch.Generator().manual_seed(1))
    cache = model.new_cache(2)
    with torch.no_grad():
        parts = [model(part, cache) for part in torch.split(tokens_BL, [4, 1, 7], dim=1)]
        torch.testing.assert_close(torch.cat(parts, dim=1), model(tokens_BL), rtol=1e-8, atol=1e-10)
    assert model.cache_elements(10) == [10 * (RANK + ROTATED), 0]
