"""Final picks: the pair whose better one scores highest, by hand and on a ledger."""

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import combinations, pairwise, product
from pathlib import Path

import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

from raytrain.cli import app
from raytrain.config.job import JobSpec
from raytrain.config.metrics import (
    AccuracyMetricSpec,
    DiceMetricSpec,
    MetricSpec,
    PrecisionMetricSpec,
    WeightedMetricSpec,
)
from raytrain.data.checks import inspect
from raytrain.data.report import write_report
from raytrain.metrics import score
from raytrain.metrics.bootstrap import REPEATS
from raytrain.metrics.draws import DIGITS, drawn_scores
from raytrain.metrics.evidence import Evidence
from raytrain.metrics.oof_file import OofEvidence, write_oof_evidence
from raytrain.pipeline.picks import picks
from raytrain.runs.layout import RunDir, run_dir
from raytrain.submission.events import Event, Kind, Score
from raytrain.submission.final_picks import best_pairs, chosen_by_public, simulate
from tests.support import ledger_in
from tests.unit.conftest import Competition

DICE = DiceMetricSpec()


def found(hits: Sequence[int]) -> Evidence:
    """Images of 20 pixels of one foreground class, so many of which are found: Dice 2h / (20+h)."""
    counts = [[[0, 20 - hit, 0], [hit, 0, 20 - hit]] for hit in hits]
    return Evidence(np.array(counts), (), np.zeros((len(hits), 0, 0)))


def test_two_that_err_apart_are_better_than_the_best_one() -> None:
    # A is perfect on p and fails on q, B the other way round, C is fair on both (Dice 28 / 34).
    evidences = [found([20, 0]), found([0, 20]), found([14, 14])]
    draws = simulate(evidences, np.array(["p", "q"]), DICE, test_images=2, public=0.3)
    assert (draws.groups, draws.public_groups) == (2, 1)
    best, *others = best_pairs(draws.private_DM, 9)
    on_p = float((draws.private_DM[:, 0] == 1).mean())
    assert on_p == pytest.approx(0.5, abs=0.04)
    # A or B is always right; C, the best single one, is in no better pair.
    assert set(best.places) == {0, 1}
    assert (best.expected, best.correlation) == (1, pytest.approx(-1))
    assert best.wins == max(on_p, 1 - on_p)
    assert sorted(best.means) == pytest.approx(sorted([on_p, 1 - on_p]))
    fair = 28 / 34
    assert {pair.places: pair.expected for pair in others} == {
        (2, 0): pytest.approx(on_p + (1 - on_p) * fair),
        (2, 1): pytest.approx(1 - on_p + on_p * fair),
    }
    # C never changes, so nothing correlates with it.
    assert [pair.correlation for pair in others] == [None, None]
    # By public score C and whoever is right there are chosen: right again half of the time.
    again = (draws.public_DM == draws.private_DM).all(1).mean()
    assert chosen_by_public(draws) == pytest.approx(again + (1 - again) * fair)


def test_draws_are_test_sets_of_whole_groups_in_two_parts() -> None:
    # Powers of two tell from a sum of hits which images were drawn.
    groups = np.array(["a", "a", "b", "c"])
    counts = np.zeros((4, 2, 3), np.int64)
    counts[:, 1, 0] = 10 ** np.arange(4)
    counts[:, 1, 2] = 10**5 - counts[:, 1, 0]
    volume = DiceMetricSpec(over="set")
    draws = simulate([Evidence(counts)], groups, volume, test_images=8, public=0.3)
    assert (draws.groups, draws.public_groups) == (6, 2)
    assert draws.private_DM.shape == (REPEATS, 1)

    def value(drawn: tuple[str, ...]) -> float:
        rows = np.concatenate([np.flatnonzero(groups == group) for group in drawn])
        return round(score(volume, Evidence(counts[rows])), DIGITS)

    possible = {part: {value(d) for d in product("abc", repeat=part)} for part in (2, 4)}
    assert set(draws.public_DM[:, 0]) == possible[2]
    assert set(draws.private_DM[:, 0]) <= possible[4]
    again = simulate([Evidence(counts)], groups, volume, test_images=8, public=0.3)
    np.testing.assert_array_equal(again.private_DM, draws.private_DM)


