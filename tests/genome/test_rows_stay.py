"""Every row is what it was when it was first published: genomes, plans and jobs that are stored name rows and digits.

`python -m tests.genome.test_rows_stay` adds new rows to `rows.json`; it changes none that are there.
"""

import json
from pathlib import Path
from typing import Any

from genome import CLASSES, FEATURIZERS, Genome, Space, decode

FILE = Path(__file__).with_name("rows.json")


def _now() -> dict[str, Any]:
    return {
        "classes": {str(row.id): [row.name, list(row.operator.digits), row.differential] for row in CLASSES},
        "featurizers": {str(row.id): row.to_json()["groups"] for row in FEATURIZERS},
    }


def _published() -> dict[str, Any]:
    published: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return published


def test_rows_keep_their_names_and_digits() -> None:
    assert _now() == _published(), "a row changed, or a new one is not in rows.json"


def test_the_text_of_a_stored_space_decodes_to_the_rows_of_the_catalogue() -> None:
    stored = _published()
    for number, (name, digits, differential) in stored["classes"].items():
        row = {"id": number, "name": name, "digits": digits, "differential": differential, "source": "", "says": ""}
        featurizer = {"id": digits[0], "groups": stored["featurizers"][str(digits[0])]}
        space = Space.from_json(Space.of(depth=1).to_json() | {"classes": [row], "featurizers": [featurizer]})
        genome = Genome.parse(f"{number}.1.1.1.1")
        assert decode(genome, space) == decode(genome, Space.of([name], depth=1)), name


if __name__ == "__main__":
    now, published = _now(), _published()
    merged = {kind: now[kind] | published[kind] for kind in now}
    lines = (
        f" {json.dumps(kind)}: {{\n"
        + ",\n".join(f"  {json.dumps(key)}: {json.dumps(row)}" for key, row in rows.items())
        + "\n }"
        for kind, rows in merged.items()
    )
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
