"""The format `transformers`, over all classes and random genomes: run, decoded, saved, trained, evaluated."""

import json
import os
import subprocess
import sys
from dataclasses import replace

import pytest
import torch

import star
from genome import Genome, Shape, Space, decode
from star.export.formats import NotCarriedError
from star.export.writing import write
from star.ops.dispatch import forced
from tests.star.export import transformers_alone
from tests.star.export.models import FIRST, GENOMES, SHAPE, exported, written

BYTES = Shape(width=32, head_dim=8, vocab=256)
TEXT = "the quick brown fox jumps over the lazy dog. "


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A directory of its own for what transformers keeps, and no network."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HOME", str(tmp_path_factory.mktemp("home")))
        for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE"):
            patch.setenv(name, "1")
        yield patch


@pytest.fixture(scope="module")
def alone(tmp_path_factory, home):
    """The folders of all models, each with what transformers computed where nothing of ours can be imported."""
    folders, tokens = tmp_path_factory.mktemp("alone"), tmp_path_factory.mktemp("input") / "tokens.pt"
    torch.save(_tokens(), tokens)
    for name in GENOMES:
        written(folders / name, name, "transformers")
    command = [sys.executable, "-I", transformers_alone.__file__, folders, tokens]
    subprocess.run(command, check=True, timeout=600, env=dict(os.environ))
    return folders


