"""The search itself, by ask and tell: what is trained next, and why."""
