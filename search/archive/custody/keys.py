"""API keys as plain values, and their text: `star_<id>_<secret>`.

The secret has 190 random bits, so a fast hash protects it: nobody can try that many. Only the hash is stored.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import string
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

ALPHABET = string.ascii_letters + string.digits
ID_LENGTH, SECRET_LENGTH = 8, 32
TEXT = re.compile(rf"star_([A-Za-z0-9]{{{ID_LENGTH}}})_([A-Za-z0-9]{{{SECRET_LENGTH}}})")


class Scope(StrEnum):
    """What a key permits; each scope includes those before it.

    `READ`: to look. `SUBMIT`: to submit and steer searches, to export, and to delete its own. `ADMIN`: to delete any,
    and to manage webhooks.
    """

    READ = "read"
    SUBMIT = "submit"
    ADMIN = "admin"

    def permits(self, wanted: Scope) -> bool:
        """Return whether a key of this scope may do what another scope is needed for."""
        order = list(Scope)
        return order.index(self) >= order.index(wanted)


@dataclass(frozen=True)
class ApiKey:
    """A key without its secret. Times are aware, in UTC.

    Attributes:
        id: the part of its text that is no secret.
        name: who has it, for people to read.
        jobs: searches submitted with it that may be unfinished at once; None for any number.
        rate: requests a minute; None for the rate of the service.
        expires_at: the time from which it is refused; None for never.
        used_at: a time shortly before its last use; None if it was never used.
        revoked_at: the time at which it was revoked, or None.
    """

    id: str
    name: str
    scope: Scope
    jobs: int | None
    rate: int | None
    created_at: datetime
    expires_at: datetime | None
    used_at: datetime | None
    revoked_at: datetime | None


def new_text() -> str:
    """Return the text of a new key."""
    id_, secret = ("".join(secrets.choice(ALPHABET) for _ in range(n)) for n in (ID_LENGTH, SECRET_LENGTH))
    return f"star_{id_}_{secret}"


def id_and_hash(text: str) -> tuple[str, str] | None:
    """Return the id of a key's text and the SHA-256 of its secret in hexadecimal, or None if it is no key."""
    found = TEXT.fullmatch(text)
    return (found[1], hashlib.sha256(found[2].encode()).hexdigest()) if found else None
