"""Variation: sampling, mutation and recombination of genomes, and sampling and mutation of classes."""
