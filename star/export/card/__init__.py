"""The model card: what a model is, how good it is and where it comes from, for people."""

from star.export.card.card import PICTURE_FILE, README_FILE, write

__all__ = ["PICTURE_FILE", "README_FILE", "write"]
