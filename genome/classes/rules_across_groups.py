"""Rules about digits of several feature groups that must fit each other."""

from __future__ import annotations

from collections.abc import Iterator

from genome.classes.alphabet import (
    ChannelMixing,
    Expansion,
    Generator,
    Nonlinearity,
    Normalisation,
    Repeat,
    Source,
    TokenMixing,
)
from genome.classes.choices import FIXED_GROUPS, RECURRENT
from genome.classes.feature_groups import CONVOLVED_INPUT, OUTPUT
from genome.classes.operator import FeaturizerGenome, OperatorGenome
from genome.classes.quantities import RANKS
from genome.classes.rule import Rule, choice


def _unit_gates(operator: OperatorGenome, featurizer: FeaturizerGenome) -> Iterator[str]:
    """A Toeplitz operator may have queries or keys of ones, and a recurrence with heads of one channel such queries."""
    for name, group in featurizer.groups:
        if name not in "cb" or group.source is not Source.CONSTANT:
            continue
        where = f"featurizer {featurizer.id}, group {name}"
        reads_all = operator.channel_mixing is ChannelMixing.DIAGONAL and group.expansion is Expansion.SAME
        whole = name == "c" and operator.token_mixing is TokenMixing.SEMI_SEPARABLE and reads_all
        if operator.token_mixing is not TokenMixing.TOEPLITZ and not whole:
            yield f"{where}: only toeplitz can do without this gate; its source must be 1 (projected)"
        if operator.channel_mixing is ChannelMixing.OUTER:
            yield f"{where}: outer products (channel mixing 4) need a projected group; its source must be 1 (projected)"
        if group.normalisation is not Normalisation.NONE:
            yield f"{where}: a unit gate has normalisation 1"


def _rotary(operator: OperatorGenome, featurizer: FeaturizerGenome) -> Iterator[str]:
    """Queries and keys are rotated together, so that their products depend on the distance of two tokens alone."""
    rotated = [name for name, group in featurizer.groups if group.generator is Generator.ROTARY]
    where = f"featurizer {featurizer.id}: generator 24 (rotary)"
    if not rotated:
        return
    if operator.token_mixing not in RECURRENT:
        yield f"{where} belongs to token mixing 4 and 5; 2 rotates queries and keys anyway"
    if rotated != ["c", "b"]:
        yield f"{where} is for c and b together, not for {rotated[0]} alone"
    if operator.nonlinearity is Nonlinearity.NORMALISED:
        yield f"{where} makes products negative, which nonlinearity 6 (normalised) cannot divide by"
    if operator.channel_mixing is ChannelMixing.DIAGONAL and featurizer["c"].expansion is Expansion.SAME:
        yield f"{where} needs heads of more than one channel, not channel mixing 1 (diagonal)"


def _shared_decay(operator: OperatorGenome, featurizer: FeaturizerGenome) -> Iterator[str]:
    """Sixteen neighbouring channels may share a decay only if each channel is a head."""
    if operator.channel_mixing is ChannelMixing.DIAGONAL:
        return
    for name, group in featurizer.groups:
        if group.repeat is Repeat.SIXTEEN:
            where = f"featurizer {featurizer.id}, group {name}"
            yield f"{where}: repeat 16 needs heads of one channel, channel mixing 1 (diagonal); use repeat 1 (one)"


def _equal_digits(operator: OperatorGenome, featurizer: FeaturizerGenome) -> Iterator[str]:
    """Groups that are multiplied with each other must have the same channels and heads."""
    pairs = {
        TokenMixing.DIAGONAL: [("c", "v", "expansion")],
        TokenMixing.LOW_RANK: [("b", "v", "repeat")],
        TokenMixing.TOEPLITZ: [],
        TokenMixing.SEMI_SEPARABLE: [("c", "b", "expansion")],
        TokenMixing.DELTA: [("c", "b", "expansion")],
        TokenMixing.MEMORY_CELL: [],
    }
    for one, other, digit in pairs[operator.token_mixing]:
        if getattr(featurizer[one], digit) is not getattr(featurizer[other], digit):
            yield f"featurizer {featurizer.id}: groups {one} and {other} must have the same {digit}"
    if operator.token_mixing in RECURRENT:
        decay, keys = featurizer["a"].expansion, featurizer["b"].expansion
        if decay not in (keys, Expansion.PER_HEAD):
            yield f"featurizer {featurizer.id}: group a must have the expansion of b, or {Expansion.PER_HEAD.value}"


