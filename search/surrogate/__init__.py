"""The model of quality that the surrogate search learns, and the expected improvement by which it chooses."""
