"""The files that a task may read, and what is in them."""
