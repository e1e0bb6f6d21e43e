"""Distillation of a trained model: its long filters become recurrences of a few modes, all else stays as it is."""

from star.distillation.distilled import distil
from star.distillation.fits import DistilError
from star.distillation.orders import GENERATORS, ORDERS

__all__ = ["GENERATORS", "ORDERS", "DistilError", "distil"]
