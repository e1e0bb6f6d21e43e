"""Load every model of a folder by transformers, where nothing of ours can be imported; run by test_transformers.py."""

import sys
from pathlib import Path

FORBIDDEN = {"star", "genome", "evaluator", "search", "api"}
PROMPTS = ((5, 9, 2, 7), (1,), (3, 3, 8, 1, 0, 4, 4, 2, 6))


class Refusal:
    """Refuses the import of our packages."""

    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in FORBIDDEN:
            raise ModuleNotFoundError(f"{name} must not be needed")


def padded(prompts):
    """Return prompts padded on the left, and their mask."""
    most = max(map(len, prompts))
    tokens = torch.tensor([[0] * (most - len(one)) + list(one) for one in prompts])
    mask = torch.tensor([[0] * (most - len(one)) + [1] * len(one) for one in prompts])
    return {"input_ids": tokens, "attention_mask": mask}


def computed(model, tokens, again):
    """Return logits, a loss, what greedy decoding adds to prompts of different lengths, and a saved model's logits."""
    with torch.no_grad():
        said = model(tokens, labels=tokens)
        new = model.generate(**padded(PROMPTS), max_new_tokens=5, do_sample=False)
        beams = model.generate(**padded(PROMPTS), max_new_tokens=5, num_beams=2, do_sample=False)
        model.save_pretrained(again)
        saved = AutoModelForCausalLM.from_pretrained(again, trust_remote_code=True)
        names = [one.data_ptr() for one in saved.parameters()]
        return {
            "logits": said.logits,
            "loss": said.loss,
            "new": new[:, -5:],
            "beams": beams[:, -5:],
            "saved": saved(tokens).logits,
            "parameters": torch.tensor(len(names)),
        }


if __name__ == "__main__":
    sys.meta_path.insert(0, Refusal())
    import torch
    from transformers import AutoModelForCausalLM

    torch.set_num_threads(1)
    tokens = torch.load(Path(sys.argv[2]), weights_only=True)
    for folder in Path(sys.argv[1]).iterdir():
        model = AutoModelForCausalLM.from_pretrained(folder, trust_remote_code=True)
        torch.save(computed(model, tokens, folder / "again"), folder / "computed.pt")
