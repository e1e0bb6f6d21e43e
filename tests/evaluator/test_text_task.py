"""The text task: the files it reads, their split, the directories it may name, and its score."""

import hashlib
import os
import random
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from evaluator.budget import Budget
from evaluator.tasks.files import corpus
from evaluator.tasks.files.corpus import permitted_directory
from evaluator.tasks.text import Text, TextTask

BUDGET = Budget(length=24, batch=6, validation=10)


def paragraph(seed: int, size: int = 4000) -> bytes:
    return bytes(random.Random(seed).choices(b"abcdefgh \n", k=size))


def written(root: Path, files: int = 40) -> Path:
    for n in range(files):
        path = root / f"part{n % 3}" / f"{n}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(paragraph(n))
    return root


def whole(pieces) -> bytes:
    return b"".join(piece[:].tobytes() for piece in pieces)


def contents(root: Path, paths) -> list[bytes]:
    return [(root / path).read_bytes() for path in paths]


def test_no_file_and_no_content_is_on_both_sides_and_nothing_is_lost(tmp_path):
    written(tmp_path)
    for n in range(0, 40, 2):
        shutil.copy(tmp_path / f"part{n % 3}" / f"{n}.txt", tmp_path / f"copy{n}.txt")
    split = corpus.split(str(tmp_path))
    train, validation = contents(tmp_path, split.train_files), contents(tmp_path, split.validation_files)
    assert not set(split.train_files) & set(split.validation_files)
    assert not set(train) & set(validation)
    assert sorted(train + validation) == sorted(paragraph(n) for n in range(40))
    assert b"".join(train) == whole(split.train)
    assert b"".join(validation) == whole(split.validation)
    assert len(whole(split.validation)) == pytest.approx(0.1 * 160_000, rel=0.25)


def test_the_split_depends_on_paths_inside_the_corpus_and_not_on_where_it_lies(tmp_path):
    one, other = written(tmp_path / "one"), tmp_path / "elsewhere" / "other"
    shutil.copytree(one, other)
    here, there = corpus.split(str(one)), corpus.split(str(other))
    assert here.validation_files == there.validation_files
    assert whole(here.train) == whole(there.train)


def test_only_regular_visible_text_files_are_read_and_links_are_not_followed(tmp_path):
    root = written(tmp_path / "root")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.txt").write_bytes(b"secret " * 1000)
    (root / "link.txt").symlink_to(outside / "secret.txt")
    (root / "folder").symlink_to(outside)
    (root / "image.bin").write_bytes(b"\x89PNG\0secret")
    (root / ".git").mkdir()
    (root / ".git" / "config").write_bytes(b"secret")
    (root / ".hidden").write_bytes(b"secret")
    os.mkfifo(root / "pipe")
    split = corpus.split(str(root))
    assert len(split.train_files + split.validation_files) == 40
    assert b"secret" not in whole(split.train) + whole(split.validation)


def test_the_standard_library_is_source_without_installed_packages():
    split = corpus.split("stdlib")
    files = split.train_files + split.validation_files
    root = corpus.directory("stdlib")
    assert "os.py" in files
    assert all(name.endswith(".py") and "site-packages" not in name for name in files)
    digests = [hashlib.sha256(content).digest() for content in contents(root, files)]
    assert len(set(digests)) == len(files)
    assert len(whole(split.train)) > 9 * len(whole(split.validation)) * 0.8 > 1e6


def test_the_standard_library_named_by_its_directory_is_the_same_corpus():
    assert (
        corpus.split(str(permitted_directory("stdlib", []))).validation_files == corpus.split("stdlib").validation_files
    )


@pytest.fixture
def allowed(tmp_path: Path) -> Path:
    written(tmp_path / "allowed" / "books")
    written(tmp_path / "private")
    return tmp_path / "allowed"


def test_directories_inside_an_allowed_one_are_resolved(allowed, tmp_path):
    (tmp_path / "alias").symlink_to(allowed)
    books = (allowed / "books").resolve()
    assert permitted_directory(str(books), [allowed]) == books
    assert permitted_directory(str(tmp_path / "alias" / "books"), [allowed]) == books
    assert permitted_directory(str(books), [tmp_path / "alias"]) == books
    assert permitted_directory(str(allowed), [tmp_path / "nowhere", allowed]) == allowed.resolve()


