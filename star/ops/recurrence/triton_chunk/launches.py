"""The launches of the chunked recurrence's kernels: how each is divided into programs and tiles.

B batch, L tokens, H heads, K key channels, V value channels, R decays of a head (1 or K), N chunks of C tokens, J
tokens of a sub-chunk.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

from star.ops.recurrence.triton_chunk.per_head import within_kernel
from star.ops.recurrence.triton_chunk.per_key import mixing_kernel
from star.ops.recurrence.triton_chunk.states import states_kernel

SMALLEST = 16
"""Rows and columns of the smallest matrix product, and tokens of a sub-chunk."""

LONGEST_CHUNK = 64

LARGEST_BLOCKS = (64, 64)
FLOAT32_BLOCKS, FLOAT32_BLOCKS_OF = (32, 32), {states_kernel: (64, 32), within_kernel: (16, 32)}
"""Channels of keys and of values in a matrix product. In float32, of which three parts take the room of three factors,
they are what the registers of an A100 hold."""

MOST_WARPS = 4
WARPS = {mixing_kernel: 1}
"""Warps of a program; a sub-chunk has smaller tiles than a chunk."""


class Work(NamedTuple):
    """The recurrence that is computed.

    Attributes:
        batch, length, heads: sizes of the values.
        keys, values: channels of a head.
        rates: log decays of a head, 1 or `keys`.
        narrow: whether all inputs are bfloat16, so that matrix products are too.
        amd: whether the GPU is one of AMD's.
        longest: the most tokens of a chunk.
    """

    batch: int
    length: int
    heads: int
    keys: int
    values: int
    rates: int
    narrow: bool
    amd: bool
    longest: int = LONGEST_CHUNK

    @staticmethod
    def of(c_BLGK: Tensor, b_BLGK: Tensor, log_BLHR: Tensor, v_BLHV: Tensor, longest: int = LONGEST_CHUNK) -> Work:
        narrow = {c_BLGK.dtype, b_BLGK.dtype, v_BLHV.dtype} == {torch.bfloat16}
        batch, length, heads, values = v_BLHV.shape
        keys, rates = c_BLGK.shape[3], log_BLHR.shape[3]
        return Work(batch, length, heads, keys, values, rates, narrow, torch.version.hip is not None, longest)

    @property
    def chunk(self) -> int:
        """C, the tokens of a chunk."""
        return min(self.longest, max(SMALLEST, 1 << (self.length - 1).bit_length()))

    @property
    def chunks(self) -> int:
        """N, the number of chunks."""
        return -(-self.length // self.chunk)

    def constants(self, kernel: Any) -> dict[str, Any]:
        """Return those constants that the kernel names.

        Three products of TensorFloat-32 keep nearly the accuracy of float32, at a multiple of the speed of float32
        outside the tensor cores. AMD has matrix products in float32.
        """
        padded = [max(SMALLEST, triton.next_power_of_2(size)) for size in (self.keys, self.values)]
        largest = LARGEST_BLOCKS if self.narrow else FLOAT32_BLOCKS_OF.get(kernel, FLOAT32_BLOCKS)
        block_k, block_v = map(min, padded, largest)
        known = {
            "K": self.keys,
            "V": self.values,
            "R": self.rates,
            "C": self.chunk,
            "J": SMALLEST,
            "KEYS": padded[0],
            "BLOCK_K": block_k,
            "BLOCK_V": block_v,
            "DOT": tl.bfloat16 if self.narrow else tl.float32,
            "PRECISION": "ieee" if self.amd else "tf32x3",
        }
        return {name: value for name, value in known.items() if name in kernel.arg_names}

    def blocks(self, kernel: Any) -> tuple[int, int]:
        """Return the number of blocks of keys, one if the kernel holds all keys at a time, and of values."""
        constants = self.constants(kernel)
        return triton.cdiv(self.keys, constants.get("BLOCK_K", self.keys)), triton.cdiv(
            self.values, constants["BLOCK_V"]
        )

    def grid(self, *blocks: int) -> tuple[int, ...]:
        """Return the grid with a program for each chunk of each head and each block."""
        return (self.batch * self.heads * self.chunks, *blocks)

    def start(
        self, kernel: Any, grid: tuple[int, ...], tensors: tuple[Tensor, ...], strided: tuple[Tensor, ...], **more: Any
    ) -> None:
        """Start a kernel, which takes tensors, sizes, the strides of some of the tensors, and constants.

        A stride is zero along an axis of length 1, which all tokens or heads share.
        """
        strides = (x.stride(axis) if x.shape[axis] > 1 else 0 for x in strided for axis in (0, 1, 2))
        constants = self.constants(kernel) | options(kernel) | more
        with torch.cuda.device_of(tensors[0]):  # type: ignore[no-untyped-call]  # torch leaves it untyped
            kernel[grid](*tensors, self.length, self.heads, *strides, **constants)


def options(kernel: Any) -> dict[str, int]:
    """Return the warps of a program, and one stage: its tiles leave no room to load the next ones ahead."""
    return {"num_warps": WARPS.get(kernel, MOST_WARPS), "num_stages": 1}


def together(x: Tensor) -> Tensor:
    """Return the tensor itself if the channels of a head lie together, and otherwise a contiguous copy."""
    return x if x.stride(-1) == 1 else x.contiguous()
