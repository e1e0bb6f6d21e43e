"""The errors of the archive.

ArchiveError
├── NotFoundError          no such job or candidate
├── IllegalActionError     the job's state does not allow the action
├── KnownGenomeError       the job has this architecture already
├── IdempotencyError       the key was used before for another request
├── SchemaError            the database has the schema of another version
└── LeaseLostError         the claim on the job no longer holds
"""


class ArchiveError(Exception):
    """The archive refused an operation."""


class NotFoundError(ArchiveError, LookupError):
    """There is no such job or candidate."""


class IllegalActionError(ArchiveError):
    """The job's state does not allow the action; the message names the state and the legal actions."""


class KnownGenomeError(ArchiveError):
    """The job has this architecture already; the message names the candidate, or what it waits for."""


class IdempotencyError(ArchiveError):
    """The idempotency key was used before for a different request."""


class SchemaError(ArchiveError):
    """The database has the schema of another version of STAR; the message names both schemas."""


class LeaseLostError(ArchiveError):
    """Another runner has claimed the job meanwhile, or the job has ended."""
