"""Load the format `onnx` and continue a prompt."""

import json
import sys
import time
from pathlib import Path

import numpy
import onnxruntime

if __name__ == "__main__":
    prompt, count = list(sys.argv[2].encode()), int(sys.argv[3])
    folder = Path(sys.argv[1])
    manifest = json.loads((folder / "manifest.json").read_text())
    step = onnxruntime.InferenceSession(str(folder / manifest["programs"]["step"]))
    loaded = time.time()
    sizes = {"B": 1, "T": 0}
    states = {
        state["name"]: numpy.zeros([sizes.get(size, size) for size in state["shape"]], dtype=state["dtype"])
        for state in manifest["states"]
    }
    tokens, new = numpy.array([prompt], dtype="int64"), []
    for _ in range(count):
        logits, *after = step.run(None, {manifest["input"]["name"]: tokens, **states})
        states = dict(zip(states, after, strict=True))
        tokens = logits[:, -1:].argmax(-1)
        new.append(int(tokens[0, 0]))
    print(json.dumps({"loaded": loaded, "tokens": new}))
