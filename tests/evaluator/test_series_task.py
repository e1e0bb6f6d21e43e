"""The series task: tables that it reads and refuses, windows that do not cross the split, scaling, score, training."""

import gzip
from pathlib import Path

import numpy as np
import pyarrow
import pytest
import torch
from pyarrow import parquet

import star
from evaluator.budget import Budget
from evaluator.evaluation import Request
from evaluator.inline import InlineEvaluator
from evaluator.tasks.series import SeriesTask
from evaluator.value import FieldError
from genome import Genome, Shape, Space, decode, named

STEPS = 500
BUDGET = Budget(length=16, batch=8, validation=9)


def numbers(steps: int = STEPS) -> np.ndarray:
    """Two columns of different sizes: a line, and a wave."""
    time = np.arange(steps)
    return np.stack([1000.0 + time, 0.01 * np.sin(time / 3)], axis=1)


def written(folder: Path, values: np.ndarray, name: str = "series.csv", end: str = "\n") -> Path:
    path = folder / name
    dates = [f"2016-07-01 {n}:00" for n in range(len(values))]
    if name.endswith(".parquet"):
        parquet.write_table(pyarrow.table({"date": dates, "a": values[:, 0], "b": values[:, 1]}), path)
        return path
    rows = ["date,a,b", *(f"{date},{a!r},{b!r}" for date, (a, b) in zip(dates, values.tolist(), strict=True))]
    content = (end.join(rows) + end).encode()
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return path


def task(path: Path, **fields) -> SeriesTask:
    return SeriesTask(data=str(path), **fields).permitted([path.parent])


def test_windows_hold_the_steps_and_their_targets_those_that_follow(tmp_path):
    declared = task(written(tmp_path, numbers()), horizon=3)
    assert declared.columns == ("a", "b")
    assert (declared.channels, declared.vocab) == (2, 6)
    loaded = declared.load(BUDGET)
    train = numbers()[:400]
    for inputs, targets in (loaded.draw(np.random.default_rng(0)), loaded.validation):
        assert inputs.shape[1:] == (16, 2)
        assert targets.shape[1:] == (16, 6)
        line = inputs[..., 0] * train[:, 0].std() + train[:, 0].mean() - 1000
        following = targets.unflatten(2, (3, 2))[..., 0] * train[:, 0].std() + train[:, 0].mean() - 1000
        torch.testing.assert_close(following, line[..., None] + torch.tensor([1.0, 2.0, 3.0]), atol=1e-3, rtol=0)


def test_no_window_crosses_from_training_into_what_is_held_out(tmp_path):
    loaded = task(written(tmp_path, numbers()), horizon=3).load(Budget(length=16, batch=500, validation=100))
    train = numbers()[:400, 0]

    def steps(examples):
        values = torch.cat([examples.tokens[..., 0].flatten(), examples.targets[..., -2].flatten()])
        return set((values * train.std() + train.mean() - 1000).round().int().tolist())

    rng = np.random.default_rng(0)
    drawn = set().union(*(steps(loaded.draw(rng)) for _ in range(20)))
    assert drawn == set(range(400))
    assert min(steps(loaded.validation)) == 400
    assert max(steps(loaded.validation)) == 499


@pytest.mark.parametrize("name", ["series.csv.gz", "series.parquet"])
def test_other_formats_are_read_alike(tmp_path, name):
    plain = task(written(tmp_path, numbers())).load(BUDGET).validation
    other = task(written(tmp_path, numbers(), name)).load(BUDGET).validation
    assert torch.equal(plain.tokens, other.tokens)
    assert torch.equal(plain.targets, other.targets)


def test_windows_line_ends_and_a_mark_of_the_byte_order_change_nothing(tmp_path):
    plain = task(written(tmp_path, numbers())).load(BUDGET).validation
    path = written(tmp_path, numbers(), "other.csv", end="\r\n")
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert torch.equal(plain.tokens, task(path).load(BUDGET).validation.tokens)


def test_the_score_is_the_squared_error_of_the_last_forecast_and_the_mean_has_that_of_chance(tmp_path):
    rng = np.random.default_rng(0)
    declared = task(written(tmp_path, rng.standard_normal((20_000, 2))), horizon=2)
    loaded = declared.load(Budget(length=4, batch=2, validation=2000))
    targets = loaded.validation.targets
    assert loaded.score(torch.zeros_like(targets), targets).mean().item() == pytest.approx(declared.chance, abs=0.06)
    forecasts = targets.clone()
    forecasts[:, :-1] += 5
    forecasts[0, -1, 0] += 2
    assert loaded.score(forecasts, targets)[:2].tolist() == pytest.approx([1.0, 0.0])


