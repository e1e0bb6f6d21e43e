"""Causal convolutions over tokens: short and long filters, and filters of state-space models."""
