"""The gated delta rule: a linear recurrence whose state replaces what it held under a key."""
