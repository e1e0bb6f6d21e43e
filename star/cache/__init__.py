"""The tensors that a model keeps between tokens: copied, selected, joined and saved."""

from star.cache.cache import Cache
from star.cache.store import Store

__all__ = ["Cache", "Store"]
