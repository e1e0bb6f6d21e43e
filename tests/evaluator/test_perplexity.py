"""The perplexity beside a score that is a cross-entropy."""

import pytest

import evaluator.evaluate
from evaluator.measure import Measured
from tests.evaluator.test_evaluate import TEXT, changed

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize("bits", [0.0, 2.0, 7.5])
def test_perplexity_is_the_base_to_the_power_of_a_cross_entropy(bits, monkeypatch):
    """Its standard error is that of a small change of the score."""
    monkeypatch.setattr(evaluator.evaluate, "quality", lambda *arguments: Measured(bits, 1e-4))
    found = evaluator.evaluate.evaluate(changed(TEXT, steps=1)).metrics
    assert found["perplexity"] == 2**bits
    assert found["perplexity_stderr"] == pytest.approx(2 ** (bits + 1e-4) - 2**bits, rel=1e-3)
    assert TEXT.task.chances == {"bits_per_byte": 8, "perplexity": 256}
