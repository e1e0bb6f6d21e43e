"""Trackers of experiments: what searches and trainings report, and one file for each tracker that takes it."""

from search.tracking.reporting import Reporting
from search.tracking.table import require_trackers, trackers
from search.tracking.tracker import Outcome, Run, State, Tracker

__all__ = ["Outcome", "Reporting", "Run", "State", "Tracker", "require_trackers", "trackers"]
