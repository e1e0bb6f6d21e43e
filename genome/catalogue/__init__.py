"""Named LIV classes as data, one file for each kind of operator: a system of the literature is a row.

Ids are never changed and never reused.
"""

from genome.catalogue.attention import ATTENTION_CLASSES, ATTENTION_FEATURIZERS
from genome.catalogue.banded import BANDED_CLASSES, BANDED_FEATURIZERS
from genome.catalogue.cell import CELL_CLASSES, CELL_FEATURIZERS
from genome.catalogue.convolution import CONVOLUTIONS, FILTERS
from genome.catalogue.delta import DELTA_CLASSES, DELTA_FEATURIZERS
from genome.catalogue.published_filters import PUBLISHED_CONVOLUTIONS, PUBLISHED_FILTERS
from genome.catalogue.published_recurrences import PUBLISHED_RECURRENCES, PUBLISHED_RECURRENT_FEATURIZERS
from genome.catalogue.recurrent import RECURRENT_CLASSES, RECURRENT_FEATURIZERS
from genome.catalogue.routed import ROUTED_CLASSES, ROUTED_FEATURIZERS
from genome.catalogue.star import STAR_CLASSES, STAR_FEATURIZERS
from genome.classes.operator import LIVClass

__all__ = ["CLASSES", "FEATURIZERS", "STAR_CLASSES", "named"]

FEATURIZERS = (
    *STAR_FEATURIZERS,
    *ATTENTION_FEATURIZERS,
    *RECURRENT_FEATURIZERS,
    *BANDED_FEATURIZERS,
    *DELTA_FEATURIZERS,
    *FILTERS,
    *ROUTED_FEATURIZERS,
    *CELL_FEATURIZERS,
    *PUBLISHED_FILTERS,
    *PUBLISHED_RECURRENT_FEATURIZERS,
)


CLASSES = (
    *STAR_CLASSES,
    *ATTENTION_CLASSES,
    *RECURRENT_CLASSES,
    *BANDED_CLASSES,
    *DELTA_CLASSES,
    *CONVOLUTIONS,
    *ROUTED_CLASSES,
    *CELL_CLASSES,
    *PUBLISHED_CONVOLUTIONS,
    *PUBLISHED_RECURRENCES,
)


def named(name: str) -> LIVClass:
    """Return the class of this name.

    Raises:
        ValueError: the name is unknown; the message lists the legal names.
    """
    for row in CLASSES:
        if row.name == name:
            return row
    raise ValueError(f"class {name!r} is unknown; legal: {', '.join(row.name for row in CLASSES)}")
