"""The benchmarks on MAD and MQAR: trainings are kept, ranks are compared, and pages are written from them."""

import argparse
import json

import mad
import mqar
import pytest
from synthetic.cells import Cell, Score, scores

BUDGET = {"steps": 2, "batch": 2, "length": 16, "warmup": 0, "validation": 4}
TASK = {"kind": "mad_compression"}


@pytest.mark.slow
def test_a_training_is_made_once_and_kept(tmp_path, capsys):
    journal = tmp_path / "var" / "cells.jsonl"
    cells = [Cell(("SA-1", "GMemless"), TASK, 16, 8, BUDGET, seed) for seed in (0, 1)]
    first = scores(cells, journal, 1)
    assert "2 of 2" in capsys.readouterr().out
    assert scores(cells, journal, 1) == first
    assert capsys.readouterr().out == ""
    assert len(journal.read_text().splitlines()) == 2
    assert all(0 < score.error <= 1 for score in first.values())


def test_the_rank_correlation_is_that_of_the_order_and_its_share_is_exact():
    coefficient, share = mad.rank_correlation([1, 2, 3, 4], [10, 20, 30, 40])
    assert coefficient == pytest.approx(1)
    assert share == pytest.approx(1 / 24)
    assert mad.rank_correlation([4, 3, 2, 1], [10, 20, 30, 40])[0] == pytest.approx(-1)


def test_the_page_of_mad_holds_every_row_and_task():
    cells = mad.cells(10, 4, 1e-3, 2)
    assert len(cells) == 6 * 6 * 2
    known = {cell.key: Score(0.1 * seed + 0.01 * n, 0.01, 64.0) for n, ((_, _, seed), cell) in enumerate(cells.items())}
    means = mad.accuracies(cells, known, 2)
    page = mad.written(means, argparse.Namespace(steps=10, batch=4, rate=1e-3, seeds=2))
    assert "over seeds" in page
    assert all(row in page for row in mad.PUBLISHED)
    error = (0.0 + 0.11) / 2
    assert f"| Transformer | SA-1 | {100 * (1 - error):.1f} ± 5.5 |" in page


def test_the_page_of_mqar_counts_the_best_rate(monkeypatch):
    def known(cells, *_):
        return {one.key: Score(abs(one.budget["learning_rate"] - 3e-3), 0.001, 128.0) for one in cells}

    monkeypatch.setattr(mqar, "scores", known)
    chosen = argparse.Namespace(steps=100, batch=4, width=64, symbols=256, rates=[1e-3, 3e-3], workers=1)
    page = mqar.written(chosen, ("SA-1", "GConv-1"))
    assert "| SA-1 | 128 B | 100.0 ± 0.1 | 100.0 ± 0.1 |" in page
    assert json.loads(mqar.cell("SA-1", 64, 4, 1e-3, chosen).key)["task"]["pairs"] == 4
