"""Writing a model in a format."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from star.export import folder as folders
from star.export.exported import Exported
from star.export.formats import NotCarriedError, format_named
from star.export.placing import placed


def require_carried(exported: Exported, format: str) -> None:
    """Check that a model can leave in a format. Nothing is written.

    Raises:
        NotCarriedError: the format cannot carry it.
        ValueError: the format is unknown, the genome is not legal, or the weights do not fit it.
    """
    found = format_named(format)
    _ = exported.model  # refuses weights that do not fit
    refusal = found.refusal(exported)
    if refusal is not None:
        raise NotCarriedError(f"the format {format} cannot carry this model: {refusal}")


def write(exported: Exported, folder: Path, format: str) -> None:
    """Write a model in a format as a folder, whole or not at all. Every format has genome.json.

    Raises:
        NotCarriedError: the format cannot carry it, or a package that writes the format is not installed.
        ValueError: the format is unknown, the genome is not legal, or the weights do not fit it.
        FileExistsError: the folder holds anything but an export of which every file is written again.
    """
    facts = json.loads(json.dumps(dict(exported.facts), sort_keys=True, allow_nan=False))
    exported = replace(exported, facts=facts)  # in one order, so that equal facts give equal bytes
    require_carried(exported, format)
    with placed(folder) as new:
        try:
            format_named(format).write(exported, new)
        except ModuleNotFoundError as error:
            detail = f"the package {error.name} is not installed"
            raise NotCarriedError(f"the format {format} cannot carry this model: {detail}") from error
        if not (new / folders.GENOME_FILE).exists():
            folders.write_description(exported, new)
