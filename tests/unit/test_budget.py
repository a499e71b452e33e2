"""A budget: how it is written, shared, counted and ended, and what takes whose place."""

import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from raytrain.backend.clock import BudgetOver, Clock, Plan
from raytrain.backend.local import LocalBackend
from raytrain.config.duration import duration_text, seconds_of
from raytrain.config.metrics import DiceMetricSpec
from raytrain.config.schedulers import NoSchedulerSpec
from raytrain.config.search import SearchSpec
from raytrain.config.shipping import EpochsSpec, LastSpec
from raytrain.config.trial import TrialSpec
from raytrain.data.report import write_report
from raytrain.engine.trial import Samples
from raytrain.ensemble.current_ensemble import (
    built_beside,
    is_current,
    make_current,
)
from raytrain.ensemble.score import nested_score
from raytrain.metrics import score
from raytrain.metrics.evidence import Evidence
from raytrain.metrics.oof_file import OofEvidence
from raytrain.pipeline.budget import shortened
from raytrain.runs.history import read_history
from raytrain.runs.layout import RunDir
from raytrain.runs.record import Status, complete, read_record
from raytrain.search.budget_split import END, MARGIN, QUICK, Costs, quick_epochs, search_share
from tests.runs import ListedSearch
from tests.tiny import SPEC, make_task


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("45m", 2700), ("2h", 7200), ("1h30m", 5400), ("1.5 d", 129600), ("2H", 7200)],
)
def test_durations_are_read_as_people_write_them(text: str, seconds: float) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("2", "a number needs a unit"), ("2hours", "is not a duration"),
        ("1h2h", "names a unit twice"), ("0m", "an empty duration"), ("-2h", "is not a duration"),
        ("", "is not a duration"),
    ],
)  # fmt: skip
def test_what_is_no_duration_is_refused_with_an_example(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem) as caught:
        seconds_of(text)
    assert "write 90s, 45m, 2h or 1h30m" in str(caught.value)


def test_durations_are_told_in_their_largest_unit() -> None:
    assert [duration_text(s) for s in (40, 60, 750, 7200, 5400)] == [
        "40 s", "1 min", "12.5 min", "2 h", "1.5 h",
    ]  # fmt: skip


# 10 s an epoch, 5 folds on 2 places: 3 rounds of folds and 1 of the member; maps of 100 labeled
# and 100 test images: half an epoch forward for each hundred, on two places.
COSTS = Costs(epoch_s=10, images=100, tests=100, places=2, folds=5, workers=1, passes=1)


def test_what_a_member_takes_is_counted_in_rounds() -> None:
    assert COSTS.shipped_s(1, 7) == (3 + 1) * 7 * 10 + 10 / 2
    assert COSTS.shipped_s(2, 7) == (5 + 1) * 7 * 10 + 2 * 10 / 2
    assert replace(COSTS, passes=3).shipped_s(1, 7) == (3 + 1) * 7 * 10 + 3 * 10 / 2


def test_the_quick_member_fits_into_a_tenth_with_a_margin() -> None:
    for used_s, total_s in ((30, 7200), (200, 7200), (10, 3000)):
        epochs = quick_epochs(COSTS, used_s, total_s, most=1000)
        assert used_s + MARGIN * COSTS.shipped_s(1, epochs) <= QUICK * total_s
        assert used_s + MARGIN * COSTS.shipped_s(1, epochs + 1) > QUICK * total_s
    assert quick_epochs(COSTS, 30, 7200, most=5) == 5
    assert quick_epochs(COSTS, 30, 60, most=5) == 1


def test_the_search_ends_early_enough_to_ship_what_it_finds() -> None:
    # Plenty of time: trials as long as asked, both members are set aside.
    epochs, until_s = search_share(COSTS, 1000, 36000, most=60, members=2)
    assert epochs == 60
    assert until_s == 36000 * (1 - END) - MARGIN * COSTS.shipped_s(2, 60)
    # Little: half of what is left is set aside, and holds one member.
    epochs, until_s = search_share(COSTS, 1000, 5000, most=60, members=2)
    left = 5000 * (1 - END) - 1000
    assert 1 < epochs < 60
    assert until_s == 1000 + left / 2
    assert MARGIN * COSTS.shipped_s(1, epochs) <= left / 2 < MARGIN * COSTS.shipped_s(1, epochs + 1)


