"""Samplers and schedulers on a real cluster: killed, continued and made longer."""

import csv
import importlib
import signal
from pathlib import Path

import pytest

from raytrain.runs.history import read_history
from raytrain.runs.layout import RunDir
from raytrain.runs.record import Record, read_records
from raytrain.runs.search_log import RungEvent, read_events, settled
from tests.commands import raytrain, stop_when
from tests.ray.conftest import Cluster
from tests.ray.small_memory import SEARCH, reasons_after
from tests.support import figures, run_folder, write_job

# Ray brings its own, found once Ray is imported.
importlib.import_module("ray")
psutil = importlib.import_module("psutil")

PROMOTE = {
    "trials": 6,
    "scheduler": {"name": "promote", "grace": 1, "factor": 2},
    "sampler": {"name": "tpe", "startup": 3},
}


def _records(run: RunDir) -> dict[str, Record]:
    return {record.fingerprint: record for record in read_records(run)}


def test_a_killed_promoting_search_goes_on_and_can_be_made_longer(
    cluster: Cluster, tmp_path: Path
) -> None:
    storage = tmp_path / "runs"
    job = write_job(tmp_path, storage, search=PROMOTE)
    run = RunDir(run_folder(storage))
    stop_when(
        ["search", job],
        lambda: len(read_events(run.events)) >= 4,
        signal.SIGKILL,
        tmp_path / "log",
        cluster.env,
    )
    before, decided = figures(storage), run.events.read_text()
    drawn = run.proposals.read_text()
    again = raytrain("search", job, env=cluster.env)
    assert again.returncode == 0, again.stdout + again.stderr
    assert run.events.read_text().startswith(decided)
    assert run.proposals.read_text().startswith(drawn)
    for trial, rows in before.items():
        assert rows == figures(storage)[trial][: len(rows)]
    first = _records(run)
    assert len(first) == 6
    _check_decisions(run, first)
    # Trials that are complete keep their ids and are not repeated; one that was stopped goes on if
    # it is among the best of the longer search.
    times = {name: run.trial(name).record.stat().st_mtime_ns for name in first}
    before = figures(storage)
    longer = raytrain("search", job, "--set", "search.trials=8", env=cluster.env)
    assert longer.returncode == 0, longer.stdout + longer.stderr
    records = _records(run)
    assert len(records) == 8
    for name, record in first.items():
        went_on = records[name].epochs > record.epochs
        assert not (went_on and record.status == "finished")
        assert (run.trial(name).record.stat().st_mtime_ns == times[name]) == (not went_on)
        assert figures(storage)[name][: record.epochs] == before[name]
    _check_decisions(run, records)


def _check_decisions(run: RunDir, records: dict[str, Record]) -> None:
    events = settled(read_events(run.events))
    assert any(record.status == "finished" for record in records.values())
    for record in records.values():
        rows = read_history(run.trial(record.fingerprint).history)
        assert [row["epoch"] for row in rows] == list(range(1, record.epochs + 1))
        mine = {
            event.epoch: event.decision for event in events if event.trial == record.fingerprint
        }
        ended = [epoch for epoch, decision in mine.items() if decision == "stop"]
        assert ended == ([record.epochs] if record.status == "stopped" else [])
        assert "pause" not in mine.values()
    rung = sorted(_at(events, 1), key=lambda event: -event.val_score)
    assert len(rung) == len(records)
    assert all(event.decision == "go on" for event in rung[: len(rung) // 2])


def _at(events: list[RungEvent], epoch: int) -> list[RungEvent]:
    return [event for event in events if event.epoch == epoch]


@pytest.mark.parametrize("scheduler", ["median"])
def test_trials_are_stopped_by_the_median_of_others(
    cluster: Cluster, tmp_path: Path, scheduler: str
) -> None:
    search = {
        "trials": 6,
        "scheduler": {"name": scheduler, "grace": 1, "samples": 1},
        "space": {"optimizer.lr": {"grid": [1e-7, 3e-3, 1e-6, 1e-2, 2e-7, 5e-3]}},
    }
    job = write_job(tmp_path, tmp_path / "runs", search=search)
    done = raytrain("search", job, env=cluster.env)
    assert done.returncode == 0, done.stdout + done.stderr
    run = RunDir(run_folder(tmp_path / "runs"))
    records = _records(run)
    stopped = {name for name, record in records.items() if record.status == "stopped"}
    assert stopped == {event.trial for event in read_events(run.events)}
    assert stopped
    assert len(records) == 6


def test_a_trial_out_of_memory_is_tried_with_half_the_batch_and_stops_no_other(
    cluster: Cluster, tmp_path: Path
) -> None:
    job = write_job(tmp_path, tmp_path / "runs", search=SEARCH)
    reasons = reasons_after(job, cluster.env, "raises")
    assert reasons == {"OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB"}


def test_killed_and_stopped_workers_change_no_number_and_are_shown(
    cluster: Cluster, tmp_path: Path
) -> None:
    trial = {"epochs": 20}
    job = write_job(tmp_path, tmp_path / "runs", trial=trial, search={"trials": 2})
    killed: set[str] = set()

    def all_killed() -> bool:
        for process in psutil.process_iter(["cmdline"]):
            title = " ".join(process.info["cmdline"] or [])
            name = title.strip().removeprefix("ray::")
            if name.startswith("search_") and name not in killed and _has_begun(name):
                # The second one stands still, and its own watchdog with it.
                process.suspend() if killed else process.kill()
                killed.add(name)
        return len(killed) == 2

    def _has_begun(name: str) -> bool:
        folders = run_folder(tmp_path / "runs").glob(f"trials/{name[-4:]}*")
        return any(read_history(folder / "history.jsonl") for folder in folders)

    log = tmp_path / "log"
    # SIGCONT does nothing: the driver goes on.
    env = cluster.env | {"RAYTRAIN_STALL_S": "10"}
    assert stop_when(["search", job], all_killed, signal.SIGCONT, log, env) == 0
    whole = write_job(tmp_path, tmp_path / "whole", trial=trial, search={"trials": 2})
    assert raytrain("search", whole, "--local").returncode == 0
    rows = {
        trial: [{k: v for k, v in row.items() if k != "notes"} for row in found]
        for trial, found in figures(tmp_path / "runs").items()
    }
    assert rows == figures(tmp_path / "whole")
    records = _records(RunDir(run_folder(tmp_path / "runs"))).values()
    assert any("did not run at all for" in note for record in records for note in record.notes)
    for record in records:
        [attempt] = record.attempts
        assert (attempt.cause, attempt.batch_size) == ("lost", record.spec.batch_size)
        assert f"attempt failed {record.name}: " in log.read_text()
    board = run_folder(tmp_path / "runs") / "leaderboard.csv"
    assert [row["attempts"] for row in csv.DictReader(board.open())] == ["2", "2"]
