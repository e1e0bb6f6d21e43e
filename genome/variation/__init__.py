"""How genomes and classes change: sampling, mutation and recombination of genes, and new classes."""
