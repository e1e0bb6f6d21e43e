"""Language modelling on token ids of any tokenizer, scored in nats per token.

Shapes: B sequences, L tokens, V vocabulary.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, Self

import numpy as np
from pydantic import Field

from evaluator.budget import Budget
from evaluator.metrics import Metric, MetricKind
from evaluator.tasks.files.corpus import VALIDATION_SHARE
from evaluator.tasks.files.pieces import Windows, require_room
from evaluator.tasks.files.places import permitted_path
from evaluator.tasks.files.shards import require_known, shards, symbols_of
from evaluator.tasks.loaded import IGNORED, Examples
from evaluator.tasks.task import Task
from evaluator.value import FieldError

if TYPE_CHECKING:
    from torch import Tensor

MOST_SYMBOLS = 2**20

PLACES = "an absolute path in a directory that the operator has allowed"


class TokensTask(Task):
    """Language modelling on token ids of any tokenizer, scored by the validation loss in nats per token."""

    kind: Literal["tokens"] = "tokens"
    data: str = Field(
        default="",
        max_length=4096,
        description=f"file of token ids, `.bin` or `.npy`, or a directory of such shards; {PLACES}",
    )
    dtype: Literal["uint16", "uint32"] = Field(
        default="uint16", description="numbers in a `.bin` file; a `.npy` file names its own"
    )
    symbols: int = Field(default=50_257, ge=2, le=MOST_SYMBOLS, description="size of the vocabulary")
    tokenizer: str = Field(
        default="",
        max_length=4096,
        description=f"JSON file of `tokenizers`, whose vocabulary then is the size; {PLACES}",
    )
    separator: int | None = Field(
        default=None,
        ge=0,
        description="token between documents; nothing behind one is then predicted from what is before it",
    )

    title: ClassVar[str] = "Tokens"
    summary: ClassVar[str] = "predict the tokens of any tokenizer"
    brief: ClassVar[str] = "tokens from {data}"
    metric: ClassVar[Metric] = Metric("nats_per_token", "Nats per token", MetricKind.TRAINED, "fewer", base=math.e)
    vocabulary: ClassVar[int | str] = "symbols"

    @property
    def chance(self) -> float:
        """The loss of a uniform distribution over the vocabulary."""
        return math.log(self.symbols)

    def permitted(self, corpora: Sequence[Path]) -> Self:
        changes: dict[str, str | int] = {
            "data": str(self._permitted("data", corpora, "file or directory", Path.exists))
        }
        if self.tokenizer:
            path = self._permitted("tokenizer", corpora, "file", Path.is_file)
            try:
                changes |= {"tokenizer": str(path), "symbols": symbols_of(path, MOST_SYMBOLS)}
            except ValueError as error:
                raise FieldError(("task", "tokenizer"), str(error)) from None
        checked = self.model_copy(update=changes)
        checked._mapped()
        return checked

    def _permitted(self, name: str, corpora: Sequence[Path], noun: str, there: Callable[[Path], bool]) -> Path:
        try:
            return permitted_path(name, getattr(self, name), corpora, noun, there)
        except (ValueError, OSError) as error:
            raise FieldError(("task", name), str(error)) from None

    def read_tokenizer(self) -> bytes | None:
        try:
            return Path(self.tokenizer).read_bytes() if self.tokenizer else None
        except OSError:
            return None

    def load(self, budget: Budget) -> Tokens:
        found = self._mapped()
        train, validation = _split(found)
        require_room(budget, self.data, training=train, validation=validation)
        held_out = _examples(Windows(validation, budget.length).spread(budget.validation), self.separator)
        return Tokens(Windows(train, budget.length), budget.batch, self.separator, held_out)

    def _mapped(self) -> list[np.ndarray]:
        try:
            found = shards(Path(self.data), self.dtype)
        except (ValueError, OSError) as error:
            raise FieldError(("task", "data"), str(error)) from None
        try:
            require_known(found, self.symbols)
        except ValueError as error:
            raise FieldError(("task", "symbols"), str(error)) from None
        return found


@dataclass(frozen=True)
class Tokens:
    """Tokens at one budget. A sequence is L + 1 tokens of one shard, of which each but the first is predicted.

    The last tenth of all tokens is for validation, whose sequences are spread evenly over it. Only the tokens of a
    batch are read from the disk.
    """

    train: Windows = field(repr=False)
    batch: int
    separator: int | None
    validation: Examples = field(repr=False)

    def draw(self, rng: np.random.Generator) -> Examples:
        return _examples(self.train.drawn(rng, self.batch), self.separator)

    def score(self, logits_BLV: Tensor, targets_BL: Tensor) -> Tensor:
        from torch.nn import functional  # here, so that a plan is read without loading torch

        nats_BL = functional.cross_entropy(
            logits_BLV.float().transpose(1, 2), targets_BL, reduction="none", ignore_index=IGNORED
        )
        return nats_BL.sum(1) / (targets_BL != IGNORED).sum(1)


def _split(found: list[np.ndarray]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Cut the shards into those for training and the last tenth of all tokens for validation."""
    left = math.ceil((1 - VALIDATION_SHARE) * sum(map(len, found)))
    train, validation = [], []
    for array in found:
        cut = min(left, len(array))
        train.append(array[:cut])
        validation.append(array[cut:])
        left -= cut
    return train, validation


def _examples(tokens_BL: np.ndarray, separator: int | None) -> Examples:
    """Return inputs and targets of sequences of L + 1 tokens.

    Targets behind a separator have no label, unless it is the first token, which then begins a document.
    """
    inputs_BL, targets_BL = tokens_BL[:, :-1].copy(), tokens_BL[:, 1:].copy()
    if separator is not None:
        ended_BL = inputs_BL == separator
        ended_BL[:, 0] = False
        targets_BL[np.logical_or.accumulate(ended_BL, axis=1)] = IGNORED
    return Examples.of(inputs_BL, targets_BL)
