"""A search's trials: drawn once and found again, longer on request, warm from earlier searches."""

import math
from pathlib import Path
from typing import Any

import pytest

from raytrain.config.competition import CompetitionSpec
from raytrain.config.framing import WholeSpec
from raytrain.config.job import JobSpec
from raytrain.config.schedulers import NoSchedulerSpec
from raytrain.config.search import SearchSpec, TpeSpec
from raytrain.config.trial import TrialSpec
from raytrain.data.report import DataReport
from raytrain.runs.files import write_json
from raytrain.runs.history import write_history
from raytrain.runs.layout import RunDir
from raytrain.runs.record import Status, Task, write_record
from raytrain.runs.search_log import read_proposals
from raytrain.search.trials import Trials
from tests.arrays import report_of
from tests.runs import run_of

SPACE: dict[str, Any] = {
    "optimizer": {
        "choice": [
            {"name": "adam", "lr": {"loguniform": [1e-5, 1e-1]}},
            {"name": "sgd", "lr": 1e-3, "momentum": {"uniform": [0.0, 0.9]}},
        ]
    },
    "model.width": {"integer": [4, 32]},
}


@pytest.fixture
def report() -> DataReport:
    """One image to train on, one to validate."""
    rows = [
        {"id": f"s{n}", "split": split, "group": str(n), "height": 64, "width": 64}
        for n, split in enumerate(("train", "val"))
    ]
    return report_of(rows, ("background", "organ"))


def job_of(trials: int, sampler: Any, **search: Any) -> JobSpec:
    competition = CompetitionSpec(name="t", data="folder", classes=("background", "organ"))
    words = {"trials": trials, "sampler": sampler, "space": SPACE, "scheduler": {"name": "none"}}
    # With the framing given, a spec is trained as it is drawn.
    trial = TrialSpec(framing=WholeSpec())
    search_spec = SearchSpec.model_validate(words | search)
    return JobSpec(competition=competition, trial=trial, search=search_spec)


def worth(spec: TrialSpec) -> float:
    """Best for Adam at a rate of 1e-3."""
    if spec.optimizer.name != "adam":
        return 0.2
    return 0.9 - 0.2 * abs(math.log10(spec.optimizer.lr) + 3)


def end(task: Task, status: Status = "finished") -> None:
    """As a trial of one epoch leaves it."""
    row = {
        "epoch": 1, "val_score": worth(task.spec), "val_dice": 0.5, "val_loss": 1.0, "ranks": 1,
        "seconds": 1.0,
    }  # fmt: skip
    task.directory.mkdir(parents=True, exist_ok=True)
    write_history(task.trial_dir.history, [row] if status != "failed" else [])
    write_record(task, status, None)


def run_all(job: JobSpec, run: RunDir, report: DataReport) -> list[TrialSpec]:
    """One trial after another, to the end."""
    study, done = Trials(run_of(run, report, job)), []
    while task := study.next():
        done.append(task.spec)
        end(task)
    return done


@pytest.mark.slow
@pytest.mark.parametrize("sampler", ["random", "tpe"])
def test_a_search_that_was_ended_anywhere_draws_on_as_if_it_had_not_been(
    tmp_path: Path, report: DataReport, sampler: str
) -> None:
    job = job_of(12, {"name": sampler})
    whole = run_all(job, RunDir(tmp_path / "whole"), report)
    assert len(whole) == 12
    for stop in (0, 1, 5, 11):
        run = RunDir(tmp_path / str(stop))
        study = Trials(run_of(run, report, job))
        for _ in range(stop):
            task = study.next()
            assert task is not None
            end(task)
        running = study.next()  # drawn, perhaps begun, never recorded
        assert running is not None
        assert running.spec == whole[stop]
        assert run_all(job, run, report) == whole[stop:]
        assert run_all(job, run, report) == []


@pytest.mark.parametrize("sampler", ["random", "tpe"])
def test_more_trials_extend_a_finished_search(
    tmp_path: Path, report: DataReport, sampler: str
) -> None:
    whole = run_all(job_of(16, {"name": sampler}), RunDir(tmp_path / "whole"), report)
    run = RunDir(tmp_path / "run")
    assert run_all(job_of(10, {"name": sampler}), run, report) == whole[:10]
    assert run_all(job_of(16, {"name": sampler}), run, report) == whole[10:]


@pytest.mark.slow
def test_the_estimator_goes_where_scores_are_high(tmp_path: Path, report: DataReport) -> None:
    near: dict[str, list[float]] = {"random": [], "tpe": []}
    for seed in range(3):
        for name, found in near.items():
            run = RunDir(tmp_path / f"{name}{seed}")
            specs = run_all(job_of(40, {"name": name}, seed=seed), run, report)
            found.append(sum(worth(spec) > 0.8 for spec in specs[10:]))
    assert min(near["tpe"]) > max(near["random"])


def test_running_and_stopped_trials_count_and_failed_ones_do_not(
    tmp_path: Path, report: DataReport
) -> None:
    job, specs = job_of(14, {"name": "tpe", "startup": 4}), {}
    for status in ("finished", "stopped", "failed"):
        study = Trials(run_of(RunDir(tmp_path / status), report, job))
        for _ in range(12):
            task = study.next()
            assert task is not None
            end(task, status)  # type: ignore[arg-type]
        specs[status] = [task.spec for task in study.tasks]
    # The first few are drawn at random, the others after what the first ones gave.
    assert specs["finished"][:4] == specs["stopped"][:4] == specs["failed"][:4]
    assert specs["finished"] != specs["failed"]
    assert Trials(run_of(RunDir(tmp_path / "failed"), report, job)).next() == study.tasks[0]


