"""The work of a process that migrates the database and then claims jobs until there are none."""

from __future__ import annotations

from collections.abc import Callable

from search.archive import Archive
from search.archive.values import JobState
from search.evolution.proposal import Proposal
from search.origin import Variation
from search.plan import Plan


def claim_all(url: str, name: str, wait: Callable[[], object]) -> list[str]:
    """Migrate when every process waits, claim when every process has migrated, and return the claimed jobs."""
    wait()
    archive = Archive(url)
    archive.migrate()
    wait()
    wait()
    claimed = []
    genome = Plan().baseline_genomes()["Transformer++"]
    while claim := archive.claim(name, 60):
        for n in range(3):
            proposal = Proposal(genome, f"{n:016x}", 0, 2048, (), Variation.SAMPLE, None, 1, 0)
            archive.propose(claim, proposal, {"n": n})
            archive.heartbeat(claim)
        archive.finish(claim, JobState.SUCCEEDED)
        claimed.append(claim.job_id)
    archive.close()
    return claimed
