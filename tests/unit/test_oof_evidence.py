"""Evidence kept for comparison: it comes back as it was, and pairs are compared on equal draws."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from raytrain.config.map_metrics import CrossEntropyMetricSpec
from raytrain.config.metrics import DiceMetricSpec, MetricSpec
from raytrain.metrics import gathered, score
from raytrain.metrics.bootstrap import REPEATS, beats, group_draws
from raytrain.metrics.evidence import Evidence
from raytrain.metrics.oof_file import OofEvidence, read_oof_evidence, write_oof_evidence
from tests.metric_specs import SPECS

DICE = DiceMetricSpec()


def some(hits: list[int], groups: list[str], metric: MetricSpec = DICE) -> OofEvidence:
    """Images of 20 pixels of the one foreground class, so many of which are found."""
    counts = [[[0, 20 - hit, 0], [hit, 0, 20 - hit]] for hit in hits]
    beside = gathered(metric)
    figures = np.array([[[float(hit), hit / 3]] * len(beside) for hit in hits])
    evidence = Evidence(np.array(counts), beside, figures.reshape(len(hits), len(beside), 2))
    return OofEvidence(tuple(f"i{n}" for n in range(len(hits))), tuple(groups), evidence, metric)


@pytest.mark.parametrize("metric", SPECS, ids=lambda spec: spec.label)
def test_the_file_gives_back_what_was_written(tmp_path: Path, metric: MetricSpec) -> None:
    oof = some([4, 9, 0], ["p1", "p2", "p2"], metric)
    if oof.evidence.figures_NGK is not None and oof.evidence.figures_NGK.size:
        oof.evidence.figures_NGK[1, 0, 1] = np.nan
    path = tmp_path / "final/oof_evidence.npz"
    write_oof_evidence(path, oof)
    again = read_oof_evidence(path)
    assert (again.ids, again.groups, again.metric) == (oof.ids, oof.groups, metric)
    assert again.evidence.gathered == oof.evidence.gathered
    np.testing.assert_array_equal(again.evidence.counts_NK3, oof.evidence.counts_NK3)
    np.testing.assert_array_equal(again.evidence.figures_NGK, oof.evidence.figures_NGK)
    assert score(metric, again.evidence) == pytest.approx(score(metric, oof.evidence), nan_ok=True)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 torn", b"text"])
def test_a_damaged_file_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "rt-1.npz"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"rt-1\.npz: no out-of-fold evidence"):
        read_oof_evidence(path)
    np.savez(path, ids=np.array(["a"]))
    with pytest.raises(ValueError, match=r"rt-1\.npz: no out-of-fold evidence"):
        read_oof_evidence(path)


def test_draws_are_of_whole_groups_and_the_same_again() -> None:
    groups = np.array(["b", "a", "b", "c"])
    draws = list(group_draws(groups))
    assert len(draws) == REPEATS
    for rows in draws:
        count = np.bincount(rows, minlength=4)
        assert count[0] == count[2]
        assert count[1] + count[2] + count[3] == 3
    np.testing.assert_array_equal(np.concatenate(draws), np.concatenate(list(group_draws(groups))))


def test_p_beats_worked_by_hand() -> None:
    # Two groups: in the first ours leads by 4 px, in the second theirs by 2. A draw holds the first
    # twice (1/4: won), each once (1/2: won on the sum) or the second twice (1/4: lost).
    ours, theirs = some([14, 10], ["p", "q"]), some([10, 12], ["p", "q"])
    drawn = [set(rows.tolist()) for rows in group_draws(np.array(ours.groups))]
    won = beats(ours, theirs)
    assert won == 1 - drawn.count({1}) / REPEATS
    assert won == pytest.approx(0.75, abs=0.03)
    assert won + beats(theirs, ours) == 1


def test_equal_scores_are_a_tie_and_always_better_is_sure() -> None:
    groups = ["p", "p", "q", "r"]
    one = some([3, 9, 12, 1], groups)
    assert beats(one, one) == 0.5
    # Better by one pixel everywhere: sure, though the images differ by far more than that.
    assert beats(some([4, 10, 13, 2], groups), one) == 1
    assert beats(one, some([4, 10, 13, 2], groups)) == 0


def test_groups_are_drawn_together() -> None:
    # One large group for ours, many small ones for theirs: image by image theirs would always win.
    ours = some([20] * 6 + [10] * 6, ["big"] * 6 + [f"s{n}" for n in range(6)])
    theirs = some([10] * 6 + [19] * 6, list(ours.groups))
    none_drawn = (6 / 7) ** 7
    assert beats(ours, theirs) == pytest.approx(1 - none_drawn, abs=0.04)


def test_the_order_of_images_does_not_matter() -> None:
    rng = np.random.default_rng(3)
    groups = [f"p{n // 2}" for n in range(12)]
    ours, theirs = (some(rng.integers(0, 21, 12).tolist(), groups) for _ in range(2))
    turned = rng.permutation(12)
    mixed = OofEvidence(
        tuple(theirs.ids[n] for n in turned), tuple(groups[n] for n in turned),
        theirs.evidence.of(turned), DICE,
    )  # fmt: skip
    assert 0 < beats(ours, theirs) == beats(ours, mixed) < 1


def test_what_cannot_be_compared_is_said() -> None:
    one = some([3, 4], ["p", "q"])
    with pytest.raises(ValueError, match="1 images are in only one of the two submissions"):
        beats(one, some([3, 4, 5], ["p", "q", "r"]))
    other = some([3, 4], ["p", "p"])
    other.evidence.counts_NK3[1, 1] = (4, 0, 99)
    metric = CrossEntropyMetricSpec()
    with pytest.raises(
        ValueError,
        match=r"differently; the true pixels of 1 images .* such as i1: .*; the .* for -cross-e",
    ):
        beats(replace(one, metric=metric), other)


def test_comparing_loads_no_torch() -> None:
    code = "import sys, raytrain.metrics.bootstrap; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