def test_a_small_space_ends_before_the_number_of_trials(tmp_path: Path, report: DataReport) -> None:
    space = {"model.width": {"choice": [4, 8]}, "batch_size": {"choice": [1, 2]}}
    for sampler, name in (("tpe", "t"), ("grid", "g"), ("random", "r")):
        job = job_of(9, {"name": sampler}, space=space)
        specs = run_all(job, RunDir(tmp_path / name), report)
        assert len(specs) == 4
        assert {(spec.model.width, spec.batch_size) for spec in specs} == {
            (4, 1), (4, 2), (8, 1), (8, 2),
        }  # fmt: skip


def test_a_grid_of_ranges_is_refused() -> None:
    with pytest.raises(ValueError, match=r"but optimizer, model\.width is a range"):
        job_of(3, {"name": "grid"})


def _earlier(tmp_path: Path, report: DataReport) -> tuple[RunDir, list[TrialSpec]]:
    """A finished random search beside the run, its specs best first."""
    job, run = job_of(20, {"name": "random"}, seed=9), RunDir(tmp_path / "earlier")
    specs = run_all(job, run, report)
    write_json(run.config, job.model_dump(mode="json"))
    return run, sorted(specs, key=worth, reverse=True)


@pytest.mark.parametrize("sampler", ["random", "tpe"])
def test_a_warm_start_begins_with_the_best_of_an_earlier_search(
    tmp_path: Path, report: DataReport, sampler: str, capsys: pytest.CaptureFixture[str]
) -> None:
    earlier, best = _earlier(tmp_path, report)
    for name in ("earlier", str(earlier.path)):
        run = RunDir(tmp_path / f"by-{len(name)}")
        job = job_of(6, {"name": sampler}, warm_start=[name])
        # The same points, at this search's own length.
        longer = job.model_copy(update={"trial": job.trial.model_copy(update={"epochs": 9})})
        specs = run_all(longer, run, report)
        assert [spec.model_copy(update={"epochs": 60}) for spec in specs[:3]] == best[:3]
        assert all(spec.epochs == 9 for spec in specs)
        assert len(specs) == 6
    assert "warm start from earlier: 20 of 20 scored trials are in this space" in (
        capsys.readouterr().out
    )


def test_the_estimator_knows_an_earlier_searchs_results_on_the_same_data_only(
    tmp_path: Path, report: DataReport
) -> None:
    earlier, _ = _earlier(tmp_path, report)
    other = report.model_copy(update={"fingerprint": "f" * 12})
    job = job_of(12, {"name": "tpe", "startup": 1}, warm_start=["earlier"])
    same = run_all(job, RunDir(tmp_path / "same"), report)
    unlike = run_all(job, RunDir(tmp_path / "unlike"), other)
    cold = run_all(job_of(12, {"name": "tpe", "startup": 1}), RunDir(tmp_path / "cold"), report)
    assert same[:3] == unlike[:3] != cold[:3]
    assert same[3] != unlike[3]
    # Nine in ten of the rates that are known there are bad ones.
    assert sum(worth(spec) > 0.6 for spec in same) > 6
    assert earlier.path.is_dir()


def test_trials_outside_the_space_do_not_come(tmp_path: Path, report: DataReport) -> None:
    _earlier(tmp_path, report)
    space = {"optimizer": {"choice": [{"name": "rmsprop"}]}, "seed": {"choice": [1, 2, 3]}}
    job = job_of(3, {"name": "random"}, warm_start=["earlier"], space=space)
    specs = run_all(job, RunDir(tmp_path / "run"), report)
    assert {spec.optimizer.name for spec in specs} == {"rmsprop"}


def test_an_unknown_earlier_search_is_refused(tmp_path: Path, report: DataReport) -> None:
    earlier, _ = _earlier(tmp_path, report)
    job = job_of(3, {"name": "random"}, warm_start=["earlyer"])
    with pytest.raises(ValueError, match=r"'earlyer' has no search.*did you mean 'earlier'"):
        Trials(run_of(RunDir(tmp_path / "run"), report, job))
    itself = job_of(3, {"name": "random"}, warm_start=["earlier"])
    with pytest.raises(ValueError, match="is this run"):
        Trials(run_of(earlier, report, itself))


def test_a_changed_search_draws_anew_and_the_file_keeps_both(
    tmp_path: Path, report: DataReport
) -> None:
    run = RunDir(tmp_path / "run")
    first = run_all(job_of(4, {"name": "random"}), run, report)
    second = run_all(job_of(4, {"name": "random"}, seed=1), run, report)
    assert first != second
    proposals = read_proposals(run.proposals)
    assert [proposal.spec for proposal in proposals] == first + second
    assert [len({p.study for p in part}) for part in (proposals[:4], proposals)] == [1, 2]


def test_a_sampler_is_told_by_its_name() -> None:
    assert SearchSpec(sampler={"name": "tpe", "startup": 3}).sampler == TpeSpec(startup=3)  # type: ignore[arg-type]
    assert SearchSpec(scheduler=NoSchedulerSpec()).longest(7) == 7
    assert SearchSpec(space={"epochs": {"choice": [3, 9, 4]}}).longest(7) == 9
