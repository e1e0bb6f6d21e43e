"""Linear recurrences with a (key, value) state per head."""
