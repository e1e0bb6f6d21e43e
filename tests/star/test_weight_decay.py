"""Which parameters weight decay shrinks, for every class: the two lists below are all the names there are."""

import pytest

from genome import CLASSES, Genome, Shape, Space, decode
from star.build import skeleton
from star.weight_decay import decaying_parameters

DECAYING = {
    "embedding_VD": "token embedding",
    "head_VD": "output head",
    "out_DC": "projection back to the model width",
    "weight": "projection of a feature group",
    "down_RD": "first factor of a projection of low rank",
    "taps": "short convolution of a feature group",
    "taps_HW": "explicit filter",
    "first_ME": "implicit filter, first layer",
    "first_M3": "filter net of sines, first layer",
    "second_MM": "implicit filter, second layer",
    "third_MM": "filter net of sines, third layer",
    "last_HM": "implicit filter, last layer",
    "output_HN": "output map of a state-space model (C)",
    "output_HN2": "output map of a diagonal state-space model (C)",
    "residue_HN": "residues of real modes",
    "weight_MD": "centroids of routes",
    "weight_MID": "experts",
    "weight_HC": "feedback of a memory cell, or maps of a latent to the heads",
    "gate_DC": "gate of a gated linear unit",
}
SPARED = {
    "log_rate_H1": "decay rate",
    "bound_HK": "lower bound of a decay",
    "log_rate_H": "decay rate",
    "log_rate_HK": "decay rate",
    "log_rate_HN": "decay rate",
    "log_rate_HP": "decay rate",
    "log_step_H": "step size",
    "bias_H": "bias of step sizes",
    "bias_HK": "bias of a gate",
    "bias_D1": "bias of the output",
    "gate_bias_D1": "bias of a gated linear unit",
    "bias_C": "bias of a projection",
    "taps_bias_C": "bias of a short convolution",
    "first_bias_M": "bias of a filter net",
    "second_bias_M": "bias of a filter net",
    "third_bias_M": "bias of a filter net",
    "frequency_M": "frequency of sines",
    "frequency_HN": "frequency of a mode",
    "frequency_HP": "frequency of a mode",
    "low_rank_HN": "rank-one part of a state matrix",
    "input_HN": "input map of a state-space model (B)",
    "feedback_HN": "companion column of a state matrix",
    "denominator_HN": "denominator of a transfer function, its poles",
    "weight_HV": "weight of values in the output",
    "skip_H": "direct way from input to output (D)",
    "balance": "balance of a differential pair",
    "vectors_N4K": "balance of differential attention",
    "norm.weight": "gain of a norm",
}


def _leaf(name: str) -> str:
    *owner, leaf = name.split(".")
    return f"norm.{leaf}" if owner and owner[-1] == "norm" else leaf


@pytest.mark.parametrize("row", CLASSES, ids=lambda row: row.name)
def test_every_parameter_is_listed_as_decaying_or_spared(row):
    model = skeleton(decode(Genome.of([row.id]), Space.of([row.name], depth=1)), Shape())
    decaying = set(decaying_parameters(model))
    for name, _ in model.named_parameters():
        assert _leaf(name) in (DECAYING if name in decaying else SPARED), name


def test_no_name_is_on_both_lists():
    assert DECAYING.keys() & SPARED.keys() == set()
