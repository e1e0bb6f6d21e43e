"""Decoding through the cache is what the whole sequence says."""

import pytest
import torch

import star
from genome import Genome, Shape, Space, decode

TEXT = "1.1.1.1.4-5.1.1.1.1-8.1.1.1.1-1.1.1.1.4-16.1.1.1.1"


@pytest.fixture(scope="module")
def model():
    return star.build(decode(Genome.parse(TEXT), Space.of(depth=5)), Shape(vocab=50)).double().eval()


def test_greedy_decoding_is_the_argmax_of_the_whole_sequence(model):
    prompt = torch.tensor([[1, 2, 3], [4, 5, 6]])
    tokens = model.generate(prompt, 20)
    assert tokens.shape == (2, 23)
    with torch.no_grad():
        assert torch.equal(model(tokens)[:, 2:-1].argmax(-1), tokens[:, 3:])


def test_sampling_is_seeded(model):
    prompt = torch.zeros(1, 1, dtype=torch.long)
    first = model.generate(prompt, 30, temperature=1.0, seed=1)
    assert torch.equal(model.generate(prompt, 30, temperature=1.0, seed=1), first)
    assert not torch.equal(model.generate(prompt, 30, temperature=1.0, seed=2), first)


def test_no_new_tokens_is_the_prompt(model):
    assert torch.equal(model.generate(torch.ones(1, 4, dtype=torch.long), 0), torch.ones(1, 4, dtype=torch.long))


@pytest.mark.parametrize(
    ("prompt", "options", "message"),
    [
        (torch.zeros(1, 0, dtype=torch.long), {"new_tokens": 1}, "at least one token"),
        (torch.zeros(3, dtype=torch.long), {"new_tokens": 1}, "must be \\(batch, tokens\\)"),
        (torch.zeros(1, 1, dtype=torch.long), {"new_tokens": -1}, "must be 0 or more"),
        (torch.zeros(1, 1, dtype=torch.long), {"new_tokens": 1, "temperature": -0.5}, "must be 0 or more"),
    ],
)
def test_nonsense_is_refused(model, prompt, options, message):
    with pytest.raises(ValueError, match=message):
        model.generate(prompt, **options)
