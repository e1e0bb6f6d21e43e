"""The engine benchmark measures what its page says."""

from types import SimpleNamespace

import engine
import numpy as np
import pytest
from reports.engine import written


@pytest.fixture
def scored(monkeypatch):
    """No trainings are needed to keep workers busy: any quality will do."""
    costs = {"parameters": 1.0, "cache_bytes": 1.0}
    truth = SimpleNamespace(costs=lambda genome, space: costs, quality=lambda text: float(len(text)))
    monkeypatch.setattr(engine, "oracle", lambda: truth)


@pytest.mark.slow
def test_workers_are_busy_without_a_barrier_and_wait_with_one(scored):
    free, barrier = (engine.worked(algorithm, 0, candidates=96) for algorithm in ("random", "star"))
    assert free["busy"] > 0.99
    assert barrier["busy"] < 0.6
    assert free["busy_to_end"] < free["busy"]
    assert free["hours"] < barrier["hours"]


@pytest.mark.slow
def test_quick_candidates_report_first(scored, monkeypatch):
    monkeypatch.setattr(engine, "FIRST", (16, 48, 96))
    found = engine.worked("random", 0, candidates=96)
    assert found["bias"] == sorted(found["bias"])
    assert found["bias"][-1] == pytest.approx(1.0)


@pytest.mark.slow
def test_a_job_is_recorded_with_many_candidates_in_flight():
    found = engine.recorded(40, 20)
    assert found["in_flight"] == 40
    assert all(np.isfinite(rate) and rate > 0 for rate in (*found["begun"], *found["results"]))


def test_the_page_has_a_row_for_each_algorithm_protocol_and_number_in_flight():
    ran = {"busy": 0.5, "busy_to_end": 0.4, "bias": [0.3, 0.6], "ask": 0.001, "hours": 1.0}
    found = {
        "date": "2026-01-01", "workers": 16, "candidates": 240, "median": 30.0, "sigma": 1.0, "first": (16, 48),
        "worked": {"random": [ran], "star": [ran, ran]},
        "recorded": [{"in_flight": 10_000, "begun": [9.0, 8.0], "results": [7.0, 6.0], "megabytes": 5.0}],
    }  # fmt: skip
    page = written(found)
    assert "| star | 2 | 50.0% (least 50.0%) | 40.0% | 1.0 |" in page
    assert "| generational (star) | 0.30 | 0.60 |" in page
    assert "| 10,000 | 9 | 7 | 6 | 5 |" in page
