"""Architectures as PyTorch: build, cost, check, generate, export."""

from star.analysis.cost import Cost, LIVCost, cost
from star.analysis.footprint import Footprint, footprint
from star.analysis.state_size import StateSize, state_sizes
from star.backbone import Backbone
from star.build import build
from star.cache import Cache
from star.contract.checks import CHECKS, check
from star.contract.report import Breach, Report
from star.distillation import DistilError, distil
from star.export import convert, export, load, weights
from star.generate import generate, prefill

__all__ = [
    "CHECKS",
    "Backbone",
    "Breach",
    "Cache",
    "Cost",
    "DistilError",
    "Footprint",
    "LIVCost",
    "Report",
    "StateSize",
    "build",
    "check",
    "convert",
    "cost",
    "distil",
    "export",
    "footprint",
    "generate",
    "load",
    "prefill",
    "state_sizes",
    "weights",
]
