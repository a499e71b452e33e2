"""Groups of views: which windows suit them, and which of them training draws."""

import pytest

from raytrain.config.augmentation import AugmentationSpec, OneOfSpec
from raytrain.config.augmentation.spatial import (
    AffineSpec,
    D4Spec,
    HorizontalFlipSpec,
    RotateSpec,
    TransposeSpec,
    VerticalFlipSpec,
)
from raytrain.data.augment import PRESETS
from raytrain.engine.views import (
    GROUPS,
    IDENTITY,
    drawn_groups,
    group_problems,
    views_of,
)


def test_views_are_disjoint_and_begin_with_the_identity() -> None:
    views = views_of(tuple(GROUPS))
    assert views[0] == IDENTITY
    assert len(set(views)) == len(views) == 1 + sum(map(len, GROUPS.values()))
    assert views_of(()) == (IDENTITY,)


def test_windows_that_a_group_does_not_suit_are_told() -> None:
    every = tuple(GROUPS)
    assert group_problems(every, 96, 96) == []
    assert group_problems(tuple(group for group in every if group != "turns"), 96, 128) == []
    assert group_problems(every, 96, 128) == [
        "turns: quarter turns need square windows, but these are 128x96"
    ]
    assert group_problems(every, 15, 64) == [
        "turns: quarter turns need square windows, but these are 64x15",
        "shifts: windows need at least 16 px per side, but these are 64x15",
    ]
    assert group_problems(every, 64, 64) == [
        "scales: sides are rounded to multiples of 32 px, so scaling does not change windows of "
        "64x64"
    ]
    assert group_problems(("hflip", "vflip"), 3, 5) == []


@pytest.mark.parametrize(("augmentation", "groups"), [
    ("none", ()), ("flips", ("hflip", "vflip")), ("slices", ("scales", "shifts")),
    ("system_a", ("hflip", "vflip")), ("system_b_shift", ("shifts",)), ("system_b_shear", ()),
    ("system_b_mix", ("hflip", "vflip", "turns", "shifts")), ("system_c", ("hflip",)),
    ("system_d", ("hflip", "vflip")),
    (("slices", HorizontalFlipSpec(p=0.1)), ("hflip", "scales", "shifts")),
    ((VerticalFlipSpec(p=0), HorizontalFlipSpec()), ("hflip",)),
    ((D4Spec(),), ("hflip", "vflip", "turns")), ((TransposeSpec(),), ("turns",)),
    ((RotateSpec(limit=(-180, 180)),), ("turns",)), ((RotateSpec(limit=(-90, 180)),), ("turns",)),
    ((AffineSpec(rotate=(0, 270)),), ("turns",)), ((RotateSpec(limit=(-90, 90)),), ()),
    ((AffineSpec(scale=(1, 1.1)),), ("scales",)),
    ((OneOfSpec(transforms=(VerticalFlipSpec(p=0), TransposeSpec()), p=0.3),), ("turns",)),
    ((OneOfSpec(transforms=(VerticalFlipSpec(),), p=0),), ()),
])  # fmt: skip
def test_the_groups_that_training_draws(
    augmentation: AugmentationSpec, groups: tuple[str, ...]
) -> None:
    assert drawn_groups(augmentation) == groups


def test_every_preset_is_understood() -> None:
    assert all(set(drawn_groups(preset)) <= set(GROUPS) for preset in PRESETS)
