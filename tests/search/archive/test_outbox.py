"""The outbox on both databases: senders share its messages, and a job's end without its message cannot be stored."""

from __future__ import annotations

import pytest

from search.archive import Archive
from search.archive.values import Action, JobState
from search.plan import Plan


def test_one_sender_at_a_time_has_a_message_until_it_is_delivered(archive: Archive, plan: Plan) -> None:
    archive.create_webhook("https://example.org/", "whsec_AAAA")
    archive.act(archive.create_job(plan, "").id, Action.CANCEL)
    delivery = archive.claim_delivery(0)
    again = archive.claim_delivery(60)

    assert delivery is not None
    assert again is not None
    assert (delivery.id, delivery.attempts, again.attempts) == (again.id, 1, 2)
    assert archive.claim_delivery(60) is None  # it is claimed
    archive.record_delivery(delivery, True, "status 200", None)  # too late: another sender has it
    archive.record_delivery(again, False, "status 500", 0.0)
    last = archive.claim_delivery(60)
    assert last is not None
    archive.record_delivery(last, True, "status 200", None)
    assert archive.claim_delivery(60) is None


def test_an_end_is_not_stored_without_its_message(
    archive: Archive, plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive.create_webhook("https://example.org/", "whsec_AAAA")
    job = archive.create_job(plan, "").id
    with monkeypatch.context() as patched:
        patched.setattr("search.archive.custody.outbox.secrets.token_hex", lambda _: 1 // 0)
        with pytest.raises(ZeroDivisionError):
            archive.act(job, Action.CANCEL)

    assert archive.job(job).state == JobState.QUEUED
    assert archive.claim_delivery(60) is None
    archive.act(job, Action.CANCEL)
    assert archive.claim_delivery(60) is not None
