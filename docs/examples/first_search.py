# %% [markdown]
# # A first search, from Python
#
# Needs a running service (`star serve`) and pandas. Cells begin with `# %%`: Jupyter with jupytext, VS Code, PyCharm
# and Spyder open this file as a notebook, and `python docs/examples/first_search.py` runs it whole.

# %%
import inspect
from pathlib import Path
from tempfile import mkdtemp

import pandas as pd
import torch
from torch.nn.functional import cross_entropy

import star
from api.client import Star, table

# %% [markdown]
# ## Submit
#
# A small search over text: eight candidates of four LIVs, each trained once for 30 steps. Everything that is not named
# here is that of the preset. The address and the key of the service are those of `STAR_URL` and `STAR_API_KEY`.

# %%
service = Star()
plan = {
    "candidates": 8,
    "population": 4,
    "width": 32,
    "head_dim": 8,
    "space": {"depth": 4},
    "budget": {"steps": 30, "batch": 8, "length": 64, "warmup": 3, "validation": 32},
    "rungs": {"tokens": []},
    "repeats": 0,
    "finish": {"seeds": 0},
}
job = service.submit(plan, name="from a notebook")
print(f"search {job.id} is {job.state}")

# %% [markdown]
# ## Watch

# %%
job = service.wait(
    job.id,
    timeout=600,
    pause=2,
    seen=lambda now: print(f"{now.done}/{plan['candidates']} candidates, hypervolume {now.hypervolume:.3f}"),
)
print(f"search {job.id} is {job.state}, hypervolume {job.hypervolume:.3f}")

# %% [markdown]
# ## The frontier as a DataFrame
#
# Objectives are minimised. `bits_per_byte_stderr` is the standard error over validation sequences.

# %%
frontier = pd.DataFrame(table(service.frontier(job.id))).sort_values("bits_per_byte")
columns = ["number", "genome", "bits_per_byte", "bits_per_byte_stderr", "parameters", "cache_bytes"]
print(frontier[columns].to_string(index=False))

# %% [markdown]
# ## Export the best one and load it

# %%
best = int(frontier.iloc[0]["number"])
folder = service.export(job.id, best, Path(mkdtemp()))
service.close()
model = star.load(folder)
print(f"candidate {best} in {folder}: {sum(one.numel() for one in model.parameters()):,} parameters")

# %% [markdown]
# ## Train it further
#
# The model is an ordinary `nn.Module` from token ids (batch, tokens) to logits (batch, tokens, vocabulary). Here it
# reads one file of Python's library; put your own data in its place.

# %%
text = torch.frombuffer(bytearray(Path(inspect.__file__).read_bytes()), dtype=torch.uint8).long()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
generator = torch.Generator().manual_seed(0)
losses = []
model.train()
for _ in range(20):
    starts = torch.randint(len(text) - 65, (8, 1), generator=generator)
    tokens = text[starts + torch.arange(65)]
    loss = cross_entropy(model(tokens[:, :-1]).flatten(0, 1), tokens[:, 1:].flatten())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
print(f"loss {losses[0]:.3f} nats before, {losses[-1]:.3f} after {len(losses)} steps")

# %%
model.eval()
prompt = torch.tensor([list(b"def ")])
print(bytes(model.generate(prompt, 32)[0].tolist()).decode("utf-8", "replace"))
