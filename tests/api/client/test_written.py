"""The client for programs that wait is written from the asynchronous one."""

from __future__ import annotations

from api.client.write_synchronous import SYNCHRONOUS, synchronous_files


def test_the_written_files_are_up_to_date() -> None:
    written = synchronous_files()
    assert set(SYNCHRONOUS.glob("*.py")) == set(written)
    for path, text in written.items():
        assert path.read_text(encoding="utf-8") == text, "stale: run python -m api.client.write_synchronous"
