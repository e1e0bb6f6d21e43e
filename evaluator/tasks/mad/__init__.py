"""The six tasks of MAD, mechanistic architecture design (Poli et al. 2024, arXiv 2403.17844)."""
