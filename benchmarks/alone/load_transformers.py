"""Load the format `transformers` and continue a prompt."""

import json
import sys
import time

from transformers import AutoModelForCausalLM, AutoTokenizer

if __name__ == "__main__":
    prompt, count = list(sys.argv[2].encode()), int(sys.argv[3])
    folder = sys.argv[1]
    model = AutoModelForCausalLM.from_pretrained(folder, trust_remote_code=True)
    tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=True)
    loaded = time.time()
    read = tokenizer([bytes(prompt).decode()], return_tensors="pt")
    whole = model.generate(**read, max_new_tokens=count, do_sample=False)
    print(json.dumps({"loaded": loaded, "tokens": whole[0, len(prompt) :].tolist()}))