@pytest.mark.parametrize(("public", "count"), [(0.01, 1), (0.5, 3), (0.99, 5)])
def test_both_parts_hold_a_group(public: float, count: int) -> None:
    draws = simulate([found([1, 2, 3])], np.arange(3), DICE, test_images=6, public=public)
    assert draws.public_groups == count


def test_pairs_are_ranked_and_never_worse_than_their_best() -> None:
    rng = np.random.default_rng(0)
    private_DM = rng.random((300, 5)) + np.linspace(0, 0.4, 5)
    ranked = best_pairs(private_DM, 99)
    assert len(ranked) == 10
    values = [pair.expected for pair in ranked]
    assert values == sorted(values, reverse=True)
    for pair in ranked:
        one, other = pair.places
        assert pair.means == (private_DM[:, one].mean(), private_DM[:, other].mean())
        assert pair.means[0] >= pair.means[1]
        assert pair.expected >= pair.means[0]
        assert pair.expected == pytest.approx(
            np.mean([max(row[one], row[other]) for row in private_DM])
        )
        assert pair.correlation == pytest.approx(np.corrcoef(private_DM.T)[one, other])
        assert pair.wins == np.mean(private_DM[:, one] > private_DM[:, other])


METRICS = [
    DICE, DiceMetricSpec(over="set"), DiceMetricSpec(empty="skip"), DiceMetricSpec(background=True),
    PrecisionMetricSpec(average="weighted"), AccuracyMetricSpec(),
    WeightedMetricSpec(terms=({"metric": "iou", "weight": 0.3}, {"metric": "recall", "weight": 2})),
]  # fmt: skip


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_all_draws_at_once_score_as_one_after_another(metric: MetricSpec) -> None:
    rng = np.random.default_rng(0)
    counts_NK3 = rng.integers(0, 4, (9, 4, 3)) * rng.integers(0, 2, (9, 4, 1))
    evidence = Evidence(counts_NK3, counted_K=np.array([True, True, False, True]))
    times_DN = rng.integers(0, 3, (40, 9))
    times_DN[:, 0] += times_DN.sum(1) == 0
    apart = [score(metric, evidence.of(np.repeat(np.arange(9), times))) for times in times_DN]
    np.testing.assert_allclose(
        drawn_scores(metric, evidence, times_DN.astype(float)), apart, atol=1e-11
    )


def test_the_best_pairs_of_many_submissions_are_those_of_all_pairs() -> None:
    private_DM = np.random.default_rng(1).random((50, 60)).round(1)  # many ties
    every = best_pairs(private_DM, 10**6)
    assert len(every) == 60 * 59 // 2
    assert best_pairs(private_DM, 5) == every[:5]
    for pair, worse in pairwise(every):
        assert (pair.expected, sum(pair.means)) >= (worse.expected, sum(worse.means) - 1e-12)
    assert {tuple(sorted(pair.places)) for pair in every} == set(combinations(range(60), 2))
    assert all(pair.means[0] >= pair.means[1] for pair in every)


@pytest.fixture
def job(competition: Competition) -> JobSpec:
    """A checked competition of six labeled and four test images."""
    competition.fill(train=2, val=1, test=2)
    job = JobSpec(
        competition=competition.spec("(N+1)//2"), storage=str(competition.root.parent / "runs")
    )
    write_report(run_dir(job).data_report, inspect(job.competition))
    return job


def sent(
    run: RunDir, tag: str, hits: list[int] | None, kind: Kind = "scored", public: float = 0.5
) -> None:
    """An entry in the ledger, with its evidence unless `hits` is None."""
    ref = int(tag[-1]) if kind in ("sent", "scored") else None
    event = Event(
        kind=kind, tag=tag, time=datetime(2026, 3, 1, tzinfo=UTC), competition="tiny", run="deep",
        file=f"{tag}.csv", sha256=tag, rows=4, score=Score(mean=0.5, low=0.4, high=0.6),
        members=(), ref=ref, public=public if kind == "scored" else None,
    )  # fmt: skip
    ledger_in(run).append(event)
    if hits is not None:
        write_oof_evidence(ledger_in(run).path.parent / f"{tag}.npz", evidence(hits))


