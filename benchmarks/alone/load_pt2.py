"""Load the format `pt2` and continue a prompt."""

import json
import sys
import time
from pathlib import Path

import torch

if __name__ == "__main__":
    prompt, count = list(sys.argv[2].encode()), int(sys.argv[3])
    folder = Path(sys.argv[1])
    manifest = json.loads((folder / "manifest.json").read_text())
    step = torch.export.load(folder / manifest["programs"]["step"]).module()
    loaded = time.time()
    sizes = {"B": 1, "T": 0}
    states = [
        torch.zeros([sizes.get(size, size) for size in state["shape"]], dtype=getattr(torch, state["dtype"]))
        for state in manifest["states"]
    ]
    tokens, new = torch.tensor([prompt]), []
    with torch.no_grad():
        for _ in range(count):
            logits, *states = step(tokens, *states)
            tokens = logits[:, -1:].argmax(-1)
            new.append(int(tokens))
    print(json.dumps({"loaded": loaded, "tokens": new}))
