"""Reports to any number of trackers, from a thread for each, so that none of them can stop or delay a search."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from queue import Full, Queue

from search.run.patience import Outage
from search.tracking.tracker import Outcome, Run, State, Tracker

log = logging.getLogger(__name__)

MOST_WAITING = 10_000
"""Reports that wait for one tracker; further ones are lost, and the loss is logged."""

CLOSE_SECONDS = 10.0
"""Seconds that the trackers have together for what still waits when a process ends."""

Report = Callable[[Tracker], None]


class Reporting:
    """Passes reports on to all trackers. Every method returns at once, and none raises for what a tracker does.

    A report that a tracker does not take is lost for this tracker. The reason is logged when it appears, and the
    number of lost reports when the tracker takes one again.
    """

    def __init__(self, trackers: Sequence[Tracker] = ()) -> None:
        self._lines = [_Line(tracker) for tracker in trackers]

    def __bool__(self) -> bool:
        """Whether there is a tracker."""
        return bool(self._lines)

    def begin(self, run: Run) -> None:
        """Begin a run, or go on with it."""
        for line in self._lines:
            line.begin(run)

    def outcome(self, outcome: Outcome) -> None:
        """Report the outcome of a training of a candidate."""
        self._report(lambda tracker: tracker.outcome(outcome))

    def progress(self, step: int, values: Mapping[str, float]) -> None:
        """Report values of the run itself at a step."""
        self._report(lambda tracker: tracker.progress(step, values))

    def export(self, name: str, address: str) -> None:
        """Report the address of a trained model."""
        self._report(lambda tracker: tracker.export(name, address))

    def end(self, state: State) -> None:
        """End the reports on the run, if one began."""
        for line in self._lines:
            line.end(state)

    def close(self, seconds: float = CLOSE_SECONDS) -> None:
        """Wait until the trackers have taken what waits, for so many seconds at most. No report may follow."""
        until = time.monotonic() + seconds
        for line in self._lines:
            line.close()
        for line in self._lines:
            line.join(until - time.monotonic())

    def _report(self, report: Report) -> None:
        for line in self._lines:
            line.put(report)


class _Line:
    """The reports that wait for one tracker, and the thread that passes them on.

    A run that the tracker could not begin is begun again before each further report on it.
    """

    def __init__(self, tracker: Tracker) -> None:
        self._tracker = tracker
        self._queue: Queue[Report | None] = Queue(MOST_WAITING)
        self._outage = Outage(f"the tracker {tracker.name} does not take reports")
        self._full = False
        self._run: Run | None = None
        self._begun = False
        self._thread = threading.Thread(target=self._pass_on, name=f"tracker {tracker.name}", daemon=True)

    def begin(self, run: Run) -> None:
        def begin(tracker: Tracker) -> None:
            self._run, self._begun = run, False
            self._require_begun()

        if not self._thread.is_alive():
            self._thread.start()
        self.put(begin)

    def end(self, state: State) -> None:
        def end(tracker: Tracker) -> None:
            begun, self._run, self._begun = self._begun, None, False
            if begun:
                tracker.end(state)

        self.put(end)

    def put(self, report: Report | None) -> None:
        try:
            self._queue.put_nowait(report)
            self._full = False
        except Full:
            if not self._full:
                log.warning("the tracker %s is too slow: further reports are lost", self._tracker.name)
            self._full = True

    def close(self) -> None:
        self.put(None)

    def join(self, seconds: float) -> None:
        if not self._thread.is_alive():
            return
        self._thread.join(max(0.0, seconds))
        if self._thread.is_alive():
            log.warning("the tracker %s did not take its last reports in time", self._tracker.name)

    def _require_begun(self) -> None:
        if self._run is not None and not self._begun:
            self._tracker.begin(self._run)
            self._begun = True

    def _pass_on(self) -> None:
        while (report := self._queue.get()) is not None:
            try:
                self._require_begun()
                report(self._tracker)
            except Exception as error:  # of whatever kind a tracker, its server or its disk raises
                self._outage.met(error)
            else:
                self._outage.over()
