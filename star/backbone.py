"""The whole model: an embedding, a residual stack of blocks with pre-normalisation, and a head.

B batch, L tokens, D model width, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from genome import Blueprint, Shape
from star.balance import again
from star.block import Block
from star.cache import Cache, Store
from star.cache.saved import from_bytes, to_bytes
from star.features.feature import parameter
from star.generate import Prompts, generate
from star.input import check_input
from star.liv import Features, Operator
from star.norm import RMSNorm
from star.ops.dispatch import linear


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
        self.norm = RMSNorm(shape.width)
        self.head_VD = parameter(shape.vocab, shape.width)
        self._lenders = {block.source for block in self.stack() if block.taken}

    def stack(self) -> Iterator[Block]:
        """Iterate over the blocks, first to last."""
        for block in self.blocks:
            assert isinstance(block, Block)
            yield block

    def forward(self, tokens_BL: Tensor, cache: Cache | None = None) -> Tensor:
        """Return logits_BLV. With a cache, `tokens_BL` continue the sequences that the cache has seen.

        Raises:
            ValueError: the input is none of this model (see `star.input.check_input`), or the cache is of another
                batch.
        """
        check_input(tokens_BL, self.shape)
        if cache is not None and cache.batch != tokens_BL.shape[0]:
            raise ValueError(f"the cache holds {cache.batch} sequences, and {tokens_BL.shape[0]} are to go on")
        return self.read(self.hidden(tokens_BL, cache))

    def hidden(self, tokens_BL: Tensor, cache: Cache | None = None) -> Tensor:
        """Return the residual stream behind the last block, x_BLD; no tokens leave the cache as it is."""
        embedded_BLD = x_BLD = self.embed(tokens_BL)
        if 0 in tokens_BL.shape[:2]:
            return x_BLD
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
        return linear(self.norm(x_BLD), self.head_VD)

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
                own.append(Store(empty, lent, [name for name, sizes in memory.items() if sizes[0] == 0]))
            stores.append(tuple(own))
        return Cache(stores, batch)

    def save_cache(self, cache: Cache) -> bytes:
        """Return a cache of this model as safetensors, with the positions of its sequences; no pickle."""
        return to_bytes(cache, self._architecture)

    def load_cache(self, data: bytes) -> Cache:
        """Read what `save_cache` returned; the weights of the model are not compared.

        Raises:
            ValueError: the bytes are damaged, or of a model of another architecture, shape or dtype.
        """
        memory = [[liv.memory for liv in block.operator.livs] for block in self.stack()]
        return from_bytes(data, self._architecture, self.new_cache(0), memory)

    @property
    def _architecture(self) -> str:
        """The classes, the sharing and the shape, from which a saved cache is known to belong to this model."""
        livs = (
            f"{liv.liv_class.name} {liv.weights_from} {liv.features_from} {liv.taken}" for liv in self.blueprint.livs
        )
        return f"{'; '.join(livs)}; {self.shape}"

    def cache_elements(self, tokens: int) -> list[int]:
        """Count for each block the elements that it keeps itself after this many tokens, for a batch of one."""
        return [block.cache_elements(tokens) for block in self.stack()]

    def generate(
        self,
        prompts: Prompts,
        new_tokens: int,
        temperature: float = 0.0,
        seed: int = 0,
        stop: int | None = None,
    ) -> Prompts:
        """Return the prompts with up to `new_tokens` more tokens after each; see `star.generate.generate`.

        Token ids of the prompts are checked on every device.
        """
        for number, prompt_BL in enumerate(
            [prompts] if isinstance(prompts, Tensor) else [x_L[None] for x_L in prompts]
        ):
            check_input(prompt_BL.cpu(), self.shape, number)
        return generate(self, prompts, new_tokens, temperature, seed, stop)
