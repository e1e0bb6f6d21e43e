"""The page on exports has every format as the table of formats describes it."""

from __future__ import annotations

from pathlib import Path

from star.export import FORMATS

PAGE = Path(__file__).parents[3] / "docs" / "export.md"


def test_the_page_lists_all_formats_and_no_others() -> None:
    lines = (
        PAGE.read_text(encoding="utf-8").split("| how to load |\n|---|---|---|---|\n")[1].split("\n\n")[0].splitlines()
    )
    told = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert [row[:3] for row in told] == [
        [f"`{name}`", form.description, ", ".join(form.needs)] for name, form in FORMATS.items()
    ]
    assert all(len(row) == 4 and row[3] for row in told)
