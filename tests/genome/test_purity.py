"""The package genome imports no framework."""

import subprocess
import sys

FRAMEWORKS = ("torch", "numpy", "triton", "ray", "sqlalchemy", "fastapi", "pydantic", "pymoo")


def test_importing_and_decoding_take_nothing_but_python() -> None:
    code = f"""
import sys
frameworks = {FRAMEWORKS}
for name in frameworks:
    sys.modules[name] = None  # importing it raises ImportError
import genome
space = genome.Space.of(["SA-2", "SA-3"], depth=4)
text = genome.Genome.parse("21211-31112-21221-31112")
assert genome.encode(genome.decode(text, space), space) == text.canonical()
genome.digest(text, space)
genome.Space.from_json(space.to_json())
assert not [name for name in frameworks if sys.modules[name]]
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
