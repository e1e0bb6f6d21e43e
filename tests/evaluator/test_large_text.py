"""The text task on large files and corpora: what is held out, and that only the bytes of batches are read."""

import shutil
import subprocess
import sys

import numpy as np
import pytest

from evaluator.tasks.files import corpus
from tests.evaluator.test_text_task import contents, paragraph, text, whole, written


def test_a_file_with_more_than_half_of_a_corpus_is_never_held_out(tmp_path):
    written(tmp_path)
    for n in range(8):
        corpus.split.cache_clear()
        large = tmp_path / f"large{n}.txt"
        large.write_bytes(paragraph(99, 400_000))
        split = corpus.split(str(tmp_path))
        assert large.name in split.train_files
        assert 0.1 * 560_000 <= len(whole(split.validation)) < 0.15 * 560_000
        large.unlink()


def test_of_a_corpus_that_is_too_large_for_memory_only_batches_are_read(tmp_path, monkeypatch):
    """The same files, as in memory and as pieces: no sequence then reaches from one file into the next."""
    written(tmp_path)
    shutil.copy(tmp_path / "part0" / "0.txt", tmp_path / "copy.txt")
    in_memory = corpus.split(str(tmp_path))
    corpus.split.cache_clear()
    monkeypatch.setattr(corpus, "MAX_MEMORY_BYTES", 100_000)
    large = corpus.split(str(tmp_path))
    assert (large.train_files, large.validation_files) == (in_memory.train_files, in_memory.validation_files)
    assert whole(large.train) == whole(in_memory.train)
    task, source = text(tmp_path), contents(tmp_path, large.train_files)
    rng = np.random.default_rng(0)
    for _ in range(20):
        tokens_BL, targets_BL = task.draw(rng)
        for tokens, targets in zip(tokens_BL.tolist(), targets_BL.tolist(), strict=True):
            assert any(bytes([*tokens, targets[-1]]) in content for content in source)
    corpus.split.cache_clear()


def test_a_file_that_became_shorter_is_named(tmp_path, monkeypatch):
    written(tmp_path)
    monkeypatch.setattr(corpus, "MAX_MEMORY_BYTES", 100_000)
    corpus.split.cache_clear()
    task = text(tmp_path)
    for path in corpus.split(str(tmp_path)).train_files:
        (tmp_path / path).write_bytes(b"")
    with pytest.raises(OSError, match="has become shorter than"):
        task.draw(np.random.default_rng(0))
    corpus.split.cache_clear()


def test_a_corpus_of_gigabytes_takes_the_memory_of_its_batches(tmp_path):
    """300 MiB are split, and batches drawn, in a process that may grow by 100 MiB."""
    line = paragraph(0, 2**20)
    for n in range(6):
        with (tmp_path / f"{n}.txt").open("wb") as file:
            file.write(str(n).encode())
            for _ in range(50):
                file.write(line)
    program = """if True:
        import resource, sys, numpy as np, torch
        from evaluator.budget import Budget
        from evaluator.tasks.text import TextTask
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        task = TextTask(corpus=sys.argv[1]).load(Budget(length=128, batch=16, validation=64))
        rng = np.random.default_rng(0)
        for _ in range(50):
            task.draw(rng)
        sys.exit((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024 > 100)
    """
    assert subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False).returncode == 0