REFUSED = {
    "a hole": ("date,a,b\nx,1,2\nx,,2\n", r"series\.csv, row 2: '' in column 'a' is no finite number"),
    "not a number": ("date,a,b\nx,1,2\nx,nan,2\n", r"row 2: 'nan' in column 'a' is no finite number"),
    "too large": ("a,b\n1,2\n1e300,2\n", r"row 2: '1e300' in column 'a' is no finite number"),
    "a short row": ("date,a,b\nx,1,2\nx,1\n", r"row 2 has 2 values; the header has 3 columns"),
    "a name twice": ("a,a\n1,2\n", "has two columns of one name; its columns are a, a"),
    "no numbers": ("date,name\nx,y\n", "has no column of numbers; its columns are date, name"),
    "a header alone": ("date,a\n", "has no row below its header"),
    "empty": ("", r"series\.csv is empty"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_broken_table_is_refused_by_name_and_row(tmp_path, what):
    content, says = REFUSED[what]
    path = tmp_path / "series.csv"
    path.write_text(content)
    with pytest.raises(FieldError, match=says) as refused:
        task(path)
    assert refused.value.field == ("task", "data")


def test_files_that_are_no_tables_are_refused(tmp_path):
    path = written(tmp_path, numbers(), "series.parquet")
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(FieldError, match=r"series\.parquet is no whole Parquet file"):
        task(path)
    path = written(tmp_path, numbers(), "series.csv.gz")
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(FieldError, match=r"series\.csv\.gz cannot be read whole"):
        task(path)
    content = bytearray(written(tmp_path, numbers(), "series.csv.gz").read_bytes())
    content[10] = 0x07  # the first byte behind the header: a kind of block that there is not
    path.write_bytes(content)
    with pytest.raises(FieldError, match=r"series\.csv\.gz cannot be read whole"):
        task(path)
    path = tmp_path / "latin.csv"
    path.write_bytes("größe,b\n1,2\n".encode("latin-1"))
    with pytest.raises(FieldError, match=r"latin\.csv cannot be read whole: 'utf-8' codec"):
        task(path)
    link = tmp_path / "elsewhere" / "link.csv"
    link.parent.mkdir()
    link.symlink_to(written(tmp_path, numbers()))
    with pytest.raises(FieldError, match="is not allowed"):
        SeriesTask(data=str(link)).permitted([link.parent])


def test_columns_and_lengths_that_do_not_fit_are_refused(tmp_path):
    path = written(tmp_path, numbers())
    with pytest.raises(FieldError, match="has no column 'c'; it has date, a, b"):
        task(path, columns=("a", "c"))
    with pytest.raises(FieldError, match="row 1: '2016-07-01 0:00' in column 'date' is no finite number"):
        task(path, columns=("date",))
    with pytest.raises(FieldError, match="length must be 2 to 76, not 77: the held-out part has 100 steps"):
        task(path).load(Budget(length=77))
    constant = numbers()
    constant[:, 1] = 3
    with pytest.raises(FieldError, match="column 'b' never changes in training; leave it out"):
        task(written(tmp_path, constant)).load(BUDGET)


@pytest.mark.slow
def test_an_architecture_forecasts_a_wave_is_counted_exactly_and_leaves_as_a_module(tmp_path):
    wave = np.stack([np.sin(np.arange(2000) / 3), np.cos(np.arange(2000) / 5)], axis=1)
    declared = task(written(tmp_path, wave), horizon=2)
    shape = Shape(width=32, head_dim=8, vocab=declared.vocab, channels=2)
    space, genome = Space.of(depth=2), Genome.of([named("SA-1").id, named("GMemless").id])
    budget = Budget(steps=200, batch=16, length=32, validation=64)
    evaluator = InlineEvaluator()
    evaluator.submit(Request(0, 0, str(genome), space.to_json(), shape, declared, budget))
    (evaluation,) = evaluator.collect(600)
    assert evaluation.detail == ""
    assert evaluation.metrics["squared_error"] < 0.05
    assert evaluation.metrics["decode_ms"] > 0
    model = star.build(decode(genome, space), shape)
    assert evaluation.metrics["parameters"] == sum(parameter.numel() for parameter in model.parameters())
    folder = star.export(tmp_path / "winner", genome, space, shape, star.weights(model), {})
    assert "(1, 8, 2)" in (folder / "README.md").read_text()
    inputs = torch.randn(1, 5, 2)
    assert torch.equal(star.load(folder)(inputs), model(inputs))
    cache = model.new_cache()
    stepped = torch.cat([model(inputs[:, t : t + 1], cache) for t in range(5)], 1)
    torch.testing.assert_close(stepped, model(inputs), atol=1e-5, rtol=1e-4)


def test_shapes_that_were_stored_before_there_were_channels_are_the_same():
    stored = {"width": 64, "head_dim": 16, "vocab": 256, "window": 64}
    assert Shape.from_json(stored) == Shape()
    assert Shape().to_json() == stored
    assert Shape.from_json(Shape(channels=3).to_json()) == Shape(channels=3)
