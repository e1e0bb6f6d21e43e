"""The stores of a whole model: advanced, copied, selected and joined.

B batch, L tokens, T tokens so far.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from star.cache.store import Store


class Cache:
    """The stores of all blocks, one for each LIV of a block, for sequences that are decoded together.

    Attributes:
        stores: for each block the store of each LIV.
        batch: the number of sequences.
    """

    def __init__(self, stores: Sequence[tuple[Store, ...]], batch: int) -> None:
        self.stores = stores
        self.batch = batch

    @property
    def position(self) -> int:
        """Tokens seen so far, in the longest sequence."""
        return max((store.position for store in self.all_stores()), default=0)

    @property
    def missing(self) -> Tensor | None:
        """How many tokens fewer each sequence has seen; None if all have seen the same number."""
        return next((store.missing_B for store in self.all_stores()), None)

    @property
    def device(self) -> torch.device:
        """The device of the tensors."""
        return next((x.device for store in self.all_stores() for x in store.tensors.values()), torch.device("cpu"))

    @property
    def bytes(self) -> int:
        """Bytes of all tensors kept, of the tokens seen alone; a tensor that several LIVs read counts once."""
        missing = 0 if self.missing is None else self.missing.nbytes
        return missing + sum(tensor.nbytes for store in self.all_stores() for tensor in store.tensors.values())

    @property
    def reserved_bytes(self) -> int:
        """Bytes of all memory that is held: those of `bytes`, and room for further tokens."""
        missing = 0 if self.missing is None else self.missing.nbytes
        return missing + sum(store.reserved_bytes for store in self.all_stores())

    def advance(self, tokens: int) -> None:
        """End a step in every store."""
        for store in self.all_stores():
            store.advance(tokens)

    def copy(self) -> Cache:
        """Return a cache of its own tensors, so that two continuations do not disturb one another."""
        return _made([self], self.batch, lambda growing, xs_BT: xs_BT[0].clone(), self.position, self.missing)

    def select(self, index: Sequence[int] | Tensor) -> Cache:
        """Return a cache of these sequences in this order; a sequence may be left out, or be there several times.

        Args:
            index: numbers of sequences from 0, such as those that are not finished, or the parents of beams.

        Raises:
            ValueError: the index is not one-dimensional or not of integers, or names no sequence of this batch.
        """
        index_B = _checked(torch.as_tensor(index), self.batch).to(self.device)
        missing_B, shorter = _least_missing(None if self.missing is None else self.missing[index_B])
        rows = self.position - shorter

        def selected(growing: bool, xs_BT: Sequence[Tensor]) -> Tensor:
            (x_BT,) = xs_BT
            return (x_BT[:, max(0, x_BT.shape[1] - rows) :] if growing else x_BT).index_select(0, index_B)

        return _made([self], len(index_B), selected, rows, missing_B)

    @classmethod
    def joined(cls, caches: Sequence[Cache]) -> Cache:
        """Return a cache of the sequences of several caches, one after the other, which may be of different lengths.

        Each sequence goes on as if it were alone. The caches keep their own tensors.

        Raises:
            ValueError: there is no cache, or they are not of one model.
        """
        if not caches:
            raise ValueError("there are no caches to join")
        if any(_layout(cache) != _layout(caches[0]) for cache in caches):
            raise ValueError("caches of different models cannot be joined")
        position = max(cache.position for cache in caches)
        missing_B = None
        if any(cache.position < position or cache.missing is not None for cache in caches):
            missing_B = torch.cat([_missing(cache) + (position - cache.position) for cache in caches])
        batch = sum(cache.batch for cache in caches)
        return _made(caches, batch, _aligned, position, missing_B)

    def all_stores(self) -> list[Store]:
        """List the stores of all blocks in order."""
        return [store for block in self.stores for store in block]


def _made(
    caches: Sequence[Cache],
    batch: int,
    made: Callable[[bool, Sequence[Tensor]], Tensor],
    position: int,
    missing_B: Tensor | None,
) -> Cache:
    """Make a cache whose tensors are made of those in the same place of other caches.

    Args:
        made: a function of whether the tensors have a row for each token, and of the tensors.
    """
    copies: dict[Store, Store] = {}
    blocks: list[tuple[Store, ...]] = []
    for block in zip(*(cache.stores for cache in caches), strict=True):
        for stores in zip(*block, strict=True):
            first = stores[0]
            tensors = {
                name: made(name in first.growing, [store.tensors[name] for store in stores]) for name in first.tensors
            }
            lent = {name: copies[lender] for name, lender in first.lent.items()}
            copies[first] = Store(tensors, lent, first.growing, position, missing_B)
        blocks.append(tuple(copies[store] for store in block[0]))
    return Cache(blocks, batch)


def _aligned(growing: bool, xs_BT: Sequence[Tensor]) -> Tensor:
    """Join tensors along the batch; rows of tokens end together, and zeros stand before the first token."""
    if not growing:
        return torch.cat(list(xs_BT))
    total = max(x_BT.shape[1] for x_BT in xs_BT)
    filled = [torch.cat([x.new_zeros(x.shape[0], total - x.shape[1], *x.shape[2:]), x], dim=1) for x in xs_BT]
    return torch.cat(filled)


def _missing(cache: Cache) -> Tensor:
    if cache.missing is not None:
        return cache.missing
    return torch.zeros(cache.batch, dtype=torch.long, device=cache.device)


def _least_missing(missing_B: Tensor | None) -> tuple[Tensor | None, int]:
    """Count tokens from the first one that any sequence has: the numbers of missing ones, and by how many they fell."""
    if missing_B is None or len(missing_B) == 0:
        return None, 0
    least, most = (int(bound) for bound in missing_B.aminmax())
    return (None if least == most else missing_B - least), least


def _layout(cache: Cache) -> list[list[dict[str, tuple[torch.dtype, int, torch.Size]]]]:
    """Describe the tensors of each LIV without the batch and the number of tokens."""
    return [
        [
            {name: (x.dtype, x.dim(), x.shape[1 + (name in store.growing) :]) for name, x in store.tensors.items()}
            for store in block
        ]
        for block in cache.stores
    ]


def _checked(index: Tensor, batch: int) -> Tensor:
    if index.dim() != 1 or (index.numel() and (index.is_floating_point() or index.dtype is torch.bool)):
        raise ValueError(f"the index must be a list of whole numbers, not {index.dtype} of {tuple(index.shape)}")
    outside = [number for number in index.tolist() if not 0 <= number < batch]
    if outside:
        raise ValueError(f"there is no sequence {outside[0]} in a batch of {batch}; the first one is 0")
    return index.long()
