"""What is measured of a candidate on request: times in a quiet slot, memory, diagnostics and signals."""
