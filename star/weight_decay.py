"""Which parameters of a model weight decay may shrink: those that the module which owns them lists as `decaying`.

Decay rates, step sizes, frequencies, biases, gains and the state matrices of filters are listed by no module: shrinking
them towards zero changes how long an operator remembers. Mamba and S4 exempt the same parameters (`_no_weight_decay` in
Gu & Dao 2023; a group of parameters without decay in Gu et al. 2022).
"""

from __future__ import annotations

from torch import nn


def decaying_parameters(model: nn.Module) -> dict[str, nn.Parameter]:
    """The parameters that decay, by name; a shared parameter once, under its first name."""
    decaying = {
        id(parameter)
        for module in model.modules()
        for name, parameter in module.named_parameters(recurse=False)
        if name in getattr(module, "decaying", ())
    }
    return {name: parameter for name, parameter in model.named_parameters() if id(parameter) in decaying}
