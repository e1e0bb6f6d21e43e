"""The operator contract: the properties that every architecture must have before a search may trust its metrics."""

from star.contract.checks import CHECKS, check, examine
from star.contract.report import Breach, Report

__all__ = ["CHECKS", "Breach", "Report", "check", "examine"]
