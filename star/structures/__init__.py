"""How tokens are mixed: one file per structure of T."""

from genome.alphabet import TokenMixing
from star.structures.delta import Delta
from star.structures.diagonal import Diagonal
from star.structures.low_rank import LowRank
from star.structures.semi_separable import SemiSeparable
from star.structures.structure import Features, Structure
from star.structures.toeplitz import Toeplitz

STRUCTURES: dict[TokenMixing, type[Structure]] = {
    structure.digit: structure for structure in (Diagonal, LowRank, Toeplitz, SemiSeparable, Delta)
}

__all__ = ["STRUCTURES", "Features", "Structure"]
