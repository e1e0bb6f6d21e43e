"""Causal convolutions of outer products of keys and values, read by queries."""
