"""`docs/objectives.md` is the table of metrics: `python docs/write_objectives.py` writes it anew."""

import runpy
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"


def test_the_page_of_objectives_is_up_to_date():
    page = runpy.run_path(str(DOCS / "write_objectives.py"))["page"]
    assert page() == (DOCS / "objectives.md").read_text(encoding="utf-8"), "stale: run python docs/write_objectives.py"
