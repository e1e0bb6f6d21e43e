"""The tensors that one LIV keeps between tokens.

B batch, L tokens of this call, T tokens kept and new.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import torch
from torch import Tensor

from star.cache.rows import SMALL, Rows


class Store:
    """The tensors that one LIV keeps.

    Where no gradients are recorded, rows of tokens have room for more behind them, which no other store shares.

    Sequences of different lengths end together: the shorter ones begin later, and before their first token all tensors
    hold zeros.

    Attributes:
        tensors: its own tensors by name.
        lent: for each tensor that another LIV keeps, by name, the store of that LIV, which runs first and extends it.
        growing: the names of its own tensors that have a row for each token, (B, T, ...).
        position: tokens seen so far, in the longest sequence.
        missing_B: how many tokens fewer each sequence has seen; None if all have seen the same number.
    """

    def __init__(
        self,
        tensors: dict[str, Tensor],
        lent: Mapping[str, Store],
        growing: Collection[str] = (),
        position: int = 0,
        missing_B: Tensor | None = None,
    ) -> None:
        self.tensors = tensors
        self.lent = lent
        self.growing = frozenset(growing)
        self.position = position
        self.missing_B = missing_B
        self._limits: dict[str, int] = {}
        self._rows: dict[str, Rows] = {}

    def __getitem__(self, name: str) -> Tensor:
        return self.tensors[name]

    def __setitem__(self, name: str, value: Tensor) -> None:
        self.tensors[name] = value

    @property
    def places(self) -> int | Tensor:
        """The position of the next token in its own sequence: one for all sequences, or for each of them, (B, 1)."""
        return self.position if self.missing_B is None else (self.position - self.missing_B).unsqueeze(1)

    def present(self, whole_BL: Tensor, length: int) -> Tensor | None:
        """Return which rows of a tensor returned by `append` belong to a token, (B, T); None if all do.

        Args:
            whole_BL: the rows kept so far and the new ones.
            length: the number of new rows.
        """
        if self.missing_B is None:
            return None
        end = self.position + length
        columns_T = torch.arange(end - whole_BL.shape[1], end, device=whole_BL.device)
        return columns_T >= self.missing_B.unsqueeze(1)

    def append(self, name: str, new_BL: Tensor, keep: int | None = None) -> Tensor:
        """Return all tokens kept so far followed by the new ones; after the step only the last `keep` stay."""
        if name in self.lent:
            return self.lent[name].tensors[name]
        whole_BL = self._extended(name, new_BL)
        self.tensors[name] = whole_BL
        if keep is not None:
            self._limits[name] = keep
        return whole_BL

    def advance(self, tokens: int) -> None:
        """End a step: count its tokens and drop the tokens beyond each limit."""
        self.position += tokens
        for name, keep in self._limits.items():
            whole_BL = self.tensors[name]
            if whole_BL.shape[1] > keep:
                rows = self._reserved(name)
                self.tensors[name] = whole_BL[:, whole_BL.shape[1] - keep :] if rows is None else rows.last(keep)

    @property
    def reserved_bytes(self) -> int:
        """Bytes of its own tensors, with the room for further tokens."""
        reserved = {name: self._reserved(name) for name in self.tensors}
        return sum(self.tensors[name].nbytes if rows is None else rows.bytes for name, rows in reserved.items())

    def _extended(self, name: str, new_BL: Tensor) -> Tensor:
        """Return the rows of a tensor and new ones: a new tensor if they are few, or recorded in a graph."""
        kept_BT = self.tensors[name]
        recorded = torch.compiler.is_compiling() or torch.is_grad_enabled()
        if recorded or kept_BT.nbytes <= SMALL:
            return torch.cat([kept_BT, new_BL.to(kept_BT.dtype)], dim=1)
        rows = self._reserved(name)
        if rows is None or not rows.fit(new_BL):
            rows = self._rows[name] = Rows(kept_BT, new_BL.shape[1])
        return rows.extended(new_BL)

    def _reserved(self, name: str) -> Rows | None:
        """Return the memory of which a tensor is a view, or None for a tensor that somebody else has put there."""
        rows = self._rows.get(name)
        return rows if rows is not None and rows.kept is self.tensors[name] else None
