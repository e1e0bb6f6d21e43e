"""The tensors that a model keeps between tokens, and their size in bytes.

B batch, L tokens of this call.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor


class Store:
    """The tensors that one LIV keeps.

    Attributes:
        tensors: its own tensors by name.
        lent: for each tensor that another LIV keeps, by name, the store of that LIV, which runs first and extends it.
        position: tokens seen so far.
    """

    def __init__(self, tensors: dict[str, Tensor], lent: Mapping[str, Store]) -> None:
        self.tensors = tensors
        self.lent = lent
        self.position = 0
        self._limits: dict[str, int] = {}

    def __getitem__(self, name: str) -> Tensor:
        return self.tensors[name]

    def __setitem__(self, name: str, value: Tensor) -> None:
        self.tensors[name] = value

    def append(self, name: str, new_BL: Tensor, keep: int | None = None) -> Tensor:
        """Return all tokens kept so far followed by the new ones; after the step only the last `keep` stay."""
        if name in self.lent:
            return self.lent[name].tensors[name]
        whole_BL = torch.cat([self.tensors[name], new_BL.to(self.tensors[name].dtype)], dim=1)
        self.tensors[name] = whole_BL
        if keep is not None:
            self._limits[name] = keep
        return whole_BL

    def advance(self, tokens: int) -> None:
        """End a step: count its tokens and drop the tokens beyond each limit."""
        self.position += tokens
        for name, keep in self._limits.items():
            whole_BL = self.tensors[name]
            self.tensors[name] = whole_BL[:, max(0, whole_BL.shape[1] - keep) :]


class Cache:
    """The stores of all blocks, one for each LIV of a block."""

    def __init__(self, stores: Sequence[tuple[Store, ...]]) -> None:
        self.stores = stores

    def advance(self, tokens: int) -> None:
        """End a step in every store."""
        for store in self._all():
            store.advance(tokens)

    @property
    def bytes(self) -> int:
        """Bytes of all tensors kept; a tensor that several LIVs read counts once."""
        return sum(tensor.nbytes for store in self._all() for tensor in store.tensors.values())

    def _all(self) -> list[Store]:
        return [store for block in self.stores for store in block]
