"""What is no input of a model is refused by name, and the check is no part of a compiled or exported model."""

import pytest
import torch

import star
from genome import Genome, Shape, Space, decode


def _model(**shape):
    blueprint = decode(Genome.parse("1.1.1.1.1-9.1.1.1.1"), Space.of(depth=2))
    return star.build(blueprint, Shape(width=32, head_dim=8, **shape)).eval()


@pytest.fixture(scope="module")
def model():
    return _model(vocab=11)


@pytest.mark.parametrize("cached", [False, True], ids=["whole", "with a cache"])
@pytest.mark.parametrize("found", [11, -1, 10**12])
def test_an_id_outside_the_vocabulary_is_named_with_its_place_and_the_legal_range(model, found, cached):
    tokens_BL = torch.full((2, 5), 3)
    tokens_BL[1, 4] = found
    cache = model.new_cache(2) if cached else None
    with pytest.raises(ValueError, match=f"^token id {found} of sequence 1, token 4, is not .* ids are 0 to 10$"):
        model(tokens_BL, cache)


def test_ids_outside_the_vocabulary_are_refused_in_prompts(model):
    with pytest.raises(ValueError, match=r"^token id 11 of sequence 0, token 1, "):
        model.generate(torch.tensor([[0, 11]]), 0)


def test_the_whole_vocabulary_is_legal_in_both_dtypes_of_ids(model):
    tokens_BL = torch.arange(11).unsqueeze(0)
    assert torch.equal(model(tokens_BL), model(tokens_BL.int()))


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        (torch.zeros(1, 3), "ids must be torch.int64 or torch.int32, not torch.float32"),
        (torch.zeros(1, 3, dtype=torch.bool), "not torch.bool"),
        (torch.zeros(3, dtype=torch.long), r"must be \(batch, tokens\), not \(3,\)"),
        (torch.zeros(1, 3, 2, dtype=torch.long), r"not \(1, 3, 2\)"),
    ],
)
def test_other_dtypes_and_ranks_of_tokens_are_refused(model, tokens, message):
    with pytest.raises(ValueError, match=message):
        model(tokens)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (torch.zeros(1, 5, 3, dtype=torch.long), "of a floating dtype, not torch.int64"),
        (torch.zeros(1, 5), r"must be \(batch, steps, 3\), not \(1, 5\)"),
        (torch.zeros(1, 5, 4), r"must be \(batch, steps, 3\), not \(1, 5, 4\)"),
    ],
)
def test_other_dtypes_and_sizes_of_real_values_are_refused(values, message):
    with pytest.raises(ValueError, match=message):
        _model(vocab=4, channels=3)(values)


def test_an_exported_model_has_no_check_of_values(model):
    tokens_BL = torch.randint(11, (2, 5))
    with torch.no_grad():
        program = torch.export.export(model, (torch.zeros(2, 5, dtype=torch.long),))
    torch.testing.assert_close(program.module()(tokens_BL), model(tokens_BL))


def test_the_check_breaks_no_graph_at_any_length(model):
    compiled = torch.compile(model, backend="eager", fullgraph=True)
    for length in (5, 7, 4, 1):  # from the second on, the compiler takes the length as a symbol
        tokens_BL = torch.randint(11, (2, length))
        with torch.no_grad():
            torch.testing.assert_close(compiled(tokens_BL), model(tokens_BL))
