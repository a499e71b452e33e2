"""The plan before a search: places, hours and disk, from trials that are timed."""

from dataclasses import replace
from pathlib import Path

import pytest

from raytrain.config.losses import BoundarySpec
from raytrain.config.mixing import CutMixSpec
from raytrain.config.models import UNetSpec
from raytrain.config.optimizers import AdamSpec, SgdSpec
from raytrain.config.schedulers import AshaSpec, MedianSpec, NoSchedulerSpec, PromoteSpec
from raytrain.config.search import SearchSpec
from raytrain.config.trial import TrialSpec
from raytrain.data.report import write_report
from raytrain.engine.run import Run
from raytrain.engine.trial import Samples, run_trial
from raytrain.runs.files import read_json, write_json
from raytrain.runs.layout import RunDir
from raytrain.runs.record import Task
from raytrain.search import timing
from raytrain.search.plan import checkpoint_files, expected_share, plan_text
from raytrain.search.timing import timed_costs
from tests.runs import run_of
from tests.tiny import SPEC, make_task, task_in


@pytest.fixture
def run(samples: Samples, tmp_path: Path) -> Run:
    """A run on the tiny data."""
    folder = RunDir(tmp_path / "run")
    write_report(folder.data_report, samples.report)
    return run_of(folder, samples.report)


def _searching(run: Run, search: SearchSpec) -> Run:
    return replace(run, job=run.job.model_copy(update={"search": search}))


def _task(run: Run, samples: Samples, width: int) -> Task:
    spec = SPEC.model_copy(update={"model": UNetSpec(width=width, depth=2)})
    return make_task(run.folder.trial(f"{width:012x}").path, samples, spec)


def _note_costs(run: Run, epoch_s: float) -> None:
    """Replace what was timed by this."""
    for path in (run.folder.search / "probe").iterdir():
        write_json(path, read_json(path) | {"epoch_s": epoch_s})


class _Silent:
    def report(self, row: dict[str, object]) -> None:
        del row


def test_a_probe_times_an_epoch_and_weighs_a_checkpoint(run: Run, samples: Samples) -> None:
    task = _task(run, samples, 4)
    [(name, cost)] = timed_costs([task], run).items()
    assert name == task.fingerprint
    assert cost.epoch_s > 0
    # It leaves nothing of the trial itself.
    assert not task.directory.exists()
    assert [path.suffix for path in (run.folder.search / "probe").iterdir()] == [".json"]
    run_trial(task, samples, _Silent())
    [path, *_] = sorted(task.trial_dir.checkpoints.glob("*.pt"))
    assert cost.checkpoint_bytes == pytest.approx(path.stat().st_size, rel=0.05)
    [noted] = (run.folder.search / "probe").iterdir()
    before = noted.stat().st_mtime_ns
    assert timed_costs([task], run) == {name: cost}
    assert noted.stat().st_mtime_ns == before


def test_the_plan_tells_places_hours_and_disk(run: Run, samples: Samples) -> None:
    tasks = [_task(run, samples, width) for width in (4, 6)]
    timed_costs(tasks, run)
    _note_costs(run, epoch_s=90)
    costs = timed_costs(tasks, run)
    search = SearchSpec(scheduler=AshaSpec(grace=1, factor=2), keep=2)
    text = plan_text(_searching(run, search), tasks, 10)
    assert text.startswith("plan: 10 trials, one after another in this process\n")
    assert "time: at most 1 h (90 s per epoch, timed on 2 networks), about 30 min with" in text
    # The last two, the best, what is shipped and one being written; one at work, two kept.
    most = max(cost.checkpoint_bytes for cost in costs.values()) * 5 * 3
    assert f"at most {most / 1e6:.0f} MB of checkpoints" in text


def test_the_plan_of_nested_trials_shares_the_epochs_and_counts_the_starts(
    run: Run, samples: Samples
) -> None:
    task = _task(run, samples, 4)
    timed_costs([task], run)
    _note_costs(run, epoch_s=6)
    search = SearchSpec(workers=2, scheduler=AshaSpec(grace=1, factor=2))
    text = plan_text(_searching(run, search), [task], 10)
    assert text.startswith("plan: 10 trials of 2 workers each, one after another in this process\n")
    # 10 trials of 4 epochs of 3 s and one start of 40 s.
    assert "at most 8.7 min (6 s per epoch, timed on 1 network with one worker; 40 s" in text
    assert "for each start), about 7.7 min with early stopping" in text


def test_short_plans_take_under_a_minute(run: Run, samples: Samples) -> None:
    task = _task(run, samples, 4)
    timed_costs([task], run)
    _note_costs(run, epoch_s=0.25)
    text = plan_text(_searching(run, SearchSpec(scheduler=NoSchedulerSpec())), [task], 10)
    assert "time: under a minute (0.25 s per epoch, timed on 1 network)\n" in text


def test_a_trial_that_cannot_be_timed_does_not_stop_the_search(run: Run, samples: Samples) -> None:
    lost = SPEC.model_copy(
        update={"optimizer": SPEC.optimizer.model_copy(update={"lr": 1e30}), "clip_norm": 0.0}
    )
    task = make_task(run.folder.trial("0" * 12).path, samples, lost)
    text = plan_text(_searching(run, SearchSpec(scheduler=NoSchedulerSpec())), [task], 1)
    assert text == "plan: 1 trial, one after another in this process"


def test_expected_epochs_are_those_of_halving() -> None:
    # 8 epochs, rungs at 1, 2, 4: all run 1, half 1 more, a quarter 2 more, an eighth 4 more.
    for scheduler in (AshaSpec(), PromoteSpec()):
        share = expected_share(SearchSpec(scheduler=scheduler), 8)
        assert share == (1 + 1 / 2 + 2 / 4 + 4 / 8) / 8
    assert expected_share(SearchSpec(scheduler=AshaSpec(grace=3, factor=3)), 9) == (3 + 6 / 3) / 9
    for other in (MedianSpec(), NoSchedulerSpec()):
        assert expected_share(SearchSpec(scheduler=other), 8) == 1


def test_checkpoints_on_disk_are_counted_by_what_is_kept_and_shipped() -> None:
    assert checkpoint_files(TrialSpec()) == 2 + 1 + 1 + 1
    spec = TrialSpec.model_validate(
        {
            "epochs": 20, "keep": {"last": 3, "best": 2, "every": 6},
            "ship": {
                "name": "better", "of": [{"name": "best"}, {"name": "average_best", "count": 4}]
            },
        }
    )  # fmt: skip
    assert checkpoint_files(spec) == 3 + 2 + 3 + (1 + 4) + 2 + 1


def test_trials_share_a_timing_only_if_they_cost_the_same(tmp_path: Path) -> None:
    def key(**changes: object) -> Path:
        return timing._target(task_in(tmp_path, SPEC.model_copy(update=changes)))

    same = [key(optimizer=AdamSpec(lr=0.5)), key(seed=9), key(epochs=7), key(clip_norm=1.0)]
    other = [
        key(loss=(BoundarySpec(),)), key(mix=CutMixSpec()), key(copies=1), key(ema=0.0),
        key(accumulate=2), key(optimizer=SgdSpec()), key(evaluation_batch=1),
    ]  # fmt: skip
    assert set(same) == {key()}
    assert len({key(), *other}) == 1 + len(other)