@pytest.mark.parametrize(
    "corpus_name",
    [
        "{}/../private",
        "{}/books/../../private",
        "{}/escape",
        "/",
        "/no/such/place",
        "books",
        "",
        ".",
        "~",
        "stdlib/x",
        "\0",
    ],
)
def test_every_other_corpus_is_refused_naming_the_legal_ones(allowed, corpus_name):
    (allowed / "escape").symlink_to(allowed.parent / "private")
    with pytest.raises(ValueError, match="'stdlib' or a directory inside: ") as refused:
        permitted_directory(corpus_name.format(allowed), [allowed])
    assert str(allowed.resolve()) in str(refused.value)


def test_whether_a_path_outside_exists_is_not_told(allowed):
    def refusal(name: str) -> str:
        path = str(allowed.parent / name)
        with pytest.raises(ValueError, match="not allowed") as refused:
            permitted_directory(path, [allowed])
        return str(refused.value).replace(path, "")

    assert refusal("private") == refusal("absent")


@pytest.mark.parametrize("name", ["absent", "books/part0/0.txt"])
def test_an_allowed_path_must_be_a_directory(allowed, name):
    with pytest.raises(ValueError, match="no directory"):
        permitted_directory(str(allowed / name), [allowed])


def test_a_corpus_needs_enough_text_in_more_than_one_file(allowed):
    for name, files in {"empty": [], "single": [paragraph(1, 100_000)], "scant": [b"a", b"b"]}.items():
        (allowed / name).mkdir()
        for n, content in enumerate(files):
            (allowed / name / f"{n}.txt").write_bytes(content)
        with pytest.raises(ValueError, match="it needs 65536 or more in 2 or more"):
            permitted_directory(str(allowed / name), [allowed])


def text(root: Path, budget: Budget = BUDGET) -> Text:
    task = TextTask(corpus=str(root)).load(budget)
    assert isinstance(task, Text)
    return task


def test_every_byte_after_the_first_is_predicted(tmp_path):
    task = text(written(tmp_path))
    split = corpus.split(str(tmp_path))
    for examples, source in ((task.draw(np.random.default_rng(0)), split.train), (task.validation, split.validation)):
        assert examples.tokens.shape[1] == examples.targets.shape[1] == BUDGET.length
        assert torch.equal(examples.tokens[:, 1:], examples.targets[:, :-1])
        for tokens, targets in zip(examples.tokens.tolist(), examples.targets.tolist(), strict=True):
            assert bytes([tokens[0], *targets]) in whole(source)


def test_batches_follow_the_generator_and_validation_is_fixed(tmp_path):
    written(tmp_path)
    first, second = text(tmp_path), text(tmp_path, BUDGET.model_copy(update={"steps": 9, "batch": 3}))
    assert torch.equal(first.validation.tokens, second.validation.tokens)
    assert first.validation.tokens.shape == (10, 24)
    assert len({tuple(row) for row in first.validation.tokens.tolist()}) == 10
    rng = np.random.default_rng(5)
    drawn = first.draw(rng)
    assert torch.equal(drawn.tokens, first.draw(np.random.default_rng(5)).tokens)
    assert not torch.equal(drawn.tokens, first.draw(rng).tokens)
    assert second.draw(rng).tokens.shape == (3, 24)


def test_a_blind_guess_costs_eight_bits_per_byte_and_certainty_nothing(tmp_path):
    task = text(written(tmp_path))
    targets_BL = task.validation.targets
    blind_B = task.score(torch.zeros(*targets_BL.shape, 256), targets_BL)
    sure_B = task.score(100 * torch.nn.functional.one_hot(targets_BL, 256).float(), targets_BL)
    assert blind_B.tolist() == pytest.approx([8.0] * 10)
    assert sure_B.tolist() == pytest.approx([0.0] * 10)


def test_sequences_longer_than_the_text_are_refused_with_the_bound(tmp_path):
    written(tmp_path)
    bound = len(whole(corpus.split(str(tmp_path)).validation)) - 1
    assert text(tmp_path, Budget(length=bound, validation=2)).validation.tokens.shape == (2, bound)
    with pytest.raises(ValueError, match=f"length must be 2 to {bound}, not {bound + 1}"):
        text(tmp_path, Budget(length=bound + 1))
