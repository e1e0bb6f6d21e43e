"""A cache is handed over: copied, selected, and saved to bytes and read again, for every class."""

import pytest
import torch

import star
from genome import CLASSES, Genome, Shape, Space, decode
from star.contract.forms import relative_rms
from tests.star.cache_rows import drawn, model_of

CLASS = {row.name: row for row in CLASSES}


@pytest.fixture(params=CLASSES, ids=lambda row: row.name)
def model(request):
    return model_of(request.param)


@torch.no_grad()
def test_two_continuations_of_a_copy_do_not_disturb_one_another(model):
    read, first, second = drawn(2, 21), drawn(2, 5, seed=1), drawn(2, 5, seed=2)
    cache = model.new_cache(2)
    model(read, cache)
    alone = [model(torch.cat([read, more], 1))[:, 21:] for more in (first, second)]
    other = cache.copy()
    assert other.bytes == cache.bytes
    for t in range(5):
        for cached, more, expected in ((cache, first, alone[0]), (other, second, alone[1])):
            assert relative_rms(model(more[:, t : t + 1], cached), expected[:, t : t + 1]) < 1e-9


@torch.no_grad()
def test_selected_sequences_go_on_in_their_new_order(model):
    read, more = drawn(3, 21), drawn(4, 3, seed=1)
    index = [2, 0, 2, 1]
    cache = model.new_cache(3)
    model(read, cache)
    expected = model(torch.cat([read[index], more], 1))[:, 21:]
    selected = cache.select(index)
    assert selected.batch == 4
    assert relative_rms(model(more, selected), expected) < 1e-9
    assert cache.batch == 3
    assert relative_rms(model(more[1:2], cache.select(torch.tensor([0]))), expected[1:2]) < 1e-9


@torch.no_grad()
def test_saved_bytes_go_on_where_the_cache_was(model):
    caches = []
    for length in (3, 21):
        caches.append(model.new_cache(1))
        model(drawn(1, length), caches[-1])
    for cache in (caches[1], star.Cache.joined(caches), model.new_cache(2)):
        more = drawn(cache.batch, 3, seed=1)
        again = model.load_cache(model.save_cache(cache))
        assert (again.bytes, again.batch, again.position) == (cache.bytes, cache.batch, cache.position)
        assert torch.equal(model(more, again), model(more, cache))


def test_no_sequence_may_be_selected():
    model = model_of(CLASS["SA-1"])
    cache = model.new_cache(2)
    model(drawn(2, 4), cache)
    empty = cache.select([])
    assert (empty.batch, empty.bytes, empty.position) == (0, 0, 4)


def test_a_cache_is_read_by_a_model_with_shared_features_too():
    blueprint = decode(Genome.parse("1.1.1.1.4-5.1.1.1.1-1.1.1.1.4"), Space.of(depth=3, groups=1))
    model = star.build(blueprint, Shape(width=32, head_dim=8, vocab=11)).double().eval()
    cache, read, more = model.new_cache(2), drawn(2, 9), drawn(2, 3, seed=1)
    with torch.no_grad():
        model(read, cache)
        expected = model(torch.cat([read, more], 1))[:, 9:]
        swapped = model(torch.cat([read.flip(0), more], 1))[:, 9:]
        for handed, right in (
            (cache.copy(), expected),
            (cache.select([1, 0]), swapped),
            (model.load_cache(model.save_cache(cache)), expected),
            (star.Cache.joined([cache.select([1]), cache.select([0])]), swapped),
        ):
            assert handed.bytes == cache.bytes
            assert relative_rms(model(more, handed), right) < 1e-9


@pytest.mark.parametrize(
    ("index", "message"),
    [
        ([0, 2], "there is no sequence 2 in a batch of 2"),
        ([-1], "there is no sequence -1"),
        (torch.tensor([True, False]), "must be a list of whole numbers, not torch.bool"),
        ([0.5], "not torch.float32"),
        (torch.zeros(1, 1, dtype=torch.long), r"of \(1, 1\)"),
    ],
)
def test_an_index_that_names_no_sequences_is_refused(index, message):
    with pytest.raises(ValueError, match=message):
        model_of(CLASS["SA-1"]).new_cache(2).select(index)


def test_a_cache_of_another_batch_is_refused():
    model = model_of(CLASS["Mamba-1"])
    with pytest.raises(ValueError, match=r"^the cache holds 1 sequences, and 2 are to go on$"):
        model(drawn(2, 3), model.new_cache(1))


def test_caches_of_different_models_are_not_joined():
    caches = [model_of(CLASS[name]).new_cache() for name in ("SA-1", "Mamba-1")]
    with pytest.raises(ValueError, match="different models"):
        star.Cache.joined(caches)
    with pytest.raises(ValueError, match="no caches"):
        star.Cache.joined([])


def test_saved_bytes_of_another_model_are_refused():
    model, other = model_of(CLASS["SA-1"]), model_of(CLASS["SA-3"])
    saved = model.save_cache(model.new_cache())
    with pytest.raises(ValueError, match=r"^the cache is of a model 'SA-1 .* not 'SA-3 "):
        other.load_cache(saved)
    with pytest.raises(ValueError, match=r"is torch.float64 of .*; the model keeps torch.float32 of"):
        model.float().load_cache(saved)


def test_bytes_that_are_damaged_are_refused():
    model = model_of(CLASS["SA-1"])
    cache = model.new_cache()
    model(drawn(1, 4), cache)
    saved = model.save_cache(cache)
    for damaged in (b"", saved[:-1], saved[:20], b"{}" * 20, star.weights(model)):
        with pytest.raises(ValueError, match="no saved cache"):
            model.load_cache(damaged)
    with pytest.raises(ValueError, match=r"of \(1, 4, 4, 8\); the model keeps torch.float64 of \(1, 5, 4, 8\)"):
        model.load_cache(saved.replace(b'"position":"4"', b'"position":"5"'))
    with pytest.raises(ValueError, match="the batch of the saved cache must be a whole number, not 'x'"):
        model.load_cache(saved.replace(b'"batch":"1"', b'"batch":"x"'))
