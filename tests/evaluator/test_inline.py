"""The evaluator inside the search's process: its alarm, and its use outside the main thread."""

import signal
import threading

import pytest

from evaluator.evaluation import Evaluation, Failure
from tests.evaluator.behaviours import asked, good, hangs, outcome

pytestmark = pytest.mark.slow


def test_the_alarm_leaves_other_peoples_alarms_alone(inline):
    def mine(signum, frame):
        raise AssertionError("rang")

    handler = signal.signal(signal.SIGALRM, mine)
    delay, interval = signal.setitimer(signal.ITIMER_REAL, 1000, 500)
    try:
        assert outcome(inline, asked(hangs, seconds=0.1)).failure is Failure.TIMED_OUT
        assert signal.getsignal(signal.SIGALRM) is mine
        remaining, repeated = signal.getitimer(signal.ITIMER_REAL)
        assert 900 < remaining < 1000
        assert repeated == 500
    finally:
        signal.signal(signal.SIGALRM, handler)
        signal.setitimer(signal.ITIMER_REAL, delay, interval)


def test_outside_the_main_thread_the_inline_evaluator_works_without_alarm(inline):
    results: list[Evaluation] = []
    thread = threading.Thread(target=lambda: results.append(outcome(inline, asked(good))))
    thread.start()
    thread.join()
    assert results[0].failure is None
