"""Folds: groups whole, every image judged once, made once, verified whenever they are read."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from raytrain.config.job import FoldSpec
from raytrain.data.checks import inspect
from raytrain.data.folds import Folds, load_or_make_folds, make_folds
from raytrain.data.report import DataReport
from raytrain.runs.files import read_json, write_json
from raytrain.runs.fingerprint import fingerprint
from raytrain.runs.layout import RunDir
from tests.arrays import report_of

Pixels = tuple[int, ...]


def _report(samples: list[tuple[int, Pixels]], data: str = "data") -> DataReport:
    """Labeled images s0, s1, ... with these groups and class pixels, and a test image."""
    rows: list[dict] = [
        {"id": f"s{i}", "group": str(group), **{f"pixels_{k}": n for k, n in enumerate(pixels)}}
        for i, (group, pixels) in enumerate(samples)
    ]
    rows.append({"id": "t0", "group": "900", "split": "test", "mask": ""})
    return report_of(rows, ("a", "b", "c"), data)


def _random_report(seed: int, groups: int) -> DataReport:
    rng = np.random.default_rng(seed)
    owners = np.repeat(np.arange(groups), rng.integers(1, 5, groups))
    rng.shuffle(owners)
    return _report([(int(g), (4, int(rng.integers(0, 2)), 1)) for g in owners])


def _plain(groups: int) -> DataReport:
    """Two images a group, all with the same classes."""
    return _report([(i // 2, (4, 1, 1)) for i in range(2 * groups)])


def _labelled(report: DataReport) -> tuple[str, ...]:
    return report.ids("train", "val")


@pytest.mark.parametrize("count", [2, 3, 5])
@pytest.mark.parametrize("seed", range(6))
def test_groups_stay_whole_and_every_image_is_judged_once(seed: int, count: int) -> None:
    report = _random_report(seed, groups=14)
    folds = make_folds(report, FoldSpec(count=count, seed=seed))
    assert len(folds.val_ids) == count
    assert sorted(id for ids in folds.val_ids for id in ids) == sorted(_labelled(report))
    group = dict(zip(report.samples["id"], report.samples["group"], strict=True))
    owners = [{group[id] for id in ids} for ids in folds.val_ids]
    assert all(owners)
    assert sum(map(len, owners)) == len(set.union(*owners))
    for fold, ids in enumerate(folds.val_ids):
        assert sorted((*folds.train_ids(fold), *ids)) == sorted(_labelled(report))
        assert not {group[id] for id in folds.train_ids(fold)} & owners[fold]


def test_real_data_gives_folds_by_patient(competition) -> None:
    competition.fill(train=4, val=2, test=1)
    report = inspect(competition.spec("(N+1)//2"))
    folds = make_folds(report, FoldSpec(count=3))
    assert sorted(map(len, folds.val_ids)) == [4, 4, 4]
    for ids in folds.val_ids:
        assert set(Counter((int(id[3:]) + 1) // 2 for id in ids).values()) == {2}


def test_seed_and_data_decide_the_folds() -> None:
    report, spec = _random_report(3, groups=14), FoldSpec(count=4, seed=2)
    assert make_folds(report, spec) == make_folds(report, spec)
    others = [make_folds(report, FoldSpec(count=4, seed=seed)).val_ids for seed in range(5)]
    assert len(set(others)) > 1


def test_a_rare_class_is_spread_over_the_folds() -> None:
    # Class 2 shows in four of twelve groups; each of four folds gets one with and two without.
    report = _report([(g, (4, 1, int(g < 4))) for g in range(12) for _ in range(2)])
    with_class = set(report.samples.loc[report.samples["pixels_2"] == 1, "id"])
    for seed in range(5):
        for ids in make_folds(report, FoldSpec(count=4, seed=seed)).val_ids:
            assert len(with_class & set(ids)) == 2
            assert len(ids) == 6


def test_more_folds_than_images_of_any_kind() -> None:
    # Each set of classes stands in two images only, but there are groups enough.
    kinds = [(4, 0, 0), (4, 1, 0), (4, 0, 1), (4, 1, 1)]
    report = _report([(g, kinds[g // 2]) for g in range(8)])
    folds = make_folds(report, FoldSpec(count=4))
    assert sorted(map(len, folds.val_ids)) == [2, 2, 2, 2]


def test_no_fold_is_empty() -> None:
    # The classes that show, as bits; stratifying alone gives the third fold nothing.
    patients = [[7, 6, 6, 1], [2, 6, 0, 4], [3, 4, 3], [4, 4, 4], [4]]
    samples = [
        (group, (5, kind >> 2, kind >> 1 & 1, kind & 1))
        for group, kinds in enumerate(patients)
        for kind in kinds
    ]
    folds = make_folds(_report(samples), FoldSpec(count=5, seed=3))
    assert sorted(map(len, folds.val_ids)) == [1, 3, 3, 4, 4]


@pytest.mark.parametrize(("groups", "count"), [(1, 2), (2, 3), (4, 5)])
def test_fewer_groups_than_folds_is_an_error(groups: int, count: int) -> None:
    words = rf"folds\.count: {count} folds .* the labeled images form {groups};"
    with pytest.raises(ValueError, match=words):
        make_folds(_plain(groups), FoldSpec(count=count))
    assert len(make_folds(_plain(count), FoldSpec(count=count)).val_ids) == count


@pytest.mark.parametrize(("groups", "held"), [(2, 1), (3, 1), (5, 1), (20, 4)])
def test_without_folds_a_fifth_or_at_least_one_group_is_held_out(groups: int, held: int) -> None:
    report = _plain(groups)
    folds = make_folds(report, None)
    owner = dict(zip(report.samples["id"], report.samples["group"], strict=True))
    assert len(folds.val_ids) == 1
    assert len({owner[id] for id in folds.val_ids[0]}) == held
    assert {*folds.val_ids[0], *folds.rest} == {*_labelled(report)}


@pytest.fixture
def run(tmp_path: Path) -> RunDir:
    """A run in which something was trained."""
    found = RunDir(tmp_path)
    found.trials.mkdir()
    return found


def test_saved_folds_are_used_again(run: RunDir) -> None:
    report, spec = _plain(6), FoldSpec(count=3, seed=1)
    made = load_or_make_folds(run, report, spec)
    before = (run.folds.read_bytes(), run.folds.stat().st_ino)
    assert load_or_make_folds(run, report, spec) == made == make_folds(report, spec)
    assert (run.folds.read_bytes(), run.folds.stat().st_ino) == before
    # What stands in the file counts, not what would be made today.
    swapped = made.val_ids[1], made.val_ids[0], made.val_ids[2]
    other = Folds(hash=fingerprint(swapped), data=made.data, spec=spec, val_ids=swapped)
    write_json(run.folds, other.model_dump(mode="json"))
    assert load_or_make_folds(run, report, spec) == other


def test_an_edited_file_is_an_error(run: RunDir) -> None:
    report = _plain(6)
    load_or_make_folds(run, report, FoldSpec(count=3))
    tree = read_json(run.folds)
    tree["val_ids"][0][0], tree["val_ids"][1][0] = tree["val_ids"][1][0], tree["val_ids"][0][0]
    write_json(run.folds, tree)
    with pytest.raises(ValueError, match="was edited") as caught:
        load_or_make_folds(run, report, FoldSpec(count=3))
    assert str(run.folds) in str(caught.value)
    # With its hash put right it still leaks.
    tree["hash"] = fingerprint(tree["val_ids"])
    write_json(run.folds, tree)
    with pytest.raises(ValueError, match=r"group '\d' is in folds 0 and 1"):
        load_or_make_folds(run, report, FoldSpec(count=3))


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (FoldSpec(count=4), "the file has 3 folds with seed 0"),
        (FoldSpec(count=3, seed=7), "the file has 3 folds with seed 0"),
    ],
)
def test_other_settings_are_an_error(run: RunDir, spec: FoldSpec, words: str) -> None:
    load_or_make_folds(run, _plain(6), FoldSpec(count=3))
    with pytest.raises(ValueError, match=words):
        load_or_make_folds(run, _plain(6), spec)


def test_other_data_is_an_error(run: RunDir) -> None:
    spec = FoldSpec(count=3)
    load_or_make_folds(run, _plain(6), spec)
    changed = _report([(i // 2, (4, 1, 1)) for i in range(12)], data="other")
    with pytest.raises(ValueError, match="the data changed"):
        load_or_make_folds(run, changed, spec)


def test_images_that_are_gone_are_an_error(run: RunDir) -> None:
    spec = FoldSpec(count=3)
    load_or_make_folds(run, _plain(6), spec)
    fewer = _report([(i // 2, (4, 1, 1)) for i in range(6)], data="other")
    with pytest.raises(ValueError, match="the data changed"):
        load_or_make_folds(run, fewer, spec)


def test_another_grouping_of_the_same_data_is_an_error(run: RunDir) -> None:
    spec = FoldSpec(count=3)
    load_or_make_folds(run, _report([(i, (4, 1, 1)) for i in range(12)]), spec)
    with pytest.raises(ValueError, match="is in folds"):
        load_or_make_folds(run, _plain(6), spec)


def test_a_fold_that_lacks_images_is_an_error(run: RunDir) -> None:
    report, spec = _plain(6), FoldSpec(count=3)
    load_or_make_folds(run, report, spec)
    tree = read_json(run.folds)
    lost, twice = tree["val_ids"][2], tree["val_ids"][0][0]
    tree["val_ids"] = [[*tree["val_ids"][0], twice], tree["val_ids"][1], []]
    tree["hash"] = fingerprint(tree["val_ids"])
    write_json(run.folds, tree)
    with pytest.raises(ValueError, match="fold 2 has no image") as caught:
        load_or_make_folds(run, report, spec)
    for id in lost:
        assert f"{id!r} is in no fold" in str(caught.value)
    assert f"{twice!r} is in the folds 2 times" in str(caught.value)


def test_folds_on_which_nothing_was_trained_are_made_anew(run: RunDir) -> None:
    run.trials.rmdir()
    load_or_make_folds(run, _plain(6), FoldSpec(count=3))
    more, spec = _report([(i // 2, (4, 1, 1)) for i in range(16)], data="other"), FoldSpec(count=2)
    assert load_or_make_folds(run, more, spec) == make_folds(more, spec)
    run.trials.mkdir()
    assert load_or_make_folds(run, more, spec) == make_folds(more, spec)
