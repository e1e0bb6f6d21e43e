"""Tasks: what candidates are trained on and how their answers are scored, one file for each task."""
