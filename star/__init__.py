"""Architectures as PyTorch: build, cost, check, generate, export."""

from star.backbone import Backbone
from star.build import build
from star.cost import Cost, LIVCost, cost
from star.export import export, load, weights
from star.generate import generate

__all__ = ["Backbone", "Cost", "LIVCost", "build", "cost", "export", "generate", "load", "weights"]