def evidence(hits: list[int]) -> OofEvidence:
    ids = tuple(f"cmr{number}" for number in range(1, len(hits) + 1))
    groups = tuple(str(number // 2 + 1) for number in range(len(hits)))
    return OofEvidence(ids, groups, found(hits), DICE)


def test_the_pair_is_told_with_its_reason(job: JobSpec) -> None:
    run = run_dir(job)
    sent(run, "rt-1", [20, 20, 20, 0, 0, 0], public=0.9)
    sent(run, "rt-2", [0, 0, 0, 20, 20, 20], public=0.1)
    sent(run, "rt-3", [11] * 6, public=0.8)
    sent(run, "rt-4", [15] * 6, kind="prepared")
    sent(run, "rt-5", None, public=0.7)
    sent(run, "rt-6", [15] * 5)
    text = picks(job, run, 0.5).text
    first = text.splitlines()[0]
    assert "rt-1 (run deep, ref 1, public 0.9000)" in first
    assert "rt-2 (run deep, ref 2, public 0.1000)" in first
    assert "correlation of their scores -1.00" in text
    assert "gain over the best single submission, rt-3 0.7097: +" in text
    # A test set of four images is two groups, one of them public.
    assert "2000 simulated test sets: each draws 2 labeled groups" in text
    assert "(4 test images), 1 of them public" in text
    assert "left out: rt-4: Kaggle has no score for it; its state is prepared" in text
    assert "rt-5.npz is missing" in text
    assert "left out: rt-6: its labeled images or groups are not those of run default" in text
    assert "submissions with an out-of-fold and a public score: 5" in text


def test_the_command_prints_it(job: JobSpec, tmp_path: Path) -> None:
    run = run_dir(job)
    sent(run, "rt-1", [20, 20, 20, 0, 0, 0])
    sent(run, "rt-2", [12] * 6)
    path = tmp_path / "job.yaml"
    path.write_text(yaml.safe_dump(job.model_dump(mode="json")))
    done = CliRunner().invoke(app, ["picks", str(path), "--public", "0.5"])
    assert (done.exit_code, done.stdout) == (0, picks(job, run, 0.5).text + "\n")
    found = yaml.safe_load(CliRunner().invoke(app, ["picks", str(path), "--json"]).stdout)["result"]
    assert [each["tag"] for each in found["submissions"]] == ["rt-1", "rt-2"]


def test_fewer_than_two_are_no_choice(job: JobSpec) -> None:
    run = run_dir(job)
    with pytest.raises(ValueError, match="has 0; send another"):
        picks(job, run, 0.3)
    sent(run, "rt-1", [1] * 6)
    sent(run, "rt-2", None)
    with pytest.raises(ValueError, match=r"has 1; send another .*\n  rt-2: .*rt-2\.npz is missing"):
        picks(job, run, 0.3)
    with pytest.raises(ValueError, match=r"--public: 1\.2 is not a share"):
        picks(job, run, 1.2)


def test_the_jobs_metric_decides(job: JobSpec) -> None:
    run = run_dir(job)
    sent(run, "rt-1", [20, 20, 20, 20, 0, 0])
    sent(run, "rt-2", [12] * 6)
    volume = replace_metric(job, DiceMetricSpec(over="set"))
    assert "private Dice of the better of the two" in picks(job, run, 0.3).text
    assert "private volume Dice of the better of the two" in picks(volume, run, 0.3).text
    torn = Path(ledger_in(run).path.parent / "rt-2.npz")
    torn.write_bytes(torn.read_bytes()[:100])
    with pytest.raises(ValueError, match="no out-of-fold evidence can be read"):
        picks(job, run, 0.3)


def replace_metric(job: JobSpec, metric: DiceMetricSpec) -> JobSpec:
    competition = job.competition.model_copy(update={"metric": metric})
    return job.model_copy(update={"competition": competition})


def test_the_same_evidence_twice_gains_nothing() -> None:
    evidences = [found([3, 9, 20]), found([3, 9, 20])]
    draws = simulate(evidences, np.arange(3), DICE, test_images=3, public=0.3)
    (pair,) = best_pairs(draws.private_DM, 9)
    assert pair.expected == pair.means[0] == pair.means[1]
    assert (pair.wins, pair.correlation) == (0.5, pytest.approx(1))
