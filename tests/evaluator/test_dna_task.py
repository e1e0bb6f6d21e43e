"""The DNA task: the files it reads and refuses, sequences that are held out whole, both strands, and the score."""

import gzip
import random
from pathlib import Path

import numpy as np
import pytest
import torch

from evaluator.budget import Budget
from evaluator.tasks.dna import DNATask
from evaluator.value import FieldError

BUDGET = Budget(length=12, batch=8, validation=9)


def bases(seed: int, size: int) -> str:
    return "".join(random.Random(seed).choices("ACGT", k=size))


def fasta(sequences: dict[str, str], width: int = 60, end: str = "\n") -> bytes:
    lines = []
    for name, text in sequences.items():
        lines += [f">{name}", *(text[n : n + width] for n in range(0, len(text), width))]
    return (end.join(lines) + end).encode()


SEQUENCES = {f"chr{n}": bases(n, 300) for n in range(20)}


def written(folder: Path, content: bytes, name: str = "genome.fa") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return path


def task(path: Path, **fields) -> DNATask:
    return DNATask(data=str(path), **fields).permitted([path.parent])


def read(examples) -> list[str]:
    rows = torch.cat([examples.tokens, examples.targets[:, -1:]], 1).tolist()
    return ["".join("ACGT"[n] for n in row) for row in rows]


def test_whole_sequences_are_held_out_and_every_piece_is_of_one(tmp_path):
    loaded = task(written(tmp_path, fasta(SEQUENCES)), both_strands=False).load(BUDGET)
    rng = np.random.default_rng(0)
    drawn = {text for _ in range(400) for text in read(loaded.draw(rng))}
    validation = set(read(loaded.validation))

    def sources(texts):
        found = [{name for name, sequence in SEQUENCES.items() if text in sequence} for text in texts]
        assert all(len(names) == 1 for names in found)
        return set().union(*found)

    train, held_out = sources(drawn), sources(validation)
    assert not train & held_out
    assert len(train | held_out) == len(SEQUENCES)
    assert len(held_out) == 2


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("genome.fa.gz", fasta(SEQUENCES)),
        ("genome.fasta", fasta(SEQUENCES, end="\r\n")),
        ("genome.fna", fasta({name: text.lower() for name, text in SEQUENCES.items()}, width=7)),
        ("genome.fa", fasta({**SEQUENCES, "copy": SEQUENCES["chr3"]})),
    ],
)
def test_other_ways_to_write_the_same_are_read_alike(tmp_path, name, content):
    plain = task(written(tmp_path / "plain", fasta(SEQUENCES))).load(BUDGET)
    other = task(written(tmp_path / "other", content, name)).load(BUDGET)
    assert read(plain.validation) == read(other.validation)
    one, two = (loaded.draw(np.random.default_rng(1)) for loaded in (plain, other))
    assert read(one) == read(two)


def test_nothing_spans_a_base_that_is_not_known(tmp_path):
    broken = {name: text[:100] + "N" * 30 + "r" + text[100:] for name, text in SEQUENCES.items()}
    loaded = task(written(tmp_path, fasta(broken)), both_strands=False).load(BUDGET)
    rng = np.random.default_rng(0)
    for text in (text for _ in range(200) for text in read(loaded.draw(rng))):
        assert any(text in sequence[:100] or text in sequence[100:] for sequence in SEQUENCES.values())


def test_half_of_the_training_sequences_are_of_the_other_strand(tmp_path):
    loaded = task(written(tmp_path, fasta(SEQUENCES))).load(BUDGET)
    rng = np.random.default_rng(0)
    texts = [text for _ in range(100) for text in read(loaded.draw(rng))]
    turned = str.maketrans("ACGT", "TGCA")
    forward = [any(text in sequence for sequence in SEQUENCES.values()) for text in texts]
    backward = [any(text[::-1].translate(turned) in sequence for sequence in SEQUENCES.values()) for text in texts]
    assert all(one or other for one, other in zip(forward, backward, strict=True))
    assert 0.4 < sum(forward) / len(texts) < 0.6


def test_a_blind_model_has_the_score_of_chance(tmp_path):
    declared = task(written(tmp_path, fasta(SEQUENCES)))
    loaded = declared.load(BUDGET)
    score_B = loaded.score(torch.zeros(9, 12, declared.vocab), loaded.validation.targets)
    torch.testing.assert_close(score_B, torch.full((9,), declared.chance))


def cut_off(path):
    path.write_bytes(gzip.compress(fasta(SEQUENCES))[:-20])


REFUSED = {
    "no fasta": (b"ACGT\n", "genome.fa is no FASTA: its first line does not begin with >"),
    "another letter": (b">a\nACGT\nAC1T\n>b\nAC\n", "genome.fa, line 3: '1' is no nucleotide; legal: ACGTNRYS"),
    "one sequence": (fasta({"a": bases(1, 500)}), "genome.fa has one sequence; two or more are needed"),
    "empty": (b"", "genome.fa has no sequence"),
    "names alone": (b">a\n>b\n", "genome.fa has no sequence"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_broken_file_is_refused_by_name_and_line(tmp_path, what):
    content, says = REFUSED[what]
    with pytest.raises(FieldError, match=says) as refused:
        task(written(tmp_path, content))
    assert refused.value.field == ("task", "data")


def test_a_compressed_file_that_is_cut_off_is_refused(tmp_path):
    path = written(tmp_path, b"", "genome.fa.gz")
    cut_off(path)
    with pytest.raises(FieldError, match=r"genome\.fa\.gz cannot be read whole"):
        task(path)


def test_a_compressed_file_that_is_damaged_is_refused(tmp_path):
    path = written(tmp_path, fasta(SEQUENCES), "genome.fa.gz")
    content = bytearray(path.read_bytes())
    content[10] = 0x07  # the first byte behind the header: a kind of block that there is not
    path.write_bytes(content)
    with pytest.raises(FieldError, match=r"genome\.fa\.gz cannot be read whole"):
        task(path)


def test_a_link_in_a_directory_is_refused(tmp_path):
    path = written(tmp_path / "data", fasta(SEQUENCES))
    (tmp_path / "data" / "other.fa").symlink_to(path)
    with pytest.raises(FieldError, match=r"other\.fa is a link or another special file"):
        task(tmp_path / "data")


def test_a_length_that_no_piece_has_is_refused(tmp_path):
    loaded = task(written(tmp_path, fasta(SEQUENCES)))
    with pytest.raises(FieldError, match="length must be 2 to 299, not 300"):
        loaded.load(Budget(length=300, batch=2, validation=2))
