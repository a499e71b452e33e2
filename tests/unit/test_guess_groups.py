"""Groups from names and from how much images resemble each other."""

from collections.abc import Sequence
from math import comb

import numpy as np
import pytest

from raytrain.data.guess.beginnings import _hold
from raytrain.data.guess.groups import group_of
from raytrain.data.guess.kinds import Images, epochs_for, framing, kind_of


def signatures(owners: Sequence[object], alike: float = 0.9, seed: int = 0) -> np.ndarray:
    """Return rows that correlate by `alike` if they have the same owner, and by 0 otherwise."""
    rng = np.random.default_rng(seed)
    common = {owner: rng.normal(size=4096) for owner in dict.fromkeys(owners)}
    noise_ND = rng.normal(size=(len(owners), 4096))
    own_ND = np.stack([common[owner] for owner in owners])
    return (np.sqrt(alike) * own_ND + np.sqrt(1 - alike) * noise_ND).astype(np.float16)


@pytest.mark.parametrize(
    ("size", "first", "rule"),
    [(2, 1, "(N+1)//2"), (2, 0, "N//2"), (3, 1, "(N+2)//3"), (5, 0, "N//5")],
)
def test_blocks_of_numbers_that_are_alike(size: int, first: int, rule: str) -> None:
    names = [f"scan{n + first}" for n in range(60)]
    owners = [n // size for n in range(60)]
    assert group_of(names, signatures(owners)).value == rule


def test_frames_of_videos_end_where_nothing_is_alike() -> None:
    owners = [0] * 17 + [1] * 30 + [2] * 13 + [3] * 25
    names = [f"{n}" for n in range(1, 86)]
    assert group_of(names, signatures(owners)).value == {"name": "ends", "ends": [17, 47, 60, 85]}


def test_one_volume_is_divided_into_blocks() -> None:
    assert group_of([f"z{n}" for n in range(30)], signatures([0] * 30)).value == "N//5"


def test_the_words_of_splits_are_no_groups() -> None:
    names = [f"{split}_{n}" for split in ("train", "val", "test") for n in range(8)]
    assert group_of(names, signatures(range(24))).value == {"name": "own"}


def test_images_that_are_not_alike_are_their_own_groups() -> None:
    own = {"name": "own"}
    assert group_of([f"{n}" for n in range(40)], signatures(range(40))).value == own
    years = [f"{2007 + n % 5}_{n * 37 % 10_000:06d}" for n in range(40)]
    assert group_of(years, signatures(range(40))).value == own


@pytest.mark.parametrize(
    ("names", "rule"),
    [
        ([f"car{c:x}_{view:02d}" for c in range(10, 16) for view in range(1, 5)], "{group}_*"),
        ([f"case{c}_day{d}_slice_{s:04d}" for c in (2, 7, 15, 40) for d in (0, 4) for s in (1, 2)],
         "{group}_*"),
        ([f"lab_p{p}_s{s}" for p in range(6) for s in range(8)], "lab_{group}_*"),
        ([f"T_{site}_{700 + 9 * p}_{s}" for site in ("CS", "DU", "HT") for p in range(3)
          for s in range(4)], "T_{group}_{group2}_*"),
        ([f"site{site}_{700 + 9 * p}_{s}" for site in range(3) for p in range(3)
          for s in range(4)], "{group}_{group2}_*"),
    ],
)  # fmt: skip
def test_names_that_begin_alike_and_count_on(names: list[str], rule: str) -> None:
    assert group_of(names, signatures(range(len(names)))).value == rule


def test_a_handful_of_words_are_classes() -> None:
    names = [f"{word} ({n})" for word in ("benign", "malignant", "normal") for n in range(1, 9)]
    found = group_of(names, signatures(range(24)), [(n, n + 1) for n in range(0, 8, 2)])
    assert found.value == {"name": "own"}
    assert "3 words at the beginning of names, such as 'benign', may be classes" in found.why


def test_names_that_begin_alike_with_images_that_are_alike() -> None:
    names = [f"{'abcdef'[n % 6]}-{(n * 7919) % 9973 + 100}" for n in range(48)]
    assert group_of(names, signatures([n % 6 for n in range(48)])).value == "{group}-*"


def test_names_that_begin_alike_with_some_images_that_are_nearly_equal() -> None:
    """Only four pairs are alike, so most groups resemble nothing; random names never count on."""
    names = [f"{n % 12:x}-{(n * 7919) % 9973 + 100}" for n in range(24)]
    some = [(n, n + 12) for n in range(4)]
    assert group_of(names, signatures(range(24)), some).value == "{group}-*"
    across = [(n, n + 1) for n in range(4)]
    for pairs in ([], some[:2], across, some + across):
        assert group_of(names, signatures(range(24)), pairs).value == {"name": "own"}, pairs


def test_pairs_share_large_groups_by_chance() -> None:
    """One group has 97 of 101 images, so two images share it with probability .92, and 96 or more
    of 100 pairs do so by chance with probability .10; .92^96 is only .0004."""
    pairs = [(n, n + 1) for n in range(100)]
    groups = [[*range(97)], *([n] for n in range(97, 101))]
    p = 97 * 96 / (101 * 100)
    assert p**96 < 0.01 < sum(comb(100, k) * p**k * (1 - p) ** (100 - k) for k in range(96, 101))
    assert not _hold(groups, pairs)
    halves = [[*range(0, 102, 2)], [*range(1, 102, 2)]]
    assert _hold(halves, [(n, n + 2) for n in range(99)])
    assert not _hold(halves, pairs)


def images(**how: object) -> Images:
    given = {
        "labeled": 100, "groups": 50, "sizes_HW": ((96, 96),), "gray": True, "shown": 1.0,
        "overlap": False, **how,
    }  # fmt: skip
    return Images(**given)  # type: ignore[arg-type]


def test_kind_framing_and_length_by_size_and_number() -> None:
    assert kind_of(images()).name == "small gray images"
    assert kind_of(images(sizes_HW=((512, 512),))).name == "large gray images"
    assert kind_of(images(gray=False)).name == "color images"
    assert framing(images(), 192).value == {"name": "resize", "height": 192, "width": 192}
    assert framing(images(sizes_HW=((160, 160),)), 192).value == {"name": "whole"}
    assert framing(images(gray=False), 192).value == {"name": "whole"}
    assert framing(images(sizes_HW=((266, 266), (310, 360))), 192).value["name"] == "pad"
    assert framing(images(sizes_HW=((512, 512),)), 192).value["name"] == "tiles"
    wide = images(sizes_HW=((1280, 1918),), gray=False)
    assert framing(wide, 192).value == {"name": "resize", "height": 128, "width": 192}
    # 8 images a step: 120 images make 15 steps an epoch, 428 make 54.
    assert (epochs_for(120), epochs_for(428), epochs_for(9), epochs_for(9000)) == (60, 20, 100, 10)
