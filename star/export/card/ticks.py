"""Round values between the ends of an axis."""

from __future__ import annotations

import math

COUNT = 5
"""About so many values are on an axis."""


def round_values(low: float, high: float) -> list[float]:
    """Return the multiples of 1, 2 or 5 times a power of ten from `low` to `high`, which is larger."""
    rough = (high - low) / COUNT
    power = math.floor(math.log10(rough))
    step = min((digit * 10.0**power for digit in (1, 2, 5, 10)), key=lambda one: abs(math.log(one / rough)))
    first, last = math.ceil(low / step), math.floor(high / step)
    return [float(f"{number * step:.12g}") for number in range(first, last + 1)]


def powers_of_ten(low: float, high: float) -> list[float]:
    """Return 1, 2 and 5 times powers of ten from 10 ** `low` to 10 ** `high`; of a wide range some powers alone."""
    digits = (1, 2, 5) if high - low < COUNT - 1 else (1,)
    powers = range(math.floor(low), math.ceil(high) + 1, math.ceil((high - low) / (2 * COUNT)))
    values = [float(f"{digit}e{power}") for power in powers for digit in digits]
    return [value for value in values if low <= math.log10(value) <= high]
