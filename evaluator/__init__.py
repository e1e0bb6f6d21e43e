"""Genomes in, evaluations out: training and measuring candidates, in this process or on Ray."""
