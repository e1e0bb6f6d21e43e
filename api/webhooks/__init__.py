"""Webhooks: signed messages about the ends of searches, and the guard that keeps them from internal addresses."""
