"""Load every model of a folder and compute, where nothing but PyTorch can be imported; run by test_standalone.py."""

import importlib.util
import sys
from pathlib import Path

FORBIDDEN = {"star", "genome", "evaluator", "search", "api", "safetensors", "numpy", "triton"}


class Refusal:
    """Refuses the import of what a model must not need."""

    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in FORBIDDEN:
            raise ModuleNotFoundError(f"{name} must not be needed")


def imported(file):
    """Import a module from a file."""
    spec = importlib.util.spec_from_file_location(f"{file.stem}_{file.parent.name}", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def computed(model, tokens):
    """Return what a model computes: logits in one pass and in two passes with a cache, new tokens, gradient norms."""
    whole = model(tokens)
    whole.square().mean().backward()
    norms = torch.stack([parameter.grad.norm() for parameter in model.parameters() if parameter.grad is not None])
    cache = model.new_cache(len(tokens))
    with torch.no_grad():
        decoded = torch.cat([model(part, cache) for part in (tokens[:, :20], tokens[:, 20:21], tokens[:, 21:])], 1)
    return {"whole": whole.detach(), "decoded": decoded, "new": model.generate(tokens[:, :5], 4), "norms": norms}


if __name__ == "__main__":
    sys.meta_path.insert(0, Refusal())
    import torch

    torch.set_num_threads(1)
    for folder in Path(sys.argv[1]).iterdir():
        (file,) = folder.glob("modeling_*.py")
        model = imported(file).load()
        found = computed(model, torch.load(Path(sys.argv[2]), weights_only=True))
        torch.save(found, folder / "computed.pt")
else:
    import torch
