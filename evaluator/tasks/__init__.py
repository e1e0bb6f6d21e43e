"""Tasks that candidates are trained on. One file declares one task: its fields, metric, demands and data."""
