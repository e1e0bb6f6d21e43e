"""The archive of all jobs and candidates, and its contract.

**Transactions.** Every method is one transaction: it happens as a whole or not at all, and it either returns or
raises. On SQLite writers begin immediately and wait for each other; methods that only read use an engine that
cannot write, and never wait for a writer.

**Claims.** A runner works on a job under a `Claim`. The claim holds while its number of attempt is the job's
latest one and its lease has not been given up; a heartbeat extends the lease. Once the lease has run out, another
runner may claim the job, which gives the job a higher attempt. Every method that takes a claim raises
`LeaseLostError` when the claim no longer holds, and then nothing was written.

**Trainings.** A candidate is trained once for each seed and number of tokens. A training whose attempt was lost is
begun again under a higher attempt; the outcome of an earlier attempt is not recorded.

**Repeats.** A runner that got no answer, because the connection broke, may repeat its latest write of a candidate or a
training: what was written the first time is returned and not written again.

**Injections.** A genome that somebody asks for waits in the archive until a candidate with its digest is proposed,
which answers it in the same transaction. A job does not succeed while one waits.

**The evolution.** A proposal and an outcome are recorded together with the state of the evolution after them, so
that the next runner of a job resumes the same search. The state outlives the job's end.

**Time.** All times come from the clock of the database, which all processes share. If it goes back, a lease seems to
run for longer; a runner ends one that nobody extends by its own clock.
"""

from __future__ import annotations

from search.archive.candidate_writes import CandidateWrites
from search.archive.claims import Claims
from search.archive.custody.again import Again
from search.archive.custody.disk import Disk
from search.archive.custody.keeping import Keeping
from search.archive.custody.keyring import Keyring
from search.archive.custody.outbox import Outbox
from search.archive.custody.runners import Runners
from search.archive.custody.webhooks import Webhooks
from search.archive.events import Events
from search.archive.job_writes import JobWrites
from search.archive.listing.ancestors import Descent
from search.archive.listing.candidates import CandidateLists
from search.archive.points.reads import PointReads
from search.archive.queries import Queries
from search.archive.reports import Reports
from search.archive.resuming import Resuming


class Archive(
    JobWrites,
    Keeping,
    Again,
    Claims,
    CandidateWrites,
    Resuming,
    Reports,
    Queries,
    CandidateLists,
    Descent,
    PointReads,
    Events,
    Keyring,
    Runners,
    Webhooks,
    Outbox,
    Disk,
):
    """A database of searches: the public methods of its parts in one object.

    | part | for | methods |
    |---|---|---|
    | `JobWrites` | people | `create_job`, `act`, `inject` |
    | `Keeping` | people | `change_job`, `ended_before`, `condemn_job`, `delete_job` |
    | `Again` | both | `ask_again`, `asked_again` |
    | `Claims` | runners | `claim`, `heartbeat`, `release`, `hand_back`, `pass_on`, `put_off`, `finish`, |
    | | | `end_lease` |
    | `CandidateWrites` | runners | `propose`, `begin`, `retry`, `record` |
    | `Resuming` | runners | `in_flight`, `waiting`, `past`, `past_trainings`, `take_over`, |
    | | | `kept_weights`, `artifacts`, `long_leases`, `others_wait`, `set_reference` |
    | `Reports` | people | `totals`, `predictions`, `climbs`, `finalists`, `spans` |
    | `Queries` | both | `jobs`, `job`, `candidate`, `frontier`, `children`, `child_count`, `trainings`, |
    | | | `history` |
    | `CandidateLists` | people | `candidates` |
    | `Descent` | people | `ancestors` |
    | `PointReads` | both | `last_event_of`, `point_rows` |
    | `Events` | both | `events`, `last_event`, `thinnable`, `thin` |
    | `Keyring` | operators | `create_key`, `api_keys`, `has_keys`, `keyless`, `key_of`, `revoke_key`, |
    | | | `unfinished_jobs` |
    | `Runners` | runners | `report_runner`, `dismiss_runner`, `runners` |
    | `Webhooks` | operators | `create_webhook`, `webhooks`, `delete_webhook`, `messages` |
    | `Disk` | operators | `stored` |
    | `Outbox` | servers | `claim_delivery`, `record_delivery` |
    | `Transactions` | processes | `migrate`, `schema`, `close` |

    Args:
        url: `sqlite:///path` or `postgresql://user:password@host/name`.

    Raises:
        ValueError: the URL names no SQLite file and no PostgreSQL database.
    """
