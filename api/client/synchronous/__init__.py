"""The client for programs that wait, written from the asynchronous one by `write_synchronous.py`."""
