"""`docs/catalogue.md` is the catalogue: `python docs/write_catalogue.py` writes it anew."""

import runpy
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

DOCS = Path(__file__).parents[1] / "docs"


def test_the_page_of_the_catalogue_is_up_to_date():
    page = runpy.run_path(str(DOCS / "write_catalogue.py"))["page"]
    assert page() == (DOCS / "catalogue.md").read_text(encoding="utf-8"), "stale: run python docs/write_catalogue.py"
