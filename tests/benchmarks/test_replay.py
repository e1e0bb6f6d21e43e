"""The comparison of algorithms on recorded trainings: its rows run, and the default is worth being the default."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def replay() -> Iterator[Any]:
    """The script for 40 trainings a search."""
    import replay

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(replay, "AT", (20, 40))
        yield replay


def test_the_default_beats_random_sampling_and_selection_after_forty_trainings(replay: Any) -> None:
    rows = ("surrogate (default)", "random", "nsga2")
    best, *rivals = (np.array([replay.searched(row, seed)["volumes"][-1] for seed in range(4)]) for row in rows)
    for rival in rivals:
        standard_error = np.sqrt((np.var(best, ddof=1) + np.var(rival, ddof=1)) / 4)
        assert best.mean() - rival.mean() > 2 * standard_error


def test_a_search_is_repeated_exactly_and_a_report_is_written(replay: Any) -> None:
    results = [replay.searched(row, seed) for row in ("random", "aging") for seed in (0, 1)]
    again = replay.searched("aging", 1)
    assert again["volumes"] == results[-1]["volumes"]
    found = replay.summary(results)
    assert set(found["rows"]) == {"random", "aging"}
    text = replay.written(found, replay.AT)
    assert len([line for line in text.splitlines() if line.startswith(("| random", "| aging"))]) == 2


def test_searches_that_were_kept_are_not_run_again(
    replay: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "replay.jsonl"
    first = replay.run(("random",), 2, 1, kept)
    both = replay.run(("random", "star, population 16"), 2, 1, kept)
    assert [one["row"] for one in both] == ["random", "random", "star, population 16", "star, population 16"]
    assert both[0]["volumes"] == first[0]["volumes"]
    monkeypatch.setattr(replay, "searched", None)
    again = replay.run(("random", "star, population 16"), 2, 1, kept)
    assert replay.summary(again)["rows"] == replay.summary(both)["rows"]
