"""Tensors that say that they lie on a GPU, so that a tensor made on the wrong device is seen where there is no GPU."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves, tree_map

GPU = torch.device("cuda", 0)
CPU = torch.device("cpu")
DEVICE_OF = torch.Tensor.device.__get__
IS_CUDA = torch.Tensor.is_cuda.__get__  # type: ignore[attr-defined]  # a descriptor, which torch declares as a bool
MOVES = (torch.Tensor.cpu, torch.Tensor.numpy)
ENGINE = torch.autograd.Variable._execution_engine


class Elsewhere(TorchFunctionMode):
    """Inside, every tensor gives `GPU` as its device, and a function that involves the CPU raises AssertionError.

    The tensors lie on the CPU and have values. A function that takes no tensor and returns one is a factory, and must
    be given the device of the inputs. A tensor without dimensions is exempt: torch mixes it with any device.
    """

    def __torch_function__(
        self, function: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if function in (DEVICE_OF, IS_CUDA):
            return GPU if function == DEVICE_OF else True
        given = tree_leaves((args, kwargs or {}))
        devices = [x for x in given if isinstance(x, torch.device) or (isinstance(x, str) and x.startswith("cpu"))]
        assert function not in MOVES, f"{function.__name__} moves a tensor to the CPU"
        assert all(device == GPU for device in devices), f"{function.__name__} is given the device {devices}"
        here_args, here_kwargs = tree_map(_here, (args, kwargs or {}))
        result = function(*here_args, **here_kwargs)
        if not devices and isinstance(result, Tensor) and not any(isinstance(x, Tensor) for x in given):
            assert result.dim() == 0, f"{function.__name__} makes a tensor on the CPU"
        return result


def backward(loss: Tensor) -> None:
    """Run the backward pass with the mode active: `Tensor.backward` is a function like others and would leave it."""
    ENGINE.run_backward((loss,), (torch.ones_like(loss),), False, False, (), True, True)


def _here(x: Any) -> Any:
    return CPU if isinstance(x, torch.device) else x
