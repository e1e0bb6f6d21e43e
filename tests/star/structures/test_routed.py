"""Routed operators compared with their meaning, route by route, and the properties of routes."""

import pytest
import torch
import torch.nn.functional as F

import star
from genome import Genome, Shape, Space, decode, encode, named
from star.build import build
from star.cache import Store
from star.contract.checks import check
from star.contract.forms import disagreements, relative_rms
from star.liv import LIV
from star.ops.attention.naive import routed_attention
from star.ops.experts import naive as naive_experts
from star.ops.experts.packed import to_experts
from star.ops.rotary.rotate import rotate

pytestmark = pytest.mark.slow

SHAPE = Shape(width=32, head_dim=8)
RECURRENT = ["MoM", "MoM-GLA"]


def _block(name, length=29, dtype=torch.float64, batch=2):
    """A LIV of this class alone, and its features."""
    row = named(name)
    model = build(decode(Genome.of([row.id]), Space.of(depth=1)), SHAPE, 1).to(dtype).eval()
    x_BLD = torch.randn(batch, length, SHAPE.width, dtype=dtype, generator=torch.Generator().manual_seed(length))
    with torch.no_grad():
        ((block, (features,)),) = model.features_of([x_BLD])
    return block.operator, x_BLD, features


def _unrouted(structure, b, tokens, features):
    """The unrouted structure on these tokens of sequence b alone."""
    own = {
        name: value[b : b + 1, tokens] if value.dim() == 4 else value for name, value in features.items() if name != "r"
    }
    return structure.base.mix(own)[0]


@pytest.mark.parametrize("name", RECURRENT)
@torch.no_grad()
def test_a_memory_is_the_operator_on_the_tokens_that_meet_it(name):
    liv, _, features = _block(name)
    r_BLM = features["r"].squeeze(2)
    expected = torch.zeros_like(liv.structure.mix(features))
    for b in range(r_BLM.shape[0]):
        for m in range(r_BLM.shape[2]):
            tokens = r_BLM[b, :, m].nonzero().squeeze(1)
            if len(tokens):
                y_NHV = _unrouted(liv.structure, b, tokens, features)
                expected[b, tokens] += r_BLM[b, tokens, m][:, None, None] * y_NHV
    for form in (liv.structure.mix, liv.structure.fast):
        assert relative_rms(form(features), expected) < 1e-12


@pytest.mark.parametrize("name", RECURRENT)
@torch.no_grad()
def test_two_of_four_memories_are_met_and_one_more_by_every_token(name):
    _, _, features = _block(name, length=200)
    r_BLM = features["r"].squeeze(2)
    assert r_BLM.shape[2] == 5
    assert ((r_BLM > 0).sum(-1) == 3).all()
    assert (r_BLM[..., 4] == 1).all()
    torch.testing.assert_close(r_BLM[..., :4].sum(-1), torch.ones_like(r_BLM[..., 0]))
    assert (r_BLM[..., :4] > 0).any((0, 1)).all(), "every memory has its tokens"


@torch.no_grad()
def test_memories_not_met_stay_as_they_were():
    liv, _, features = _block("MoM")
    model_features = {name: value[:, :1] if value.dim() == 4 else value for name, value in features.items()}
    kept = torch.randn(2, *liv.structure.memory(0)["state"], dtype=torch.float64)
    store = Store({"state": kept}, {})
    liv.structure.step(model_features, store)
    met_BM = features["r"][:, 0, 0] > 0
    assert torch.equal(store["state"][~met_BM], kept[~met_BM])
    assert not torch.isclose(store["state"][met_BM], kept[met_BM]).all()


@pytest.mark.parametrize(("name", "routes"), [("Routing Transformer", 4), ("SeqBoat", 1)])
@torch.no_grad()
def test_a_token_attends_to_the_earlier_tokens_of_its_cluster(name, routes):
    liv, _, features = _block(name)
    structure = liv.structure
    assert features["r"].shape[3] == routes
    q_BLHK, k_BLHK = rotate(features["c"]), structure.per_head(rotate(features["b"]))
    expected = routed_attention(q_BLHK, k_BLHK, structure.values(features), features["r"])
    for form in (structure.mix, structure.fast):
        assert relative_rms(form(features), expected) < 1e-12


@torch.no_grad()
def test_clusters_share_one_list_of_keys_and_values():
    liv, _, features = _block("Routing Transformer")
    assert liv.structure.memory(50) == {"b": (50, 4, 8), "v": (50, 4, 8), "r": (50, 1, 4)}
    assert (features["r"] > 0).sum(-1).eq(1).all(), "the likeliest cluster"
    assert (features["r"].amax(-1) < 1).all(), "as likely as it is"


