"""The comparison with peers is fair: both sides compute the same from the same weights, or a row says how they differ.

D model width.
"""

import json
import subprocess
import sys
from pathlib import Path

import peers
import pytest
import torch
from peering import clock, rows
from peering.ours import filled
from peering.pair import Pair, Row, Side, Sizes
from reports.peers import written

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "benchmarks" / "peers.py"
TINY = Sizes(width=32, head_dim=8, length=128, batch=2)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of the peers
@pytest.mark.parametrize("row", rows.ROWS, ids=lambda row: row.name)
def test_both_sides_compute_the_same_or_a_row_says_how_they_differ(row):
    missing = rows.lacking(row)
    if missing:
        pytest.skip(f"{' and '.join(missing)} must be installed")
    pair = row.build(TINY._replace(batch=1) if row.compared == "token" else TINY)
    with torch.no_grad():
        ours, theirs = (side.run() for side in pair)
    assert ours.shape == theirs.shape
    error = (ours - theirs).square().mean().sqrt() / theirs.square().mean().sqrt()
    assert (error < 1e-5) == row.agrees
    assert row.differs or pair.ours.parameters == pair.peer.parameters


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of the peers
def test_each_timing_of_a_token_begins_after_the_same_tokens():
    (row,) = rows.chosen("LlamaForCausalLM")
    if rows.lacking(row):
        pytest.skip("transformers must be installed")
    for side in row.build(TINY._replace(batch=1)):
        first = side.run()
        second = side.run()
        side.before()  # decodes one token
        again = side.run()
        assert not torch.equal(first, second)
        torch.testing.assert_close(again, second)


def test_no_two_rows_have_one_name():
    names = [row.name for row in rows.ROWS]
    assert len(set(names)) == len(names)


def _run(*options):
    command = [sys.executable, SCRIPT, *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_one_command_measures_a_row_and_prints_the_page(tmp_path):
    path = tmp_path / "new" / "peers.json"
    done = _run("--rows", "^s4d", "--widths", "32", "--pairs", "3", "--json", path)
    assert done.returncode == 0, done.stderr
    found = json.loads(path.read_text())
    (row,) = found["rows"]
    assert (row["width"], row["length"], row["pairs"]) == (32, 512, 3)
    assert row["parameters"][0] == row["parameters"][1] > 0
    assert 0 < row["least"] <= row["ratio"] <= row["most"]
    assert row["peak_bytes"] is None or min(row["peak_bytes"]) > 0
    assert found["versions"]["torch"] == torch.__version__
    assert row["row"] in done.stderr
    assert done.stdout.startswith("# Operators beside their peers")


def test_a_pattern_that_finds_nothing_lists_the_rows():
    with pytest.raises(ValueError, match=r"no row is named like 'SA-99'; the rows are: SA-1 / LlamaAttention, layer; "):
        rows.chosen("SA-99")


def test_a_row_whose_package_is_missing_is_skipped_by_name(monkeypatch, capsys):
    monkeypatch.setattr(rows, "find_spec", lambda package: None)
    assert list(peers.results(rows.chosen("MambaBlock"), [64], 3)) == []
    assert "Skipped: Mamba-1-Published / MambaBlock, layer, as mambapy must be installed" in capsys.readouterr().err


def _row(ours, peer):
    def build(sizes):
        return Pair(Side(ours, (), 0), Side(peer, (), 0))

    return Row("a", "b", (), "layer", build)


def test_outputs_of_different_shapes_are_not_compared():
    row = _row(lambda: torch.zeros(2), lambda: torch.zeros(3))
    with pytest.raises(ValueError, match=r"a / b, layer: our output is \(2,\), the peer's \(3,\)"):
        clock.measured(row, TINY, 3)


def test_the_ratio_is_ours_over_the_peers_and_a_clear_one_needs_three_pairs():
    x_DD, little = torch.randn(256, 256), torch.randn(256)
    found = clock.measured(_row(little.sin, lambda: (x_DD @ x_DD)[0]), TINY, 9)
    assert found["ratio"] < clock.DECIDED
    assert found["pairs"] == clock.FEWEST
    found = clock.measured(_row(lambda: (x_DD @ x_DD)[0], little.sin), TINY, 5)
    assert found["ratio"] > 1
    assert found["pairs"] == 5


@pytest.mark.skipif(sys.platform != "linux", reason="peaks are read from Linux")
def test_the_peak_is_that_of_what_one_pass_holds():
    found = clock.measured(_row(lambda: torch.ones(2**24).sum(), lambda: torch.ones(2**26).sum()), TINY, 3)
    ours, theirs = found["peak_bytes"]
    assert ours == pytest.approx(2**26, rel=0.1)
    assert theirs == pytest.approx(2**28, rel=0.1)


def test_weights_of_a_peer_are_all_given():
    module = torch.nn.Linear(2, 2)
    with pytest.raises(ValueError, match="the parameter bias of Linear is not given"):
        filled(module, {"weight": torch.zeros(2, 2)})
    with pytest.raises(ValueError, match="Linear has no parameters gain"):
        filled(module, {"weight": torch.zeros(2, 2), "bias": torch.zeros(2), "gain": torch.zeros(2)})


def _result(row, width, ratio):
    return {
        "row": row.name, "differs": row.differs, "width": width, "head_dim": 16, "length": 512, "batch": 4,
        "date": "2026-01-01", "pairs": 9, "parameters": [10, 10], "milliseconds": [2.0, 1.0], "ratio": ratio,
        "least": 0.05, "most": 3.0, "peak_bytes": [1, 2], "memory_ratio": 0.5,
    }  # fmt: skip


def test_the_page_tells_where_a_peer_is_faster():
    first, second = rows.ROWS[:2]
    found = {"processor": "a processor", "cores": 2, "versions": {"torch": "2"}, "load": 1.0}
    page = written({**found, "rows": [_result(first, 64, 1.2), _result(second, 64, 1.01)]})
    assert f"1 of 2 rows are above 1.05:\n\n- {first.name}, 512 tokens, width 64: 1.20 (0.05 to 3.00)\n" in page
    assert f"| {first.name} | 64 | 4 × 512 | 2 | 1.20 (0.05 to 3.00) | 0.50 | - |" in page


def test_a_later_run_replaces_its_rows_and_keeps_the_others():
    first, second = rows.ROWS[:2]
    before = [_result(second, 64, 1.0), _result(first, 64, 1.0), {**_result(first, 64, 1.0), "row": "gone"}]
    kept = peers.merged(before, [_result(first, 64, 2.0), _result(first, 256, 3.0)])
    assert [(row["row"], row["width"], row["ratio"]) for row in kept] == [
        (first.name, 64, 2.0), (first.name, 256, 3.0), (second.name, 64, 1.0),
    ]  # fmt: skip


@pytest.mark.skipif(not peers.FIGURES.is_file(), reason="nothing is measured yet")
def test_the_page_is_that_of_the_figures():
    figures = json.loads(peers.FIGURES.read_text(encoding="utf-8"))
    assert peers.REPORT.read_text(encoding="utf-8") == written(figures)
