"""The ways in which an export fails."""


class DamagedError(Exception):
    """The weights of a candidate lie in the store, but they are damaged or cannot be read."""


class UnsuitableError(Exception):
    """A format cannot carry the model of a candidate; the message says why."""


class InterruptedExportError(Exception):
    """The server stopped while a format was written, or writing it took too long."""
