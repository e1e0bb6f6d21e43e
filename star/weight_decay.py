"""Selection of the parameters that weight decay shrinks: each module lists its own under the name `decaying`.

No module lists decay rates, step sizes, frequencies, biases, gains or the state matrices of filters: shrinking them
towards zero would change how long an operator keeps a token in its state. Mamba and S4 exempt the same parameters
(`_no_weight_decay` in Gu & Dao 2023; a group of parameters without decay in Gu et al. 2022).
"""

from __future__ import annotations

from torch import nn


def decaying_parameters(model: nn.Module) -> dict[str, nn.Parameter]:
    """Return the parameters that decay, by name; a shared parameter once, under its first name."""
    decaying = {
        id(parameter)
        for module in model.modules()
        for name, parameter in module.named_parameters(recurse=False)
        if name in getattr(module, "decaying", ())
    }
    return {name: parameter for name, parameter in model.named_parameters() if id(parameter) in decaying}
