"""Routes, and the features that each route of a token computes for itself."""
