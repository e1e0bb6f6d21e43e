"""Links between the pages of this project lead somewhere."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_every_link_to_a_file_leads_to_one() -> None:
    listed = subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    links = [
        (page, link)
        for page in listed.splitlines()
        for link in re.findall(r"\]\(([^)\s#:]+)(?:#[^)]*)?\)", (ROOT / page).read_text(encoding="utf-8"))
    ]
    assert len(links) > 20
    assert [(page, link) for page, link in links if not ((ROOT / page).parent / link).exists()] == []


def test_every_page_that_is_named_is_there() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "*.md", "*.py", "*.js"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    named = {
        (file, page)
        for file in listed.splitlines()
        if not file.startswith("benchmarks/")  # some of their reports are written on request
        for page in re.findall(r"docs/[a-z/-]+\.md", (ROOT / file).read_text(encoding="utf-8"))
    }
    assert named
    assert sorted((file, page) for file, page in named if not (ROOT / page).is_file()) == []
