"""Models as programs of other software, which need no code of ours.

A model is recorded as two graphs: whole sequences, and the next tokens of sequences with an explicit state.
"""