@torch.no_grad()
def test_where_the_gate_is_shut_nothing_is_read():
    liv, _, features = _block("SeqBoat", length=60)
    shut_BL = features["r"].flatten(1) == 0
    assert 0.2 < shut_BL.double().mean() < 0.8
    y_BLHV = liv.structure.fast(features)
    assert (y_BLHV[shut_BL] == 0).all()
    assert (y_BLHV[~shut_BL] != 0).any((1, 2)).all()
    assert (features["r"][features["r"] > 0] > 0.5).all()


@torch.no_grad()
def test_a_mixture_of_experts_weights_the_gated_units_of_each_expert():
    liv, x_BLD, features = _block("MoE")
    r_BL1M = features["r"]
    r_BLM = r_BL1M.squeeze(2)
    c_MID, v_MID = (liv.featurizer[name].weight_MID for name in "cv")
    assert c_MID.shape == (8, 48, 32), "half of 96, in eights"
    gate_BLSI, value_BLSI = (naive_experts.to_experts(x_BLD, r_BL1M, weight, 2) for weight in (c_MID, v_MID))
    weighted_BLSI = r_BLM[r_BLM > 0].view(2, 29, 2, 1) * F.silu(gate_BLSI) * value_BLSI
    expected = naive_experts.from_experts(weighted_BLSI, r_BL1M, liv.out_DC)
    assert relative_rms(liv(x_BLD), expected) < 1e-12
    assert ((r_BLM > 0).sum(-1) == 2).all()
    torch.testing.assert_close(r_BLM.sum(-1), torch.ones(2, 29, dtype=torch.float64))
    assert features["c"].shape == (2, 29, 2, 48), "of two experts, not of eight"


def test_experts_not_met_are_not_computed():
    """An expert that would give no number stands where nobody goes."""
    r_BL1M = torch.tensor([[[[0.7, 0.0, 0.3]], [[1.0, 0.0, 0.0]]]], requires_grad=True)
    weight_MOI = torch.ones(3, 4, 5)
    weight_MOI[1] = torch.nan
    y_BLSO = to_experts(torch.ones(1, 2, 5), r_BL1M, weight_MOI, 2)
    assert y_BLSO.isfinite().all()
    assert (y_BLSO[0, 1, 1] == 0).all(), "an idle slot"


def test_a_token_is_charged_for_the_experts_it_meets():
    row = named("MoE")
    cost = star.cost(decode(Genome.of([row.id]), Space.of(depth=1)), SHAPE, context=10)
    width, inner = 32, 48
    assert cost.livs[0].flops_per_token == 2 * width * 8 + 2 * (3 * 2 * width * inner) + 5 * 2 * inner
    assert cost.livs[0].parameters == 32 + 8 * width + 8 * 3 * width * inner
    assert cost.livs[0].cache_bytes == 0


@pytest.mark.parametrize("name", ["MoM", "MoM-Published", "MoM-GLA", "MoE", "Routing Transformer", "SeqBoat"])
@pytest.mark.parametrize("length", [1, 2, 70])
def test_forms_agree_whatever_the_routes(name, length):
    """Also where of the routes to choose from one takes all tokens, or none is taken."""
    liv, _, features = _block(name, length)
    assert list(disagreements(liv.structure, features)) == []
    if name != "MoE":
        crowded = features | {"r": features["r"].clone()}
        crowded["r"][..., : crowded["r"].shape[-1] - liv.structure.choice.shared] = 0
        assert list(disagreements(liv.structure, crowded)) == []
        crowded["r"][..., 0] = 0.5
        assert list(disagreements(liv.structure, crowded)) == []


@pytest.mark.parametrize("strategy", [2, 3])
def test_what_experts_computed_is_taken_with_the_routes(strategy):
    genome = Genome.parse(f"112.1.1.1.{strategy}-112.1.1.1.{strategy}")
    space = Space.of(["MoE"], depth=2)
    blueprint = decode(genome, space)
    taken = {2: "c", 3: "v"}[strategy]
    assert blueprint.livs[1].taken == (taken, "r")
    assert encode(blueprint, space) == genome
    assert blueprint.to_json()[0]["sparsity"] == "routed"
    assert check(genome, space, SHAPE).breaches == ()
    _, block = build(blueprint, SHAPE).stack()
    assert isinstance(block.operator, LIV)
    assert set(block.operator.featurizer.groups) == {"c", "v"} - {taken}


def test_unrouted_units_take_what_they_took():
    assert named("GMemless").operator.strategies == ((), ("c",), ("v",))


def test_a_model_of_experts_can_be_exported_and_read_back(tmp_path):
    genome, space = Genome.parse("112.1.1.1.1-111.1.1.1.1"), Space.of(["MoE", "MoM-GLA"], depth=2)
    model = build(decode(genome, space), SHAPE).eval()
    read = star.load(star.export(tmp_path, genome, space, SHAPE, star.weights(model), {}))
    tokens_BL = torch.randint(256, (2, 9), generator=torch.Generator().manual_seed(0))
    assert torch.equal(read(tokens_BL), model(tokens_BL))
    assert read.generate(tokens_BL, new_tokens=3).shape == (2, 12)
