"""Rules about attention: latents that all heads read, and heads in pairs."""

from __future__ import annotations

from collections.abc import Iterator

from genome.classes.alphabet import ChannelMixing, Expansion, Generator, Repeat, Sparsity, TokenMixing
from genome.classes.choices import FIXED_GROUPS
from genome.classes.feature_groups import BALANCE, DECOMPRESSION, OUTPUT
from genome.classes.operator import FeaturizerGenome, OperatorGenome
from genome.classes.quantities import RANKS
from genome.classes.rule import Rule, choice


def _latent(operator: OperatorGenome, featurizer: FeaturizerGenome) -> Iterator[str]:
    """All heads read one latent as keys and values: queries and keys have its size, and values are its channels."""
    latent = [name for name, group in featurizer.groups if group.expansion is Expansion.LATENT]
    values = featurizer["v"]
    for name, group in featurizer.groups:
        if name == DECOMPRESSION and values.generator is not Generator.TIED:
            yield f"featurizer {featurizer.id}, group {name}: only a latent is decompressed: generator 23 of v"
        if group.generator is Generator.LATENT_NORM and group.expansion is not Expansion.LATENT:
            yield f"featurizer {featurizer.id}, group {name}: generator 41 needs a latent: expansion 8"
    if not latent and values.generator is not Generator.TIED:
        return
    where = f"featurizer {featurizer.id}, group"
    if operator.token_mixing is not TokenMixing.LOW_RANK or operator.sparsity is Sparsity.ROUTED:
        yield f"{where} v: generator 23 (tied to the latent) belongs to token mixing 2 with sparsity 1 or 2"
    for name in "cb":
        given = featurizer[name].expansion
        yield from choice(f"{where} {name} beside a latent", "expansion", given, (Expansion.LATENT,))
    yield from choice(f"{where} b of a latent", "repeat", featurizer["b"].repeat, (Repeat.ALL,))
    yield from choice(f"{where} v of a latent", "generator", values.generator, (Generator.TIED,))
    if OUTPUT in featurizer.names and not featurizer[OUTPUT].constant:
        legal = (ChannelMixing.DENSE, *RANKS)
        yield from choice(f"{where} o of a latent", "channel mixing", featurizer[OUTPUT].channel, legal)
    if values != FIXED_GROUPS[Generator.TIED]:
        digits = ".".join(map(str, FIXED_GROUPS[Generator.TIED].digits))
        yield f"{where} v: generator 23 (tied to the latent) computes nothing: its digits are {digits}"


def _differential(operator: OperatorGenome, featurizer: FeaturizerGenome) -> Iterator[str]:
    """Two softmaxes read the same values, which have the channels of both heads."""
    if "v" not in featurizer.names:
        return
    where, paired = f"featurizer {featurizer.id}, group", featurizer["v"].expansion is Expansion.PAIRED
    if paired is not (BALANCE in featurizer.names):
        yield f"{where} v: expansion 15 (paired) goes with group {BALANCE}, which subtracts every second softmax"
    if BALANCE in featurizer.names and operator.sparsity is Sparsity.ROUTED:
        yield f"{where} {BALANCE}: routes (sparsity 3) are not paired; use sparsity 1 or 2"
    if BALANCE in featurizer.names and operator.channel_mixing is ChannelMixing.DENSE:
        yield f"{where} {BALANCE}: one head (channel mixing 2) makes no pair; use channel mixing 3"


ATTENTION_RULES: tuple[Rule, ...] = (_latent, _differential)
