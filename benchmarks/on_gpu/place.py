"""The place of a benchmark for GPUs: this machine's GPU or, for a dry run, its CPU; and the file of its results."""

from __future__ import annotations

import argparse
import json
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

import torch

PACKAGES = ("torch", "triton", "fla-core")


class Place(NamedTuple):
    """Where a benchmark runs.

    Attributes:
        device: a GPU, or the CPU in a dry run.
        dry: whether this is only to see that the benchmark runs: tiny sizes, and times that mean nothing.
        results: the file for the results.
    """

    device: torch.device
    dry: bool
    results: Path

    @property
    def facts(self) -> dict[str, Any]:
        """The name of the card, the date and the versions, as JSON."""
        name = torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else "cpu"
        return {"device": name, "dry": self.dry, "date": datetime.now(UTC).date().isoformat(), **_versions()}

    def synchronise(self) -> None:
        """Wait until the device has done all that was launched."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def write(self, **results: Any) -> None:
        """Write facts and results to the file."""
        self.results.parent.mkdir(parents=True, exist_ok=True)
        self.results.write_text(json.dumps({**self.facts, **results}, indent=2) + "\n")
        print(f"Written: {self.results}")


def asked(documentation: str | None, results: str) -> Place:
    """Read the command line. Where a GPU is needed and there is none, say so and exit with status 0.

    Args:
        documentation: of the script, whose first line describes the command.
        results: the default file for the results.
    """
    options = argparse.ArgumentParser(description=(documentation or "").partition("\n")[0])
    options.add_argument("--json", type=Path, default=Path(results), help="file for the results")
    options.add_argument("--dry", action="store_true", help="go through everything at tiny sizes on the CPU")
    given = options.parse_args()
    if not given.dry and not torch.cuda.is_available():
        print(
            "Not run: there is no GPU here. Nothing was measured. With --dry, everything runs at tiny sizes on the CPU."
        )
        sys.exit(0)
    place = Place(torch.device("cpu" if given.dry else "cuda"), given.dry, given.json)
    print(", ".join(f"{name}: {fact}" for name, fact in place.facts.items()))
    if place.dry:
        print("A dry run: the figures mean nothing.")
    return place


def spread(values: list[float]) -> dict[str, float]:
    """Return the least, the median and the largest of some values."""
    ordered = sorted(values)
    return {"least": ordered[0], "median": ordered[len(ordered) // 2], "most": ordered[-1]}


def _versions() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found
