"""The operator contract: what every architecture must hold before a search may believe its numbers."""

from star.contract.checks import CHECKS, Report, check, examine

__all__ = ["CHECKS", "Report", "check", "examine"]
