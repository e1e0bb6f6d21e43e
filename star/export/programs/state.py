"""The state of a program between calls: a flat list of tensors in a fixed order.

B batch, L new tokens, T tokens so far.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from star.backbone import Backbone
from star.cache import Cache, Store

POSITION = "position"

MANY = 1 << 30
"""A number of tokens that is larger than every window."""


@dataclass(frozen=True)
class State:
    """One tensor of the state.

    Attributes:
        name: the block, the LIV within the block and the tensor that it keeps, or "position".
        sizes: its sizes without the batch; None for T, of which there are 0 before the first token.
        dtype: of its numbers.
    """

    name: str
    sizes: tuple[int | None, ...]
    dtype: torch.dtype

    @property
    def batched(self) -> bool:
        """Whether its first axis is the batch."""
        return self.name != POSITION

    @property
    def shape(self) -> list[int | str]:
        """Its sizes with the symbols B and T."""
        sizes = ["T" if size is None else size for size in self.sizes]
        return ["B", *sizes] if self.batched else list(sizes)

    def zeros(self, batch: int) -> Tensor:
        """Make the tensor before the first token."""
        sizes = [size or 0 for size in self.sizes]
        return torch.zeros([batch, *sizes] if self.batched else sizes, dtype=self.dtype)


class ProgramStore(Store):
    """A store whose tensors hold a fixed number of tokens, or one that grows with every token.

    A tensor of fixed size begins with zeros in the place of the tokens before the first.

    Attributes:
        whole: all tokens kept so far and the new ones, by name, after these were appended.
    """

    def __init__(
        self, tensors: dict[str, Tensor], lent: Mapping[str, Store], position: int | Tensor, growing: frozenset[str]
    ) -> None:
        super().__init__(tensors, lent, growing, position)  # type: ignore[arg-type]  # a tensor adds up like a number
        self.whole: dict[str, Tensor] = {}

    def append(self, name: str, new_BL: Tensor, keep: int | None = None) -> Tensor:
        """Return all tokens kept so far followed by the new ones; a tensor of fixed size keeps the last ones."""
        if name in self.lent:
            lender = self.lent[name]
            assert isinstance(lender, ProgramStore)
            return lender.whole[name]
        whole_BT = torch.cat([self.tensors[name], new_BL.to(self.tensors[name].dtype)], dim=1)
        self.whole[name] = whole_BT
        self.tensors[name] = whole_BT if name in self.growing else whole_BT[:, new_BL.shape[1] :]
        return whole_BT

    def advance(self, tokens: int) -> None:
        """End a step; `append` has dropped already what is not kept."""


def states_of(model: Backbone) -> list[State]:
    """List the tensors that a model keeps, in the order of its blocks."""
    dtype = model.embedding_VD.dtype
    states = []
    for n, block in enumerate(model.stack()):
        for index, liv in enumerate(block.operator.livs):
            shapes = zip(liv.memory(MANY).items(), liv.memory(MANY + 1).values(), strict=True)
            for (name, sizes), later in shapes:
                if name not in block.taken:
                    grows = sizes != later
                    own = (None, *sizes[1:]) if grows else sizes
                    states.append(State(f"blocks.{n}.{index}.{name}", own, dtype))
    grows = any(None in state.sizes for state in states)
    return states if grows else [State(POSITION, (), torch.long), *states]


def cache_of(model: Backbone, states: Sequence[State], tensors: Sequence[Tensor], batch: int) -> Cache:
    """Return the cache that these tensors are, in the order of `states`."""
    given = dict(zip((state.name for state in states), tensors, strict=True))
    growing = {state.name for state in states if None in state.sizes}
    position: int | Tensor = given[POSITION] if POSITION in given else given[min(growing)].shape[1]
    stores: list[tuple[Store, ...]] = []
    for n, block in enumerate(model.stack()):
        own: list[Store] = []
        for index, liv in enumerate(block.operator.livs):
            names = {name: f"blocks.{n}.{index}.{name}" for name in liv.memory(0)}
            lent = {name: stores[block.source][index] for name in names if name in block.taken}
            kept = {name: given[full] for name, full in names.items() if full in given}
            grows = frozenset(name for name, full in names.items() if full in growing)
            own.append(ProgramStore(kept, lent, position, grows))
        stores.append(tuple(own))
    return Cache(stores, batch)


def tensors_of(cache: Cache, states: Sequence[State], position: Tensor) -> list[Tensor]:
    """List the tensors that a cache keeps, in the order of `states`."""
    kept = {
        f"blocks.{n}.{index}.{name}": tensor
        for n, block in enumerate(cache.stores)
        for index, store in enumerate(block)
        for name, tensor in store.tensors.items()
    }
    return [kept[state.name] if state.batched else position for state in states]
