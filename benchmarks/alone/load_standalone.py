"""Load the format `standalone` and continue a prompt."""

import json
import sys
import time
from importlib import import_module
from pathlib import Path

import torch

if __name__ == "__main__":
    prompt, count = list(sys.argv[2].encode()), int(sys.argv[3])
    folder = sys.argv[1]
    sys.path.insert(0, folder)
    (file,) = Path(folder).glob("modeling_*.py")
    model = import_module(file.stem).load()
    loaded = time.time()
    new = model.generate(torch.tensor([prompt]), count)[0, len(prompt) :].tolist()
    print(json.dumps({"loaded": loaded, "tokens": new}))
