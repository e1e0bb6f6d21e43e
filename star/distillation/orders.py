"""The orders in which a filter can be distilled, each with the digit of its class."""

from genome.classes.alphabet import Generator

GENERATORS = {
    4: Generator.COMPLEX_MODAL_4,
    8: Generator.COMPLEX_MODAL_8,
    16: Generator.COMPLEX_MODAL_16,
    32: Generator.COMPLEX_MODAL_32,
    64: Generator.COMPLEX_MODAL_64,
}
"""The generator of each order; an order is the real numbers of state for each channel, two for each complex mode."""

ORDERS = tuple(GENERATORS)


def orders_for(length: int) -> tuple[int, ...]:
    """Return the orders with no more free numbers than this many taps; a mode has four."""
    return tuple(order for order in ORDERS if 2 * order <= length)
