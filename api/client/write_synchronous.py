"""Writes the client for programs that wait from the asynchronous one: `python -m api.client.write_synchronous`.

Both have the same methods, so each is written once. A test compares the written files with these.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ASYNCHRONOUS = Path(__file__).with_name("asynchronous")
SYNCHRONOUS = Path(__file__).with_name("synchronous")

DOCSTRING = '"""The client for programs that wait, written from the asynchronous one by `write_synchronous.py`."""\n'

WORDS = {
    "async ": "",
    "await ": "",
    "asyncio": "time",
    "asynchronous": "synchronous",
    "AsyncStar": "Star",
    "AsyncClient": "Client",
    "AsyncIterator": "Iterator",
    "aclose": "close",
    "__aenter__": "__enter__",
    "__aexit__": "__exit__",
}
PATTERN = re.compile("|".join(rf"\b{word}" for word in WORDS))


def synchronous_files() -> dict[Path, str]:
    """Return the text of each file of the client for programs that wait."""
    written = {SYNCHRONOUS / path.name: _synchronous(path) for path in sorted(ASYNCHRONOUS.glob("*.py"))}
    return written | {SYNCHRONOUS / "__init__.py": DOCSTRING}


def _synchronous(path: Path) -> str:
    text = PATTERN.sub(lambda word: WORDS[word[0]], path.read_text(encoding="utf-8"))
    for arguments in (("check", "--select", "I,UP028", "--fix", "--unsafe-fixes"), ("format",)):
        command = [sys.executable, "-m", "ruff", *arguments, "--quiet", "--stdin-filename", path.name, "-"]
        text = subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout  # noqa: S603
    return text


if __name__ == "__main__":
    for path, text in synchronous_files().items():
        path.write_text(text, encoding="utf-8")
