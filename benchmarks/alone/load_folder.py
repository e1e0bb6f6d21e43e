"""Load the format `folder` and continue a prompt."""

import json
import sys
import time

import torch

import star

if __name__ == "__main__":
    prompt, count = list(sys.argv[2].encode()), int(sys.argv[3])
    folder = sys.argv[1]
    model = star.load(folder)
    loaded = time.time()
    new = model.generate(torch.tensor([prompt]), count)[0, len(prompt) :].tolist()
    print(json.dumps({"loaded": loaded, "tokens": new}))