def test_time_is_counted_over_all_starts(tmp_path: Path) -> None:
    run, now = RunDir(tmp_path), [100.0]
    first = Clock(run, 60, lambda: now[0])
    now[0] = 110.0
    first.note(Plan(quick_epochs=3, epochs=9, search_until_s=30))
    now[0] = 500.0
    second = Clock(run, 60, lambda: now[0])
    assert (second.used_s, second.plan) == (10.0, first.plan)
    now[0] = 519.0
    assert not second.search_is_over()
    now[0] = 521.0
    assert second.search_is_over()
    # Another total is planned anew, but for what was begun.
    third = Clock(run, 90, lambda: now[0])
    assert third.plan == Plan(quick_epochs=3)
    assert third.left_s == pytest.approx(90 * (1 - END) - 10)


def test_the_end_comes_as_an_interrupt_and_at_once_when_all_is_used(tmp_path: Path) -> None:
    def wait_for_ever() -> None:
        while True:
            threading.Event().wait(1)

    with pytest.raises(BudgetOver), Clock(RunDir(tmp_path), 0.2).ending():
        wait_for_ever()
    used = Clock(RunDir(tmp_path), 0.01, iter([0.0, 5.0]).__next__)
    with pytest.raises(BudgetOver), used.ending():
        raise AssertionError("nothing is begun")


def test_a_training_is_shortened_only_where_it_is_longer() -> None:
    spec = TrialSpec(epochs=20, until=15, ship=EpochsSpec(at=(9, 12)))
    assert shortened(spec, 15) is spec
    short = shortened(spec, 10)
    assert (short.epochs, short.last_epoch, short.ship) == (10, 10, LastSpec())
    assert shortened(spec, 12).ship == spec.ship
    by_steps = TrialSpec.model_validate({"length": {"steps": 50}})
    assert (shortened(by_steps, 4).epochs, shortened(by_steps, 4).length) == (4, None)


def _oof(hits: list[int]) -> OofEvidence:
    """Images of 10 foreground pixels, of each of which so many are found and none is wrong."""
    counts = np.array([[[90, 0, 0], [found, 0, 10 - found]] for found in hits])
    ids = tuple(f"i{number}" for number in range(len(hits)))
    return OofEvidence(ids, ids, Evidence(counts), DiceMetricSpec())


def test_the_nested_score_is_that_of_what_other_folds_choose() -> None:
    standing, folds = _oof([5, 5, 5, 5, 5, 5]), (2, 2, 2)
    better, worse = _oof([6] * 6), _oof([4] * 6)
    assert nested_score(better, standing, folds) == score(better.metric, better.evidence)
    assert nested_score(worse, standing, folds) == score(standing.metric, standing.evidence)
    # Better on the first fold alone: there the others choose what stands, and only there.
    lucky = _oof([10, 10, 4, 4, 4, 4])
    assert score(lucky.metric, lucky.evidence) > score(standing.metric, standing.evidence)
    mixed = _oof([5, 5, 4, 4, 4, 4])
    assert nested_score(lucky, standing, folds) == score(mixed.metric, mixed.evidence)
    assert nested_score(standing, standing, folds) == score(standing.metric, standing.evidence)


def test_another_ensemble_takes_the_place_in_one_step(tmp_path: Path) -> None:
    run = RunDir(tmp_path)
    run.final.mkdir()
    run.submission.write_text("of a run without a budget")
    for name in ("a", "b"):
        built = built_beside(run, name)
        built.final.mkdir(parents=True)
        built.submission.write_text(name)
        assert not is_current(run, built)
        make_current(run, built)
        assert run.submission.read_text() == name
        assert is_current(run, built)
        assert [path.name for path in (tmp_path / "ensembles").iterdir()] == [name]


@pytest.mark.slow
def test_a_search_without_time_pauses_its_trial_and_goes_on_with_it(
    samples: Samples, tmp_path: Path
) -> None:
    run = RunDir(tmp_path)
    write_report(run.data_report, samples.report)
    spec = SPEC.model_copy(update={"epochs": 3})
    tasks = [
        replace(make_task(run.trial(name).path, samples, spec), station="search")
        for name in ("first", "second")
    ]

    def search(over_after: int) -> dict[str, Status]:
        def over() -> bool:
            return len(read_history(tasks[0].trial_dir.history)) >= over_after

        spec = SearchSpec(scheduler=NoSchedulerSpec())
        listed = ListedSearch(tmp_path, tasks, spec, 3, over)
        LocalBackend().search(listed)
        return {name: status for name, (status, _) in listed.ends.items()}

    assert search(2) == {"first": "paused"}
    record = read_record(tasks[0].trial_dir)
    assert record is not None
    assert (record.epochs, complete(record), record.reason) == (
        2, False, "the search's share of the budget was used up",
    )  # fmt: skip
    before = read_history(tasks[0].trial_dir.history)
    assert search(99) == {"first": "finished", "second": "finished"}
    rows = read_history(tasks[0].trial_dir.history)
    assert rows[:2] == before
    assert len(rows) == 3
