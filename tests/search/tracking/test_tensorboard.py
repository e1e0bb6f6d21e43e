"""Reports to TensorBoard, read back from its event files."""

from __future__ import annotations

from pathlib import Path

import pytest

from search.tracking import Outcome, Run, trackers

accumulator = pytest.importorskip(
    "tensorboard.backend.event_processing.event_accumulator", reason="tensorboard is not installed"
)

RUN = Run("5e1f", "search", "lean", {"budget.steps": 30, "space.classes": "a|b"})


def test_curves_and_texts_are_in_the_folder_of_the_run(tmp_path: Path) -> None:
    (tracker,) = trackers([f"tensorboard:{tmp_path}"])
    tracker.begin(RUN)
    tracker.outcome(Outcome(1, "1.1.1.1.1", 7, 960, "search", {"bits_per_byte": 2.5}))
    tracker.progress(1, {"hypervolume": 0.25})
    tracker.end("interrupted")
    tracker.begin(RUN)
    tracker.outcome(Outcome(3, "2.1.1.1.1", 7, 960, "search", {"bits_per_byte": 2.0}))
    tracker.outcome(Outcome(2, "3.1.1.1.1", 7, 960, "search", {}, "diverged", "loss was not finite"))
    tracker.progress(3, {"hypervolume": 0.5})
    tracker.export("candidate-1", "file:///weights")
    tracker.end("succeeded")

    found = accumulator.EventAccumulator(str(tmp_path / "5e1f"))
    found.Reload()
    assert [(one.step, one.value) for one in found.Scalars("candidate/bits_per_byte")] == [(1, 2.5), (3, 2.0)]
    assert [(one.step, one.value) for one in found.Scalars("hypervolume")] == [(1, 0.25), (3, 0.5)]

    def texts(name: str) -> list[tuple[int, str]]:
        return [(one.step, one.tensor_proto.string_val[0].decode()) for one in found.Tensors(f"{name}/text_summary")]

    assert [step for step, _ in texts("candidate")] == [1, 3, 2]
    for words in ("| genome | 3.1.1.1.1 |", "| seed | 7 |", "| failure | diverged |", "| detail | loss was not"):
        assert words in texts("candidate")[2][1]
    assert "failure" not in texts("candidate")[0][1]
    assert "| budget.steps | 30 |" in texts("parameters")[0][1]
    assert "| space.classes | a&#124;b |" in texts("parameters")[0][1]
    assert texts("export/candidate-1") == [(0, "file:///weights")]
    assert [text for _, text in texts("state")] == ["interrupted", "succeeded"]


def test_a_report_without_a_run_is_an_error(tmp_path: Path) -> None:
    (tracker,) = trackers([f"tensorboard:{tmp_path}"])
    with pytest.raises(RuntimeError, match="no run has begun"):
        tracker.progress(1, {"hypervolume": 0.5})
