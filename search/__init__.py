"""Which genomes to try next, and the record of all that were tried."""
