"""The command `star`, one file for each group of commands."""
