"""The processes that train one model together, each on its share of every batch.

Shapes: B sequences, L tokens.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.distributed_c10d import PrefixStore, Store
from torch.distributed.rendezvous import rendezvous
from torch.nn.parallel import DistributedDataParallel

from evaluator.tasks.loaded import Examples

T = TypeVar("T")

NEEDED = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
"""What `torchrun` tells each process through its environment."""

RESTARTS = "TORCHELASTIC_RESTART_COUNT"
"""How often `torchrun` has begun again; its store outlives the processes."""


class Ranks:
    """This process and those that it trains with; alone, every method returns what it is given.

    Inside `joined` all processes call the methods that need the others, in the same order. Gradients and losses travel
    by NCCL between GPUs and by gloo between CPUs; decisions always travel by gloo, so that no GPU is waited for.

    Attributes:
        rank: the number of this process; process 0 writes and prints.
        size: the number of processes.
        host: the group for decisions and files, inside `joined`.
    """

    def __init__(self, rank: int = 0, size: int = 1, local: int = 0) -> None:
        self.rank, self.size, self._local = rank, size, local
        self.host: dist.ProcessGroup | None = None
        self._store: Store | None = None
        self._groups = 0

    @classmethod
    def of_environment(cls, environment: Mapping[str, str] = os.environ) -> Ranks:
        """Return the processes that `torchrun` has started; without it this process alone."""
        if not all(name in environment for name in NEEDED):
            return cls()
        return cls(int(environment["RANK"]), int(environment["WORLD_SIZE"]), int(environment.get("LOCAL_RANK", "0")))

    @property
    def alone(self) -> bool:
        return self.size == 1

    @contextmanager
    def joined(self) -> Iterator[None]:
        """Form the group of the processes inside the context, and take a GPU of one's own where there are some.

        Raises:
            ValueError: this machine has fewer GPUs than processes.
        """
        if self.alone:
            yield
            return
        gpus = torch.cuda.device_count()
        if gpus:
            if self._local >= gpus:
                raise ValueError(f"process {self._local} of this machine has no GPU: it has {gpus}")
            torch.cuda.set_device(self._local)
        self._groups += 1
        if self._store is None:
            self._store = next(rendezvous("env://"))[0]
        # Each group has names of its own in the store, where those of an earlier one still lead to its sockets.
        store = PrefixStore(f"restart-{os.environ.get(RESTARTS, 0)}/group-{self._groups}", self._store)
        dist.init_process_group("nccl" if gpus else "gloo", store=store, rank=self.rank, world_size=self.size)
        try:
            self.host = dist.new_group(backend="gloo")
            yield
        finally:
            self.host = None
            dist.destroy_process_group()

    def require_share(self, batch: int) -> None:
        """Raise ValueError when a batch has fewer sequences than there are processes."""
        if batch < self.size:
            raise ValueError(f"budget.batch is {batch}; with {self.size} processes it must be {self.size} or more")

    def share(self, batch: Examples) -> Examples:
        """Return the sequences of a batch that this process trains on."""
        return Examples(*(part.tensor_split(self.size)[self.rank] for part in batch))

    def trained(self, model: nn.Module) -> nn.Module:
        """Return a module that computes as the model and averages its gradients over the processes."""
        return model if self.alone else DistributedDataParallel(model)

    def summed(self, x: Tensor) -> Tensor:
        """Return the sum over the processes of a tensor without a gradient, which lies on the device of the model."""
        if not self.alone:
            dist.all_reduce(x)
        return x

    def any(self, *flags: bool) -> tuple[bool, ...]:
        """Return for each flag whether any process has it."""
        if self.alone:
            return flags
        raised = torch.tensor(flags, dtype=torch.int32)
        dist.all_reduce(raised, dist.ReduceOp.MAX, group=self.host)
        return tuple(map(bool, raised.tolist()))

    def first(self, value: T) -> T:
        """Return the value of process 0."""
        if self.alone:
            return value
        held = [value]
        dist.broadcast_object_list(held, src=0, group=self.host)
        return held[0]

    def together(self, value: T) -> list[T]:
        """Return the values of all processes, in their order."""
        if self.alone:
            return [value]
        held: list[T] = [value] * self.size
        dist.all_gather_object(held, value, group=self.host)
        return held


ALONE = Ranks()
"""This process without others."""
