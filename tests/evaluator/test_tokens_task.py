"""The tokens task: the files it reads and refuses, their split, documents, the vocabulary and the score."""

import json
import math
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from evaluator.budget import Budget
from evaluator.tasks.loaded import IGNORED
from evaluator.tasks.tokens import TokensTask
from evaluator.value import FieldError

BUDGET = Budget(length=8, batch=5, validation=7)


def written(folder: Path, lengths=(400, 600), dtype="uint16") -> Path:
    """Shards of both kinds with tokens that are all different, so that a place is known by its token."""
    folder.mkdir(parents=True, exist_ok=True)
    first = 0
    for n, length in enumerate(lengths):
        tokens = np.arange(first, first + length, dtype=dtype)
        first += length
        if n % 2:
            np.save(folder / f"{n}.npy", tokens)
        else:
            tokens.tofile(folder / f"{n}.bin")
    return folder


def task(data: Path, **fields) -> TokensTask:
    return TokensTask(data=str(data), **{"symbols": 2000, **fields}).permitted([data.parent])


def test_sequences_are_pieces_of_one_shard_and_no_token_is_on_both_sides(tmp_path):
    loaded = task(written(tmp_path / "data")).load(BUDGET)
    rng = np.random.default_rng(0)
    drawn = [loaded.draw(rng) for _ in range(3000)]
    train = torch.cat([torch.cat([batch.tokens, batch.targets], 1) for batch in drawn])
    held_out = torch.cat(list(loaded.validation), 1)
    assert train.max() < 900 <= held_out.min()
    assert set(train.flatten().tolist()) == set(range(900))
    assert {held_out.min().item(), held_out.max().item()} == {900, 999}
    for tokens_BL, targets_BL in (*drawn, loaded.validation):
        assert torch.equal(targets_BL, tokens_BL + 1)
        assert not ((tokens_BL < 400) & (targets_BL >= 400)).any()
    assert loaded.validation.tokens.shape == (7, 8)


