"""The quiet slot between real processes: what shares it, what has it alone, and what a killed holder leaves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from evaluator.measuring import slot as slots
from evaluator.measuring.slot import QuietSlot

HOLDER = """
import sys, time
from pathlib import Path
from evaluator.measuring.slot import QuietSlot
slot = QuietSlot(Path(sys.argv[1]))
with getattr(slot, sys.argv[2])():
    print("in", flush=True)
    time.sleep(600)
"""

TRAINING = """
import dataclasses, json, sys, time
from evaluator import train
from evaluator.evaluate import evaluate
from tests.evaluator.test_evaluate import TEXT, changed

compute = train.add_gradients

def told(*arguments):
    began = time.monotonic()
    result = compute(*arguments)
    print(json.dumps([began, time.monotonic()]), flush=True)
    return result

train.add_gradients = told
evaluate(changed(TEXT, steps=100_000, seconds=600))
"""


@contextmanager
def running(program: str, *arguments: object, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """A Python program as a process that has printed its first line."""
    command = [sys.executable, "-c", program, *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1", **environment}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline()
            yield process
        finally:
            process.kill()


@pytest.fixture
def slot(tmp_path: Path) -> Iterator[QuietSlot]:
    with closing(QuietSlot(tmp_path)) as opened:
        yield opened


@pytest.mark.slow
def test_no_step_of_another_process_overlaps_a_measurement(slot: QuietSlot, tmp_path: Path) -> None:
    measured = []
    with running(TRAINING, TMPDIR=str(tmp_path)) as training:
        for _ in range(3):
            time.sleep(0.2)
            with slot.alone() as quiet:
                began = time.monotonic()
                time.sleep(0.3)
                measured.append((began, time.monotonic()))
                assert quiet
        time.sleep(0.3)
        training.kill()
        assert training.stdout is not None
        lines = training.stdout.read().splitlines()
    steps = [json.loads(line) for line in lines if line.endswith("]")]
    for began, ended in measured:
        assert not [step for step in steps if step[0] < ended and step[1] > began]
    for moment in (measured[0][0], *(ended for _, ended in measured)):
        assert any(step[0] > moment for step in steps), "it goes on after each measurement"
    assert any(step[1] < measured[0][0] for step in steps)


@pytest.mark.parametrize("kind", ["alone", "shared"])
def test_a_killed_holder_frees_the_slot(slot: QuietSlot, tmp_path: Path, kind: str) -> None:
    with running(HOLDER, tmp_path, kind) as holder:
        assert slot.wanted == (kind == "alone")
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait()
        assert not slot.wanted
        with slot.alone() as quiet:
            assert quiet
        with slot.shared():
            pass


def test_a_measurement_beside_a_training_that_does_not_stop_says_so(
    slot: QuietSlot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slots, "PATIENCE_SECONDS", 0.05)
    with closing(QuietSlot(tmp_path)) as other, other.shared():
        with slot.alone() as quiet:
            assert not quiet
            assert other.wanted
        assert not other.wanted


def test_a_training_goes_on_beside_a_measurement_that_does_not_end(
    slot: QuietSlot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slots, "PAUSE_SECONDS", 0.05)
    with closing(QuietSlot(tmp_path)) as other, other.alone(), slot.shared():
        slot.give_way()
        assert slot.wanted


def test_trainings_share_the_slot(slot: QuietSlot, tmp_path: Path) -> None:
    with closing(QuietSlot(tmp_path)) as other, other.shared(), slot.shared():
        assert not slot.wanted
        assert not other.wanted


def test_a_link_that_somebody_laid_there_is_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "target"
    (tmp_path / f"star-{os.getuid()}-gate.lock").symlink_to(target)
    with pytest.raises(OSError, match="symbolic link"):
        QuietSlot(tmp_path)
    assert not target.exists()
