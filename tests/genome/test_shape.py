"""The shape of a job and the head sizes that follow from it."""

import pytest

from genome import FEATURIZERS, Heads, Shape, ShapeError, named

BY_ID = {row.id: row for row in FEATURIZERS}


@pytest.mark.parametrize(
    ("sizes", "field", "said"),
    [
        ({"width": 0}, "width", "width must be 1 or more, not 0"),
        ({"head_dim": -1}, "head_dim", "head_dim must be 1 or more, not -1"),
        ({"vocab": 0}, "vocab", "vocab must be 1 or more, not 0"),
        ({"width": 40, "head_dim": 16}, "head_dim", "width 40 must be a multiple of head_dim 16"),
    ],
)
def test_sizes_that_do_not_fit_are_refused_by_name(sizes: dict[str, int], field: str, said: str) -> None:
    with pytest.raises(ShapeError, match=said) as refused:
        Shape(**sizes)
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("name", "head_sizes"),
    [
        ("SA-1", {"c": (4, 16), "b": (4, 16), "v": (4, 16)}),
        ("SA-3", {"c": (4, 16), "b": (1, 16), "v": (1, 16)}),
        ("SA-4-Diff", {"c": (4, 16), "b": (2, 16), "v": (2, 16)}),
        ("Rec-1", {"c": (1, 16), "b": (1, 16), "a": (64, 16), "d": (64, 1), "v": (64, 1)}),
        ("Rec-2", {"c": (1, 2), "b": (1, 2), "a": (64, 2), "d": (64, 1), "v": (64, 1)}),
        ("GConv-1", {"c": (64, 1), "b": (64, 1), "h": (64, 1), "v": (64, 1)}),
        ("GMemless", {"c": (1, 176), "v": (1, 176)}),
    ],
)
def test_head_sizes_of_the_feature_groups(name: str, head_sizes: dict[str, tuple[int, int]]) -> None:
    row = named(name)
    groups = Shape(width=64, head_dim=16).group_sizes(row, BY_ID[row.operator.featurizer])
    assert groups == {group: Heads(*head_size) for group, head_size in head_sizes.items()}
    assert groups["v"].channels == groups["v"].heads * groups["v"].size


@pytest.mark.parametrize(("width", "channels"), [(128, 352), (768, 2048), (2048, 5472), (6, 16), (1, 16)])
def test_the_mlp_ratio_is_eight_thirds_rounded_up_to_sixteen(width: int, channels: int) -> None:
    row = named("GMemless")
    assert Shape(width, width).group_sizes(row, BY_ID[9])["v"].channels == channels


def test_heads_that_cannot_share_are_refused_naming_class_and_sizes() -> None:
    row = named("SA-3")
    said = "class 3 SA-3 shares each b head among 4 heads; width 32 with head_dim 16 gives 2 heads"
    with pytest.raises(ShapeError, match=said) as refused:
        Shape(width=32, head_dim=16).group_sizes(row, BY_ID[3])
    assert refused.value.field == "head_dim"


def test_json_is_read_back() -> None:
    shape = Shape(width=96, head_dim=32, vocab=17)
    assert Shape.from_json(shape.to_json()) == shape
