"""The archive's class names each of its methods, and its values load without a database library."""

from __future__ import annotations

import re
import subprocess
import sys
from inspect import getdoc, getmembers, isfunction

from search.archive import Archive


def test_the_class_names_each_public_method_and_each_is_documented() -> None:
    public = {name for name, _ in getmembers(Archive, isfunction) if not name.startswith("_")}
    assert set(re.findall(r"`([a-z_]+)`", getdoc(Archive) or "")) == public
    assert all(getdoc(getattr(Archive, name)) for name in public)


def test_states_are_known_without_a_database_library() -> None:
    code = """if True:
        import sys
        from search.archive.values import TERMINAL, JobState
        assert JobState.SUCCEEDED in TERMINAL
        print(sorted({"alembic", "sqlalchemy"} & set(sys.modules)))
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
