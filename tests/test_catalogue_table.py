"""The README's table of classes is the catalogue: `python -P tests/test_catalogue_table.py` writes it anew."""

import re
from pathlib import Path

from api.web.routes.catalogue import rows

README = Path(__file__).parent.parent / "README.md"
COLUMNS = ("id", "class", "digits", "structure", "state", "FLOPs a token", "what makes it so", "source")
HEAD = f"| {' | '.join(COLUMNS)} |\n{'|---' * len(COLUMNS)}|\n"


def table() -> str:
    lines = [
        f"| {row['id']} | {row['name']} | {'.'.join(map(str, row['digits']))} | {row['structure'].replace('_', ' ')} "
        f"| {row['state']} | {row['decode_flops']:,} | {row['says']} | {row['source']} |\n"
        for row in rows()
        if not row["differential"]
    ]
    return HEAD + "".join(lines)


def test_the_table_in_the_readme_is_the_catalogue():
    assert table() in README.read_text(encoding="utf-8"), "stale: run python -P tests/test_catalogue_table.py"


if __name__ == "__main__":
    text = README.read_text(encoding="utf-8")
    README.write_text(re.sub(re.escape(HEAD) + r"(\|.*\n)*", lambda _: table(), text), encoding="utf-8")
