"""Structures of which each token takes some routes: memories, clusters or experts."""
