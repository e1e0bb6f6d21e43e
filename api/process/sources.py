"""Where settings come from: options of the command line, the environment, the file `.env`, and a TOML file."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Collection
from pathlib import Path
from typing import Any

from pydantic import AliasChoices
from pydantic_settings import BaseSettings, DotEnvSettingsSource, EnvSettingsSource, InitSettingsSource

FILE, VARIABLE = "star.toml", "STAR_CONFIG"
"""The file in the working directory that is read if it is there, and the variable that names another one."""


class ConfigFile(InitSettingsSource):
    """The settings in a TOML file: its keys are the names of the settings, without tables.

    Raises:
        ValueError: the file is not there although it is named, is no TOML, or has a key that is no setting.
    """

    def __init__(self, settings: type[BaseSettings]) -> None:
        super().__init__(settings, _read(config_path(), sorted(settings.model_fields)))


def config_path() -> Path:
    """Return the path of the file, which need not be there unless the environment names it."""
    return Path(os.environ.get(VARIABLE) or FILE)


def _read(path: Path, legal: list[str]) -> dict[str, Any]:
    if VARIABLE not in os.environ and not path.is_file():
        return {}
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"{VARIABLE}: {path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise ValueError(f"{path} is not TOML: {error}") from None
    unknown = [name for name in found if name not in legal]
    if unknown:
        raise ValueError(f"{path}: unknown setting {', '.join(unknown)}; legal: {', '.join(legal)}")
    return found


def origins(settings: type[BaseSettings], options: Collection[str]) -> dict[str, str]:
    """Return for each setting that is not at its default which source decides it.

    Args:
        options: names of the settings that an option of the command line gave.
    """
    sources = {
        str(config_path()): ConfigFile(settings),
        ".env": DotEnvSettingsSource(settings),
        "environment": EnvSettingsSource(settings),
    }
    found = {_field(settings, key): origin for origin, source in sources.items() for key in source()}
    return found | dict.fromkeys(options, "option")


def _field(settings: type[BaseSettings], key: str) -> str:
    """Return the name of the setting that a source gives under a name or an alias."""
    for name, info in settings.model_fields.items():
        alias = info.validation_alias
        if isinstance(alias, AliasChoices) and key in alias.choices:
            return name
    return key