def test_equal_seeds_give_equal_batches(tmp_path):
    loaded = task(written(tmp_path / "data")).load(BUDGET)
    one, other, third = (loaded.draw(np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert torch.equal(one.tokens, other.tokens)
    assert not torch.equal(one.tokens, third.tokens)


@given(st.lists(st.integers(0, 3), min_size=120, max_size=200), st.integers(2, 9))
def test_nothing_is_predicted_across_the_end_of_a_document(tmp_path_factory, tokens, length):
    path = tmp_path_factory.mktemp("data") / "0.bin"
    np.array(tokens, "uint16").tofile(path)
    loaded = task(path, separator=0, symbols=4).load(Budget(length=length, batch=16, validation=2))
    tokens_BL, targets_BL = loaded.draw(np.random.default_rng(0))
    for inputs, targets in zip(tokens_BL.tolist(), targets_BL.tolist(), strict=True):
        ended = next((i for i, token in enumerate(inputs) if token == 0 and i > 0), length)
        assert IGNORED not in targets[:ended]
        assert targets[ended:] == [IGNORED] * (length - ended)


def test_the_score_is_the_mean_over_labels_and_a_blind_model_has_that_of_chance(tmp_path):
    declared = task(written(tmp_path / "data"))
    loaded = declared.load(BUDGET)
    targets_BL = torch.full((2, 8), IGNORED)
    targets_BL[0, :3] = targets_BL[1, 0] = 7
    score_B = loaded.score(torch.zeros(2, 8, declared.vocab), targets_BL)
    torch.testing.assert_close(score_B, torch.full((2,), declared.chance))
    sure = torch.zeros(2, 8, declared.vocab)
    sure[..., 7] = 100
    assert loaded.score(sure, targets_BL).max() < 1e-3
    assert declared.chance == math.log(2000)


def tokenizer(folder: Path, model: dict[str, object], added=()) -> Path:
    path = folder / "tokenizer.json"
    path.write_text(json.dumps({"model": model, "added_tokens": [{"id": n} for n in added]}), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("model", "added", "symbols"),
    [
        ({"type": "BPE", "vocab": {"a": 0, "b": 1200}}, (), 1201),
        ({"type": "BPE", "vocab": {"a": 0}}, (1300,), 1301),
        ({"type": "Unigram", "vocab": [["a", -1.0]] * 1100}, (), 1100),
    ],
)
def test_the_vocabulary_is_that_of_the_tokenizer(tmp_path, model, added, symbols):
    data = written(tmp_path / "data")
    found = TokensTask(data=str(data), tokenizer=str(tokenizer(tmp_path, model, added))).permitted([tmp_path])
    assert found.vocab == symbols
    assert found.load(BUDGET).validation.tokens.max() < symbols
    assert found.read_tokenizer() == (tmp_path / "tokenizer.json").read_bytes()
    (tmp_path / "tokenizer.json").unlink()
    assert found.read_tokenizer() is None


def cut_off(folder):
    (folder / "0.bin").write_bytes((folder / "0.bin").read_bytes()[:-1])


def of_floats(folder):
    np.save(folder / "1.npy", np.zeros(50))


def of_objects(folder):
    np.save(folder / "1.npy", np.array([{}], object), allow_pickle=True)


def in_two_dimensions(folder):
    np.save(folder / "1.npy", np.zeros((5, 5), "uint16"))


def cut_off_inside(folder):
    (folder / "1.npy").write_bytes((folder / "1.npy").read_bytes()[:-5])


def empty(folder):
    (folder / "0.bin").write_bytes(b"")


def link(folder):
    (folder / "2.bin").symlink_to(folder / "0.bin")


def pipe(folder):
    os.mkfifo(folder / "2.bin")


def nothing(folder):
    for path in folder.iterdir():
        path.rename(path.with_suffix(".txt"))


@pytest.mark.parametrize(
    ("ruin", "says"),
    [
        (cut_off, "0.bin is cut off: its 799 bytes"),
        (of_floats, r"1.npy must be \(N,\) of uint16 or uint32, not \(50,\) of float64"),
        (of_objects, "1.npy is no whole .npy file"),
        (in_two_dimensions, r"not \(5, 5\) of uint16"),
        (cut_off_inside, "1.npy is no whole .npy file"),
        (empty, "0.bin is empty"),
        (link, "2.bin is a link or another special file"),
        (pipe, "2.bin is a link or another special file"),
        (nothing, "has no file that ends with .bin or .npy"),
    ],
)
def test_a_broken_or_hostile_file_is_refused_by_name(tmp_path, ruin, says):
    folder = written(tmp_path / "data")
    ruin(folder)
    with pytest.raises(FieldError, match=says) as refused:
        task(folder)
    assert refused.value.field == ("task", "data")


def test_a_token_beyond_the_vocabulary_is_named(tmp_path):
    folder = written(tmp_path / "data")
    with pytest.raises(
        FieldError, match=r"1\.npy has the token 999; with 999 symbols the largest one is 998"
    ) as refused:
        task(folder, symbols=999)
    assert refused.value.field == ("task", "symbols")


@pytest.mark.parametrize("place", ["", "data", "/etc/passwd", "../data", "\0"])
def test_files_elsewhere_are_refused(tmp_path, place):
    with pytest.raises(FieldError, match=r"data .* is (not allowed|no path)"):
        TokensTask(data=place).permitted([tmp_path])


def test_what_is_no_tokenizer_is_refused(tmp_path):
    (tmp_path / "tokenizer.json").write_text('{"model": {}}', encoding="utf-8")
    broken = TokensTask(data=str(written(tmp_path / "data")), tokenizer=str(tmp_path / "tokenizer.json"))
    with pytest.raises(FieldError, match=r"tokenizer\.json is no tokenizer") as refused:
        broken.permitted([tmp_path])
    assert refused.value.field == ("task", "tokenizer")


def test_a_tokenizer_larger_than_a_vocabulary_may_be_is_refused(tmp_path):
    path = tokenizer(tmp_path, {"type": "BPE", "vocab": {"a": 2**20}})
    with pytest.raises(FieldError, match="has 1048577 tokens; a vocabulary has 1048576 at most") as refused:
        TokensTask(data=str(written(tmp_path / "data")), tokenizer=str(path)).permitted([tmp_path])
    assert refused.value.field == ("task", "tokenizer")


def test_a_length_that_no_piece_has_is_refused(tmp_path):
    loaded = task(written(tmp_path / "data"))
    with pytest.raises(FieldError, match="length must be 2 to 99, not 100: the longest piece for validation"):
        loaded.load(Budget(length=100, batch=2, validation=2))
    loaded.load(Budget(length=99, batch=2, validation=2))


def test_numbers_of_32_bits_are_read(tmp_path):
    loaded = task(written(tmp_path / "data", lengths=(300,), dtype="uint32"), dtype="uint32").load(BUDGET)
    assert loaded.validation.tokens.max() < 300
