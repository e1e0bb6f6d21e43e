"""The memory cell of sLSTM (Beck et al. 2024, xLSTM, arXiv 2405.04517, section 2.2), token by token.

    i, f, z, o = gates + feedback of y_{t-1},  s_t = max(i, log sigmoid(f) + s_{t-1}) with s_1 = i
    c_t = exp(log sigmoid(f) + s_{t-1} - s_t) c_{t-1} + exp(i - s_t) tanh(z),  n_t likewise with 1 in place of tanh(z)
    y_t = sigmoid(o) c_t / n_t

s keeps the exponentials in range; c / n does not depend on it. The larger of the two exponentials is 1, so n is at
least 1 from the first token on, and n = 0 marks a cell that has seen no token. A state of zeros is therefore an empty
cell.

There is no form that works on all tokens at once, as every token needs the output of the token before it.

B batch, L tokens, H heads, K channels per head, 4 gates in the order i, f, z, o; a state is y, c, n, s in this order.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

State = tuple[Tensor, Tensor, Tensor, Tensor]
"""y, c, n and s, all (B, H, K)."""


def memory_cell(gates_BL4HK: Tensor, feedback_H4KK: Tensor, state_B4HK: Tensor) -> tuple[Tensor, Tensor]:
    """Compute the outputs y_BLHK and the last state_B4HK, all of one floating dtype.

    Args:
        gates_BL4HK: the gates before their nonlinearities and without the feedback.
        feedback_H4KK: weights (head, gate, from, to) from the last output of a head to each of its gates.
        state_B4HK: zeros before the first token.
    """
    y_BHK, c_BHK, n_BHK, s_BHK = state_B4HK.unbind(1)
    state = (y_BHK, c_BHK, n_BHK, torch.where(n_BHK > 0, s_BHK, float("-inf")))
    outputs = []
    for gates_B4HK in gates_BL4HK.unbind(1):
        state = token(gates_B4HK + torch.einsum("bhk,hgkj->bghj", state[0], feedback_H4KK), state)
        outputs.append(state[0])
    return torch.stack(outputs, dim=1), torch.stack(state, dim=1)


def token(gates_B4HK: Tensor, state: State) -> State:
    """Compute the state after one token, whose gates include the feedback; s is -inf before the first token."""
    i, f, z, o = gates_B4HK.unbind(1)
    _, c, n, s = state
    kept = F.logsigmoid(f) + s
    s = torch.maximum(i, kept)
    keep, write = (kept - s).exp(), (i - s).exp()
    c, n = keep * c + write * z.tanh(), keep * n + write
    return o.sigmoid() * c / n, c, n, s
