"""The examples in docs/examples run from their first cell to their last, against a real server with a real runner."""

from __future__ import annotations

import runpy
import threading
from pathlib import Path

import pytest

from evaluator.inline import InlineEvaluator
from search.costs import costs_of, reference
from search.run.runner import Runner
from tests.served import serving

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).parents[1] / "docs" / "examples"


@pytest.mark.parametrize("example", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_an_example_runs(
    example: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stop = threading.Event()
    with serving(tmp_path) as service:
        monkeypatch.setenv("STAR_URL", service.url)
        monkeypatch.setenv("TMPDIR", str(tmp_path))
        monkeypatch.setattr("tempfile.tempdir", None)  # so that the variable is read anew
        runner = Runner(service.archive, InlineEvaluator, service.settings.artifacts, reference, costs_of, "example")
        thread = threading.Thread(target=runner.run_forever, args=(stop,))
        thread.start()
        try:
            found = runpy.run_path(str(example))
        finally:
            stop.set()
            thread.join(60)
    said = capsys.readouterr().out
    assert found["job"].state == "succeeded"
    frontier = found["frontier"]
    assert list(frontier["bits_per_byte"]) == sorted(frontier["bits_per_byte"])
    assert found["losses"][-1] < found["losses"][0]
    assert f"search {found['job'].id} is succeeded" in said
    assert "cache_bytes" in said
    assert Path(found["folder"]).is_relative_to(tmp_path)
