"""Architectures as PyTorch: build, cost, check, generate, export."""

from star.backbone import Backbone
from star.build import build
from star.contract import CHECKS, Report, check
from star.cost import Cost, LIVCost, cost
from star.export import export, load, weights
from star.footprint import Footprint, footprint
from star.generate import generate
from star.state_size import StateSize, state_sizes

__all__ = [
    "CHECKS",
    "Backbone",
    "Cost",
    "Footprint",
    "LIVCost",
    "Report",
    "StateSize",
    "build",
    "check",
    "cost",
    "export",
    "footprint",
    "generate",
    "load",
    "state_sizes",
    "weights",
]
