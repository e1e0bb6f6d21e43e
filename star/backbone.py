"""The whole model: an embedding, a residual stack of blocks with pre-normalisation, and a head.

B batch, L tokens, D model width, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import prod

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from genome import Blueprint, Shape
from star.balance import again
from star.cache import Cache, Store
from star.features.feature import parameter
from star.generate import generate
from star.liv import LIV, Features, Operator


class Block(nn.Module):
    """One residual block, x + operator(norm(x)), which may take features from an earlier block.

    Attributes:
        source: the position of the block whose features it takes, its own if it takes none.
        taken: names of the feature groups that it takes.
    """

    def __init__(self, position: int, operator: Operator, width: int, features_from: int, taken: Sequence[str]) -> None:
        super().__init__()
        self.norm = nn.RMSNorm(width)
        self.operator = operator
        self.source = features_from
        self.taken = () if features_from == position else tuple(taken)

    def forward(self, x_BLD: Tensor, borrowed: Features = (), seen: bool = True) -> tuple[Features, Tensor]:
        """Return the features of whole sequences and the residual stream behind the block.

        Args:
            x_BLD: the residual stream before the block.
            borrowed: the groups that the block takes, as its operator's parts list them; empty if it takes none.
            seen: whether anybody reads the features; if not, they may be others than those of the parts.
        """
        parts = self.operator.parts if seen or borrowed else self.operator.unshared
        normed_BLD = self.norm(x_BLD)
        given = borrowed or ({},) * len(parts)
        features = tuple(part.features(normed_BLD, groups) for part, groups in zip(parts, given, strict=True))
        return features, x_BLD + self.operator.mix_parts(features, parts)

    def features(
        self,
        x_BLD: Tensor,
        shared: Sequence[Mapping[str, Tensor]] | None = None,
        stores: Sequence[Store] | None = None,
    ) -> Features:
        """Compute the features of every LIV from x_BLD; groups in `shared`, listed by LIV, stay unchanged."""
        given, kept = shared or self._each(), stores or self._each()
        livs = zip(self.operator.livs, given, kept, strict=True)
        return tuple(liv.features(x_BLD, groups, store) for liv, groups, store in livs)

    def mix(self, features: Sequence[Mapping[str, Tensor]], stores: Sequence[Store] | None = None) -> Tensor:
        """Return y_BLD: without stores by the training form, with one store for each LIV by the decoding form."""
        livs = zip(self.operator.livs, features, stores or self._each(), strict=True)
        return self.operator.combined([liv.mix(groups, store) for liv, groups, store in livs])

    def borrowed(self, published: Mapping[int, Features]) -> Features:
        """Select from the features of earlier blocks the groups that this block takes, listed alike; () if none."""
        if not self.taken:
            return ()
        return tuple({name: groups[name] for name in self.taken} for groups in published[self.source])

    def parts(self, features: Features) -> Iterator[tuple[LIV, dict[str, Tensor]]]:
        """Pair each LIV with the features that its structure mixes."""
        for liv, groups in zip(self.operator.livs, features, strict=True):
            yield liv, liv.mixed_groups(groups)

    def cache_elements(self, tokens: int) -> int:
        """Count the elements that this block keeps itself after this many tokens, for a batch of one."""
        kept = (memory for liv in self.operator.livs for memory in liv.memory(tokens).items())
        return sum(prod(sizes) for name, sizes in kept if name not in self.taken)

    def _each(self) -> tuple[None, ...]:
        return (None,) * len(self.operator.livs)


class Backbone(nn.Module):
    """An architecture as an ordinary module: logits_BLV from tokens_BL.

    Where its shape has channels, its input is real, (B, L, channels), and its output is V values for each step.

    Attributes:
        blueprint: the decoded genome that it was built from.
        shape: width, head size and vocabulary.
        checkpoint_activations: whether only the residual stream and shared features are kept for the backward pass,
            which then computes each block again; the same numbers in less memory and about a third more time
            (Chen et al. 2016).
    """

    decaying = ("embedding_VD", "head_VD")
    looked_up = ("embedding_VD",)

    def __init__(self, blueprint: Blueprint, shape: Shape, operators: Sequence[Operator]) -> None:
        super().__init__()
        self.blueprint = blueprint
        self.shape = shape
        self.checkpoint_activations = False
        self.embedding_VD = parameter(shape.inputs, shape.width)
        self.blocks = nn.ModuleList(
            Block(position, operator, shape.width, liv.features_from, liv.taken)
            for position, (operator, liv) in enumerate(zip(operators, blueprint.livs, strict=True))
        )
        self.norm = nn.RMSNorm(shape.width)
        self.head_VD = parameter(shape.vocab, shape.width)
        self._lenders = {block.source for block in self.stack() if block.taken}

    def stack(self) -> Iterator[Block]:
        """Iterate over the blocks, first to last."""
        for block in self.blocks:
            assert isinstance(block, Block)
            yield block

    def forward(self, tokens_BL: Tensor, cache: Cache | None = None) -> Tensor:
        """Return logits_BLV. With a cache, `tokens_BL` continue the sequence that the cache has seen."""
        return self.read(self.hidden(tokens_BL, cache))

    def hidden(self, tokens_BL: Tensor, cache: Cache | None = None) -> Tensor:
        """Return the residual stream behind the last block, x_BLD."""
        embedded_BLD = x_BLD = self.embed(tokens_BL)
        for _, _, after_BLD in self._walk(embedded_BLD, cache):
            x_BLD = after_BLD
        if cache is not None:
            cache.advance(tokens_BL.shape[1])
        return x_BLD

    def embed(self, tokens_BL: Tensor) -> Tensor:
        """Return x_BLD: the vector of each token, or the sum of a step's vectors, one a channel, times its values."""
        if self.shape.channels:
            return tokens_BL @ self.embedding_VD
        return nn.functional.embedding(tokens_BL, self.embedding_VD)

    def read(self, x_BLD: Tensor) -> Tensor:
        """Return logits_BLV from the residual stream: its normalisation, then the head."""
        return nn.functional.linear(self.norm(x_BLD), self.head_VD)

    def trace(self, tokens_BL: Tensor) -> Iterator[tuple[Block, Features]]:
        """Iterate over the blocks with the features that `forward` computes on these tokens."""
        for block, features, _ in self._walk(self.embed(tokens_BL), seen=True):
            yield block, block.operator.apart(features)

    def _walk(
        self, x_BLD: Tensor, cache: Cache | None = None, seen: bool = False
    ) -> Iterator[tuple[Block, Features, Tensor]]:
        """Iterate over the blocks with their features, if they are to be seen, and the residual stream after each."""
        published: dict[int, Features] = {}
        for position, block in enumerate(self.stack()):
            borrowed = block.borrowed(published)
            if cache is None:
                features, x_BLD = self._whole(block, x_BLD, borrowed, seen or position in self._lenders)
            else:
                stores = cache.stores[position]
                features = block.features(block.norm(x_BLD), borrowed, stores)
                x_BLD = x_BLD + block.mix(features, stores)
            if position in self._lenders:
                published[position] = features
            yield block, features, x_BLD

    def _whole(self, block: Block, x_BLD: Tensor, borrowed: Features, seen: bool) -> tuple[Features, Tensor]:
        """Apply a block to whole sequences; its result is that of `Block.forward`."""
        if not (self.checkpoint_activations and torch.is_grad_enabled()):
            features, after_BLD = block(x_BLD, borrowed, seen)
        else:
            features, after_BLD = checkpoint(block, x_BLD, borrowed, seen, use_reentrant=False, context_fn=again)
        return features, after_BLD

    def features_of(
        self, inputs_BLD: Sequence[Tensor], given: Sequence[Sequence[Mapping[str, Tensor]]] = ()
    ) -> Iterator[tuple[Block, Features]]:
        """Iterate over the blocks with their features if each has an input of its own in place of the residual stream.

        Groups that are `given`, listed by block and by LIV, are not computed.
        """
        published: dict[int, Features] = {}
        for position, (block, x_BLD) in enumerate(zip(self.stack(), inputs_BLD, strict=True)):
            known = block.borrowed(published)
            if given:
                taken = known or ({},) * len(given[position])
                known = tuple(dict(own) | groups for own, groups in zip(given[position], taken, strict=True))
            features = block.features(x_BLD, known)
            published[position] = features
            yield block, features

    def new_cache(self, batch: int = 1) -> Cache:
        """Return an empty cache for sequences that start now."""
        weight = self.embedding_VD
        stores: list[tuple[Store, ...]] = []
        for block in self.stack():
            own: list[Store] = []
            for index, liv in enumerate(block.operator.livs):
                memory = liv.memory(0)
                lent = {name: stores[block.source][index] for name in memory if name in block.taken}
                empty = {
                    name: weight.new_zeros(batch, *sizes, requires_grad=False)
                    for name, sizes in memory.items()
                    if name not in lent
                }
                own.append(Store(empty, lent))
            stores.append(tuple(own))
        return Cache(stores)

    def cache_elements(self, tokens: int) -> list[int]:
        """Count for each block the elements that it keeps itself after this many tokens, for a batch of one."""
        return [block.cache_elements(tokens) for block in self.stack()]

    def generate(self, prompt_BL: Tensor, new_tokens: int, temperature: float = 0.0, seed: int = 0) -> Tensor:
        """Return the prompt with `new_tokens` more tokens after it; see `star.generate.generate`."""
        return generate(self, prompt_BL, new_tokens, temperature, seed)