def _complement(operator: OperatorGenome, featurizer: FeaturizerGenome) -> Iterator[str]:
    """Keys that are the complement of the decay need one decay for each key channel of each head, and unit steps."""
    where = f"featurizer {featurizer.id}, group b"
    if "b" not in featurizer.names:
        return
    keys = featurizer["b"]
    if keys.generator is not Generator.COMPLEMENT:
        if "a" in featurizer.names and featurizer["a"].generator is Generator.SOFTMAX:
            yield f"{where}: a softmax over time (generator 21 of a) needs generator 20 (complement)"
        return
    if operator.token_mixing is not TokenMixing.SEMI_SEPARABLE:
        yield f"{where}: generator 20 (complement of the decay) belongs to token mixing 4 (semi-separable)"
    elif keys != FIXED_GROUPS[Generator.COMPLEMENT]:
        yield f"{where}: generator 20 (complement of the decay) computes nothing else: its other digits are the default"
    elif featurizer["a"].source is not Source.PROJECTED or featurizer["a"].expansion is not Expansion.SAME:
        yield f"{where}: generator 20 (complement of the decay) needs a projected a with expansion 1"
    elif featurizer["a"].repeat is not Repeat.ONE:
        yield f"{where}: generator 20 (complement of the decay) needs a decay for every head: repeat 1 of a"
    elif featurizer["d"].generator is not Generator.ONES:
        yield f"{where}: generator 20 (complement of the decay) needs unit steps: generator 6 of d"


def _delta_rule(operator: OperatorGenome, featurizer: FeaturizerGenome) -> Iterator[str]:
    """I - beta k k^T must not increase the norm of the state: k has unit length, and beta is at most one."""
    if operator.token_mixing is not TokenMixing.DELTA:
        return
    where, (keys, shares) = f"featurizer {featurizer.id}, group", (featurizer["b"], featurizer["d"])
    yield from choice(f"{where} b of a delta rule", "normalisation", keys.normalisation, (Normalisation.L2,))
    if not shares.constant:
        yield from choice(f"{where} d of a delta rule", "nonlinearity", shares.nonlinearity, (Nonlinearity.SIGMOID,))


def _widened(operator: OperatorGenome, featurizer: FeaturizerGenome) -> Iterator[str]:
    """A diagonal or grouped projection has as many channels as the input, so values of twice the width allow none.

    Heads of one channel are not halved.
    """
    values = featurizer["v"].expansion
    wide = {Expansion.DOUBLE: ("v", OUTPUT), Expansion.DOUBLE_HEADS: featurizer.names}.get(values, ())
    for name, group in featurizer.groups:
        where = f"featurizer {featurizer.id}, group {name}"
        if name in wide and not group.constant:
            legal = (ChannelMixing.DENSE, *RANKS, ChannelMixing.ROUTED)
            yield from choice(f"{where} beside values of twice the width", "channel mixing", group.channel, legal)
        if group.expansion is Expansion.HALF and operator.channel_mixing is ChannelMixing.DIAGONAL:
            yield f"{where}: expansion 14 (half) needs heads of several channels, not channel mixing 1 (diagonal)"


def _from_convolved(operator: OperatorGenome, featurizer: FeaturizerGenome) -> Iterator[str]:
    """Gates of a memory cell may be projected from the convolved input, which no other group reads."""
    reading = [name for name, group in featurizer.groups if group.source is Source.CONVOLVED]
    if bool(reading) is not (CONVOLVED_INPUT in featurizer.names):
        yield f"featurizer {featurizer.id}: source 6 (convolved) of b or f and group {CONVOLVED_INPUT} need each other"
    if reading and operator.token_mixing is not TokenMixing.MEMORY_CELL:
        yield f"featurizer {featurizer.id}, group {reading[0]}: source 6 (convolved) belongs to token mixing 6"


def _from_values(operator: OperatorGenome, featurizer: FeaturizerGenome) -> Iterator[str]:
    """Only a recurrence computes groups from its values, whose number of channels need not be that of the input."""
    for name, group in featurizer.groups:
        if group.source is not Source.VALUES:
            continue
        where = f"featurizer {featurizer.id}, group {name}"
        if operator.token_mixing not in RECURRENT:
            yield f"{where}: source 4 (values) belongs to token mixing 4 and 5; its source must be 1 (projected)"
        yield from choice(f"{where} from values", "channel mixing", group.channel, (ChannelMixing.DENSE, *RANKS))


RULES_ACROSS_GROUPS: tuple[Rule, ...] = (
    _widened,
    _from_values,
    _from_convolved,
    _unit_gates,
    _rotary,
    _shared_decay,
    _equal_digits,
    _complement,
    _delta_rule,
)
