"""The evolutionary search: it proposes genomes, has them evaluated, and records every candidate."""
