"""The whole model: embedding, a pre-norm residual stack of LIVs, a head.

B batch, L tokens, D model width, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from torch import Tensor, nn

from genome import Blueprint, Shape
from star.cache import Cache, Store
from star.features.feature import parameter
from star.generate import generate
from star.liv import Operator


class Block(nn.Module):
    """x + LIV(norm(x)), and whose features the LIV takes."""

    def __init__(self, position: int, operator: Operator, width: int, features_from: int, taken: Sequence[str]) -> None:
        super().__init__()
        self.norm = nn.RMSNorm(width)
        self.operator = operator
        self.source = features_from
        self.taken = () if features_from == position else tuple(taken)

    def borrows(self, name: str) -> bool:
        """Whether a feature or memory of this name comes from the block at `source`."""
        return name.rpartition(".")[2] in self.taken

    def borrowed(self, published: Mapping[int, Mapping[str, Tensor]]) -> dict[str, Tensor]:
        if not self.taken:
            return {}
        return {name: value for name, value in published[self.source].items() if self.borrows(name)}


class Backbone(nn.Module):
    """An architecture as an ordinary module: logits_BLV from tokens_BL.

    Attributes:
        blueprint: what it was built from.
        shape: width, head size and vocabulary.
    """

    decaying = ("embedding_VD", "head_VD")

    def __init__(self, blueprint: Blueprint, shape: Shape, operators: Sequence[Operator]) -> None:
        super().__init__()
        self.blueprint = blueprint
        self.shape = shape
        self.embedding_VD = parameter(shape.vocab, shape.width)
        self.blocks = nn.ModuleList(
            Block(position, operator, shape.width, liv.features_from, liv.taken)
            for position, (operator, liv) in enumerate(zip(operators, blueprint.livs, strict=True))
        )
        self.norm = nn.RMSNorm(shape.width)
        self.head_VD = parameter(shape.vocab, shape.width)
        self._lenders = {block.source for block in self.stack() if block.taken}

    def stack(self) -> Iterator[Block]:
        for block in self.blocks:
            assert isinstance(block, Block)
            yield block

    def forward(self, tokens_BL: Tensor, cache: Cache | None = None) -> Tensor:
        """Logits for every token. With a cache, `tokens_BL` continue the sequence the cache has seen."""
        embedded_BLD = x_BLD = nn.functional.embedding(tokens_BL, self.embedding_VD)
        for _, _, behind_BLD in self._walk(embedded_BLD, cache):
            x_BLD = behind_BLD
        if cache is not None:
            cache.advance(tokens_BL.shape[1])
        return nn.functional.linear(self.norm(x_BLD), self.head_VD)

    def trace(self, tokens_BL: Tensor) -> Iterator[tuple[Block, dict[str, Tensor]]]:
        """Each block with the features it has in `forward` on these tokens: those of the real residual stream."""
        for block, features, _ in self._walk(nn.functional.embedding(tokens_BL, self.embedding_VD)):
            yield block, features

    def _walk(self, x_BLD: Tensor, cache: Cache | None = None) -> Iterator[tuple[Block, dict[str, Tensor], Tensor]]:
        """Each block with its features and the residual stream behind it."""
        published: dict[int, Mapping[str, Tensor]] = {}
        for position, block in enumerate(self.stack()):
            store = cache.stores[position] if cache is not None else None
            features = block.operator.features(block.norm(x_BLD), block.borrowed(published), store)
            if position in self._lenders:
                published[position] = features
            x_BLD = x_BLD + block.operator.mix(features, store)
            yield block, features, x_BLD

    def features_of(
        self, inputs_BLD: Sequence[Tensor], given: Sequence[Mapping[str, Tensor]] = ()
    ) -> Iterator[tuple[Block, dict[str, Tensor]]]:
        """Each block with its features when every block sees an input of its own instead of the residual stream.

        Features that are `given`, for every block some or none, are not computed.
        """
        published: dict[int, Mapping[str, Tensor]] = {}
        for position, (block, x_BLD) in enumerate(zip(self.stack(), inputs_BLD, strict=True)):
            known = dict(given[position]) if given else {}
            features = block.operator.features(x_BLD, known | block.borrowed(published))
            published[position] = features
            yield block, features

    def new_cache(self, batch: int = 1) -> Cache:
        """An empty cache for sequences that start now."""
        weight = self.embedding_VD
        stores: list[Store] = []
        for block in self.stack():
            memory = block.operator.memory(0)
            lent = {name: stores[block.source] for name in memory if block.borrows(name)}
            own = {
                name: weight.new_zeros(batch, *sizes, requires_grad=False)
                for name, sizes in memory.items()
                if name not in lent
            }
            stores.append(Store(own, lent))
        return Cache(stores)

    def cache_elements(self, tokens: int) -> list[int]:
        """Elements each block keeps of its own after so many tokens, for a batch of one."""
        return [
            sum(_product(sizes) for name, sizes in block.operator.memory(tokens).items() if not block.borrows(name))
            for block in self.stack()
        ]

    def generate(self, prompt_BL: Tensor, new_tokens: int, temperature: float = 0.0, seed: int = 0) -> Tensor:
        """The prompt with `new_tokens` more behind it; see `star.generate.generate`."""
        return generate(self, prompt_BL, new_tokens, temperature, seed)


def _product(sizes: Sequence[int]) -> int:
    total = 1
    for size in sizes:
        total *= size
    return total
