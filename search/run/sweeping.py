"""Deleting artifacts that no row refers to. A store that does not answer keeps them until the next sweep."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Set

from evaluator.artifacts import TEMPORARY, ArtifactError, Artifacts
from search.archive.runner_values import InFlight
from search.run.request import folder_of

log = logging.getLogger(__name__)


def sweep(store: Artifacts, job_id: str, kept: Set[str], going_on: Iterable[InFlight]) -> None:
    """Delete the artifacts of a job that dead runners and their workers left.

    Args:
        kept: the keys that a row refers to.
        going_on: trainings that will be begun again; what they wrote stays, but for files that were never finished.
    """
    folders = tuple(f"{folder_of(job_id, one)}/" for one in going_on)
    try:
        found = store.keys(job_id)
    except ArtifactError as error:
        log.warning("%s", error)
        return
    needed = {key for key in found if key.startswith(folders) and not key.endswith(TEMPORARY)}
    delete(store, [key for key in found if key not in kept and key not in needed])


def delete(store: Artifacts, keys: Iterable[str]) -> None:
    """Delete artifacts, and log in one line that some cannot be deleted."""
    refused: list[ArtifactError] = []
    for key in keys:
        try:
            store.delete(key)
        except ArtifactError as error:
            refused.append(error)
    if refused:
        others = f", and {len(refused) - 1} others cannot be deleted either" if len(refused) > 1 else ""
        log.warning("%s%s", refused[0], others)
