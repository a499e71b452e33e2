"""A search whose trials have two workers each: stopped at rungs, killed, resumed; nothing stays."""

import signal
import threading
from pathlib import Path

from ray.util.state import list_actors, list_placement_groups

from raytrain.runs.layout import RunDir
from raytrain.runs.record import read_records
from raytrain.runs.search_log import read_events
from tests.commands import raytrain, stop_when
from tests.ray.conftest import Cluster
from tests.support import figures, run_folder, write_job

SEARCH = {
    "trials": 3,
    "workers": 2,
    "scheduler": {"name": "asha", "grace": 1, "factor": 2},
    "space": {"optimizer.lr": {"grid": [3e-3, 1e-6, 1e-7]}},
    "sampler": {"name": "grid"},
}

RAYS_OWN = {"TrainStateActor", "_AutoscalingCoordinatorActor", "PlacementGroupCleaner"}
"""Ray keeps one of each of the first two in a cluster. It leaves a cleaner, which holds no CPU,
when a controller is killed before it has told its cleaner to watch it."""


def test_trials_of_two_workers_are_stopped_killed_and_resumed(
    cluster: Cluster, tmp_path: Path
) -> None:
    storage = tmp_path / "runs"
    job = write_job(tmp_path, storage, search=SEARCH)
    run = RunDir(run_folder(storage))
    stop_when(
        ["search", job],
        lambda: run.events.is_file() and any(len(rows) >= 2 for rows in figures(storage).values()),
        signal.SIGKILL,
        tmp_path / "log",
        cluster.env,
    )
    before, decided = figures(storage), run.events.read_text()
    done = raytrain("search", job, env=cluster.env)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "of 2 workers each, 1 at once" in done.stdout
    records = read_records(run)
    assert [record.ranks for record in records] == [2, 2, 2]
    assert {record.status for record in records} == {"finished", "stopped"}
    for trial, rows in before.items():
        assert figures(storage)[trial][: len(rows)] == rows
    lines = run.events.read_text().splitlines()
    assert run.events.read_text().startswith(decided)
    assert len(lines) == len(set(lines))
    events = read_events(run.events)
    stops = {event.trial: event.epoch for event in events if event.decision == "stop"}
    stopped = {
        record.fingerprint: record.reason for record in records if record.status != "finished"
    }
    assert stopped == {name: f"at the rung of epoch {epoch}" for name, epoch in stops.items()}
    _nothing_stays(cluster)


def _nothing_stays(cluster: Cluster) -> None:
    """Soon: what a driver owns ends after it."""
    left: set[str] = set()
    for _ in range(120):
        groups = list_placement_groups(address=cluster.dashboard)
        actors = list_actors(address=cluster.dashboard)
        left = {group.state for group in groups} - {"REMOVED"}
        left |= {a.class_name for a in actors if a.state != "DEAD"} - RAYS_OWN
        if not left:
            return
        threading.Event().wait(0.5)
    raise AssertionError(left)
