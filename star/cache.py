"""What a model keeps between tokens, and its real bytes.

B batch, L tokens of this call.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor


class Store:
    """The tensors one LIV keeps. Names in `lent` are kept by another LIV's store, which extends them first."""

    def __init__(self, tensors: dict[str, Tensor], lent: Mapping[str, Store], position: int = 0) -> None:
        self.tensors = tensors
        self.lent = lent
        self.position = position
        self._limits: dict[str, int] = {}

    def __getitem__(self, name: str) -> Tensor:
        return self.tensors[name]

    def __setitem__(self, name: str, value: Tensor) -> None:
        self.tensors[name] = value

    def append(self, name: str, new_BL: Tensor, keep: int | None = None) -> Tensor:
        """All tokens kept so far with the new ones behind them; once all LIVs are done the last `keep` stay."""
        if name in self.lent:
            return self.lent[name].tensors[name]
        whole_BL = torch.cat([self.tensors[name], new_BL.to(self.tensors[name].dtype)], dim=1)
        self.tensors[name] = whole_BL
        if keep is not None:
            self._limits[name] = keep
        return whole_BL

    def advance(self, tokens: int) -> None:
        """The step is over: count its tokens, forget what lies too far back."""
        self.position += tokens
        for name, keep in self._limits.items():
            whole_BL = self.tensors[name]
            self.tensors[name] = whole_BL[:, max(0, whole_BL.shape[1] - keep) :]

    def branch(self, prefix: str) -> Store:
        """A view of the names under `prefix.`, as one copy of a differential LIV sees them."""
        return _Branch(self, prefix)


class _Branch(Store):
    def __init__(self, store: Store, prefix: str) -> None:
        self._store = store
        self._prefix = prefix
        self.position = store.position

    def __getitem__(self, name: str) -> Tensor:
        return self._store[f"{self._prefix}.{name}"]

    def __setitem__(self, name: str, value: Tensor) -> None:
        self._store[f"{self._prefix}.{name}"] = value

    def append(self, name: str, new_BL: Tensor, keep: int | None = None) -> Tensor:
        return self._store.append(f"{self._prefix}.{name}", new_BL, keep)


class Cache:
    """One store per LIV, and how many tokens they have seen."""

    def __init__(self, stores: list[Store]) -> None:
        self.stores = stores
        self.position = 0

    def advance(self, tokens: int) -> None:
        self.position += tokens
        for store in self.stores:
            store.advance(tokens)

    @property
    def bytes(self) -> int:
        """Bytes of every tensor kept, shared ones once."""
        return sum(tensor.nbytes for store in self.stores for tensor in store.tensors.values())
