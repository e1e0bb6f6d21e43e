"""Analyses of an architecture: its cost, and the part of its state that it uses. No analysis changes a model."""