def _tokens():
    return torch.randint(SHAPE.vocab, (2, 21), generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", GENOMES)
def test_it_computes_decodes_and_saves_what_the_model_computes(alone, name):
    found = torch.load(alone / name / "computed.pt", weights_only=True)
    model, tokens = exported(name).model, _tokens()
    with forced("torch"), torch.no_grad():
        logits = model(tokens)
        prompts = [torch.tensor(one) for one in transformers_alone.PROMPTS]
        new = torch.stack([row[-5:] for row in model.generate(prompts, 5)])
    loss = torch.nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), tokens[:, 1:].flatten())
    torch.testing.assert_close(found["logits"], logits, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(found["loss"], loss, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(found["saved"], found["logits"], rtol=0, atol=0)
    assert found["parameters"] == len(list(model.parameters()))
    assert torch.equal(found["new"], new)
    assert found["beams"].shape == new.shape


def test_real_values_are_refused_before_anything_is_written(tmp_path):
    shape = Shape(width=32, head_dim=8, vocab=3, channels=4)
    with pytest.raises(NotCarriedError, match="real values"):
        written(tmp_path / "winner", FIRST, "transformers", shape)
    assert not (tmp_path / "winner").exists()


@pytest.fixture(scope="module")
def bytewise(tmp_path_factory, home):
    """A model of bytes with shared weights, and its tokenizer, as transformers loads them."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    genome, space = Genome.parse("21211-31112-21211-91111"), Space.of(depth=4)
    model = star.build(decode(genome, space), BYTES, seed=1)
    folder = tmp_path_factory.mktemp("bytewise") / "winner"
    star.export(folder, genome, space, BYTES, star.weights(model), {}, format="transformers")
    loaded = AutoModelForCausalLM.from_pretrained(folder, trust_remote_code=True)
    return loaded, AutoTokenizer.from_pretrained(folder, trust_remote_code=True)


def test_the_tokenizer_gives_the_bytes_of_a_text_and_the_text_of_the_bytes(bytewise):
    _, tokenizer = bytewise
    for text in ("def f():\n\treturn 'é ñ 漢字 🙂'\r\n", "  two  spaces ", "<|endoftext|>", "\x01\x7f\xa0\xad"):
        tokens = tokenizer(text)["input_ids"]
        assert tokens == list(text.encode())
        assert tokenizer.decode(tokens) == text
    batch = tokenizer(["a", "abc"], padding=True)
    assert batch["input_ids"] == [[0, 0, 97], [97, 98, 99]]
    assert batch["attention_mask"] == [[0, 0, 1], [1, 1, 1]]


def test_the_tokenizer_of_the_tokens_goes_along_from_folder_to_folder(tmp_path, home):
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace
    from transformers import AutoTokenizer

    words = Tokenizer(WordLevel({word: n for n, word in enumerate(["[UNK]", "the", "quick", "fox"])}, "[UNK]"))
    words.pre_tokenizer = Whitespace()
    whole = replace(exported(FIRST), tokenizer=words.to_str().encode())
    write(whole, tmp_path / "folder", "folder")
    star.convert(tmp_path / "folder", tmp_path / "again")
    star.convert(tmp_path / "again", tmp_path / "winner", "transformers")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "winner", trust_remote_code=True)
    assert tokenizer("the fox is quick")["input_ids"] == [1, 3, 0, 2]
    (tmp_path / "folder" / "tokenizer.json").write_text("no JSON")
    with pytest.raises(ValueError, match=r"tokenizer\.json"):
        star.load(tmp_path / "folder")


def test_padding_on_the_right_is_refused_where_it_would_be_read(bytewise):
    model, _ = bytewise
    tokens, mask = torch.tensor([[1, 2, 0]]), torch.tensor([[1, 1, 0]])
    with pytest.raises(ValueError, match="padded on the left"):
        model(tokens, attention_mask=mask, use_cache=True)
    behind = model(tokens, attention_mask=mask).logits[:, :2]
    torch.testing.assert_close(behind, model(tokens[:, :2]).logits)


def test_activation_checkpointing_gives_the_same_gradients(bytewise):
    model, tokenizer = bytewise
    tokens = tokenizer(TEXT, return_tensors="pt")["input_ids"]
    grads = []
    for enable in (model.activation_checkpointing_disable, model.activation_checkpointing_enable):
        enable()
        model.zero_grad()
        model(tokens, labels=tokens).loss.backward()
        grads.append([parameter.grad for parameter in model.parameters()])
    assert model.model.checkpoint_activations
    torch.testing.assert_close(*grads)
    model.activation_checkpointing_disable()


@pytest.mark.slow
def test_trainer_trains_it_and_the_harness_evaluates_it(bytewise, tmp_path):
    from lm_eval import simple_evaluate
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager
    from transformers import AutoModelForCausalLM, Trainer, TrainingArguments

    model, tokenizer = bytewise
    tokens = tokenizer(TEXT * 20)["input_ids"]
    rows = [{"input_ids": tokens[at : at + 64], "labels": tokens[at : at + 64]} for at in range(0, 640, 64)]
    arguments = TrainingArguments(
        str(tmp_path), max_steps=10, per_device_train_batch_size=4, report_to=[], learning_rate=1e-2, use_cpu=True,
        logging_steps=1, save_steps=10, seed=0,
    )  # fmt: skip
    trainer = Trainer(model, arguments, train_dataset=rows)
    trainer.train()
    losses = [one["loss"] for one in trainer.state.log_history if "loss" in one]
    assert losses[-1] < losses[0] - 1
    trained = AutoModelForCausalLM.from_pretrained(tmp_path / "checkpoint-10", trust_remote_code=True)
    data = tmp_path / "data.jsonl"
    data.write_text("\n".join([json.dumps({"q": "the quick brown", "c": [" fox", " zzz"]})] * 4))
    (tmp_path / "fox.yaml").write_text(
        f"task: fox\ndataset_path: json\ndataset_kwargs: {{data_files: {{validation: {data}}}}}\n"
        "output_type: multiple_choice\nvalidation_split: validation\ndoc_to_text: '{{q}}'\n"
        "doc_to_choice: c\ndoc_to_target: 0\nmetric_list: [{metric: acc}]\n"
    )
    harness = HFLM(pretrained=trained, tokenizer=tokenizer, batch_size=2, device="cpu", prefix_token_id=10)
    results = simple_evaluate(model=harness, tasks=["fox"], task_manager=TaskManager(include_path=str(tmp_path)))
    assert results["results"]["fox"]["acc,none"] == 1
