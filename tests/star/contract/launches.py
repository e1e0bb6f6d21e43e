"""Counts what a model would ask of a GPU, where there is none: launches, memory, and waits of the host for the device.

Tensors have no values ("meta") and say that they lie on a GPU, so that every choice by device is the one made there.
Each operation that PyTorch dispatches counts as one launch, unless it only makes a view or allocates. Attention takes
the kernel that it takes on a GPU (`fused.py`).
"""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

from tests.star.contract.elsewhere import DEVICE_OF, IS_CUDA
from tests.star.contract.fused import attention

GPU = torch.device("cuda", 1)  # not that of `Elsewhere`: tables that are kept for a device have no values here
NOWHERE = torch.device("meta")
WITHOUT_LAUNCH = (
    "empty",
    "empty_like",
    "new_empty",
    "empty_strided",
    "new_empty_strided",
    "lift_fresh",
    "_unsafe_view",
)


class Launches(TorchDispatchMode):
    """Counts inside the context `counted`.

    Attributes:
        launches: kernels that were launched.
        waits: times that the host waited for a value of the device.
        unfused: attentions for which a GPU has no fused kernel.
    """

    def __init__(self) -> None:
        super().__init__()
        self.launches = self.waits = self.unfused = 0
        self._made: dict[int, tuple[StorageWeakRef, int]] = {}

    @property
    def kept_bytes(self) -> int:
        """The size of what was made and is still held, by a variable or for a backward pass."""
        return sum(size for storage, size in self._made.values() if not storage.expired())

    def __torch_dispatch__(
        self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        name, returns = function._schema.name.split("::")[1], function._schema.returns
        if name == "_local_scalar_dense":
            self.waits += 1
            return args[0].dtype == torch.bool or args[0].dtype.is_floating_point or 1
        if name == "nonzero":
            self.waits += 1
            return args[0].new_empty(max(1, args[0].numel() // 4), args[0].dim(), dtype=torch.long)
        alias = [one.alias_info is not None and not one.alias_info.is_write for one in returns]
        self.launches += not (alias and all(alias)) and name not in WITHOUT_LAUNCH
        made = function(*args, **(kwargs or {}))
        for x in tree_leaves(made):
            if isinstance(x, Tensor):
                storage = x.untyped_storage()
                self._made[storage._cdata] = StorageWeakRef(storage), storage.nbytes()
        return made


class _OnGpu(TorchFunctionMode):
    """Inside, tensors without values say that they lie on a GPU, and new ones are made without values too."""

    def __init__(self, counts: Launches) -> None:
        super().__init__()
        self._counts = counts

    def __torch_function__(
        self, function: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if function in (DEVICE_OF, IS_CUDA):
            return GPU if function == DEVICE_OF else True
        if function is Tensor.tolist:  # one transfer, however many numbers
            self._counts.waits += 1
            return [1 + n for n in range(args[0].numel())]
        if function is F.scaled_dot_product_attention:
            y, fused = attention(*args, **(kwargs or {}))
            self._counts.unfused += not fused
            return y
        here_args, here_kwargs = tree_map(_here, (args, kwargs or {}))
        return function(*here_args, **here_kwargs)


def counted(work: Callable[[], Any], counts: Launches | None = None) -> Launches:
    """Run work on tensors without values, and return what it asked of a GPU, as `counts` if that is given."""
    counts = counts or Launches()
    with _OnGpu(counts), counts:
        work()
    return counts


def _here(x: Any) -> Any:
    return NOWHERE if isinstance(x, torch.device) else x
