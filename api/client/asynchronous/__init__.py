"""The client for asynchronous programs, from which `write_synchronous.py` writes the one for programs that wait."""
