"""Comparison of a row with its source: one operator in float64, and the outputs and gradients of a plain function.

B batch, L tokens, D model width.
"""

import torch

from genome import Genome, Shape, Space, decode
from star.build import build

SHAPE = Shape(width=16, head_dim=4, vocab=8)


def operator_of(name, shape=SHAPE):
    """Build the operator of this row, every weight off its initial value so that no term of its formula is zero."""
    space = Space.of([name], depth=1)
    operator = next(build(decode(Genome.of([space.classes[0].id]), space), shape).double().stack()).operator
    draw = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for weight in operator.parameters():
            weight.add_(0.1 * torch.randn(weight.shape, generator=draw, dtype=weight.dtype))
    return operator


def same_as(name, reference, length=23, shape=SHAPE):
    """Check that the row and `reference`, a function of weights by name and of x_BLD, agree with all gradients.

    The name of a weight is its group and its name there (`h.skip_H`), or its name alone (`out_DC`).
    """
    operator = operator_of(name, shape)
    x_BLD = torch.randn(2, length, shape.width, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    weights = {key.removeprefix("featurizer.groups."): weight for key, weight in operator.named_parameters()}
    ours = _outcome(lambda x_BLD, _: operator(x_BLD), x_BLD, weights)
    theirs = _outcome(reference, x_BLD, weights)
    assert ours.keys() == theirs.keys()
    for what, expected in theirs.items():
        torch.testing.assert_close(ours[what], expected, rtol=1e-8, atol=1e-10, msg=f"{what} differs")


def _outcome(compute, x_BLD, weights):
    x_BLD = x_BLD.clone().requires_grad_()
    y_BLD = compute(x_BLD, weights)
    wave_BLD = torch.linspace(0, 40, y_BLD.numel(), dtype=torch.float64).cos().view_as(y_BLD)
    found = torch.autograd.grad((y_BLD * wave_BLD).sum(), [x_BLD, *weights.values()])
    return {"output": y_BLD, "input": found[0], **dict(zip(weights, found[1:], strict=True))}


def convolved(x_BLC, taps_CW, bias_C=0.0):
    """A causal depthwise convolution, y_t = sum_w h_w x_(t-w), written out token by token."""
    outputs = []
    for t in range(x_BLC.shape[1]):
        terms = [taps_CW[:, w] * x_BLC[:, t - w] for w in range(min(taps_CW.shape[1], t + 1))]
        outputs.append(sum(terms) + bias_C)
    return torch.stack(outputs, dim=1)


def rms_normed(y):
    """Divide by the root mean square over the last dimension."""
    return y / (y.square().mean(-1, keepdim=True) + 1e-6).sqrt()
