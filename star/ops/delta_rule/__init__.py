"""The gated delta rule: a linear recurrence whose state replaces the value that it held under a key."""
