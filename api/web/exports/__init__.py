"""Exports of trained candidates: the facts beside a model, its archives, and the process that writes heavy formats."""

from api.web.exports.archives import Exports
from api.web.exports.errors import DamagedError, InterruptedExportError, UnsuitableError
from api.web.exports.place import WeightsPlace

__all__ = ["DamagedError", "Exports", "InterruptedExportError", "UnsuitableError", "WeightsPlace"]
