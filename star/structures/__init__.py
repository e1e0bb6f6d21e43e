"""How tokens are mixed: one file per structure of T."""

from genome.alphabet import Sparsity, TokenMixing
from star.structures.delta import Delta
from star.structures.diagonal import Diagonal
from star.structures.jagged import Jagged
from star.structures.low_rank import LowRank
from star.structures.semi_separable import SemiSeparable
from star.structures.structure import Features, Structure
from star.structures.toeplitz import Toeplitz

STRUCTURES: dict[tuple[TokenMixing, Sparsity], type[Structure]] = {
    (TokenMixing.DIAGONAL, Sparsity.NONE): Diagonal,
    (TokenMixing.LOW_RANK, Sparsity.NONE): LowRank,
    (TokenMixing.LOW_RANK, Sparsity.BANDED): LowRank,
    (TokenMixing.TOEPLITZ, Sparsity.NONE): Toeplitz,
    (TokenMixing.SEMI_SEPARABLE, Sparsity.NONE): SemiSeparable,
    (TokenMixing.SEMI_SEPARABLE, Sparsity.BANDED): Jagged,
    (TokenMixing.DELTA, Sparsity.NONE): Delta,
    (TokenMixing.DELTA, Sparsity.BANDED): Jagged,
}
"""What mixes tokens, by the operator's second and third digit; `genome.legality.SPARSITIES` admits just these."""

__all__ = ["STRUCTURES", "Features", "Structure"]
