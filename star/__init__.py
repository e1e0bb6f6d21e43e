"""Architectures as PyTorch: build, cost, check, generate, export."""

from star.backbone import Backbone
from star.build import build
from star.contract import CHECKS, Report, check
from star.cost import Cost, LIVCost, cost
from star.export import export, load, weights
from star.footprint import Footprint, footprint
from star.generate import generate

__all__ = [
    "CHECKS",
    "Backbone",
    "Cost",
    "Footprint",
    "LIVCost",
    "Report",
    "build",
    "check",
    "cost",
    "export",
    "footprint",
    "generate",
    "load",
    "weights",
]
