"""The whole line on a real Ray cluster: what it leaves, and that it equals the line without Ray."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from raytrain.data.index import natural_key
from raytrain.runs.history import read_history
from raytrain.runs.layout import RunDir
from raytrain.runs.record import read_records
from raytrain.runs.search_log import read_events
from raytrain.search.leaderboard import write_leaderboard
from tests.commands import raytrain
from tests.e2e.kaggle_server import running
from tests.e2e.kaggle_state import TOKEN, Kaggle
from tests.e2e.test_extended_line import EXAMPLE, OWN
from tests.mlflow_store import mlflow_runs, mlflow_steps
from tests.ray.conftest import TWO_WORKERS, Calm, Cluster
from tests.support import (
    SHORT,
    csv_bytes,
    figures,
    ledger_in,
    run_folder,
    write_job,
    write_shortest,
)


@pytest.fixture(scope="module")
def kaggle(cluster: Cluster) -> Iterator[Kaggle]:
    """What the cluster's machines take for Kaggle, and their token for it."""
    (cluster.home / ".kaggle").mkdir()
    (cluster.home / ".kaggle/access_token").write_text(TOKEN)
    with running() as server:
        (cluster.site / "kaggle_address").write_text(server.url)
        yield server
        (cluster.site / "kaggle_address").unlink()


@pytest.fixture(scope="module")
def finished(cluster: Cluster, kaggle: Kaggle, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with ASHA and finalists on two workers, with a network, a loss and a metric of the
    user's own file, launched as a Ray job and followed to its score on Kaggle."""
    folder = tmp_path_factory.mktemp("line")
    # The mean of the classes: the worst one's Dice is 0 in so short a training.
    (folder / EXAMPLE.name).write_text(EXAMPLE.read_text().replace(".min()", ".mean()"))
    search = {
        "trials": 6,
        "scheduler": {"name": "asha", "grace": 1, "factor": 2},
        "space": {"optimizer.lr": {"loguniform": [1e-3, 1e-1]}},
    }
    job = write_job(
        folder,
        folder / "runs",
        **OWN | {"search": search},
        finalize={"workers": 2, "epochs": 3},
        tracking={"mlflow": {"uri": f"sqlite:///{folder}/mlflow.db"}},
    )
    kaggle.truth = {
        f"{path.stem}{k}": np.asarray(Image.open(path)) == k
        for path in (folder / "truth").glob("*.png")
        for k in (1, 2, 3)
    }
    send = "competition.submission={slug: heart, send: true}"
    done = raytrain("launch", "run", job, "--address", cluster.dashboard, "--set", send)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "(120 rows), prepared as rt-" in done.stdout
    assert "scored rt-" in done.stdout
    return folder


def test_data_and_classes_are_enough(cluster: Cluster, tmp_path: Path) -> None:
    done = raytrain("run", write_shortest(tmp_path), *SHORT, env=cluster.env)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = run_folder(tmp_path / "runs").joinpath("final/submission.csv").read_text().splitlines()
    assert len(rows) == 1 + 2 * 3


def test_the_job_ends_with_the_score_in_the_ledger(finished: Path, kaggle: Kaggle) -> None:
    run = RunDir(run_folder(finished / "runs"))
    events = ledger_in(run).read()
    assert [event.kind for event in events] == ["prepared", "sending", "sent", "scored"]
    [entry] = kaggle.submissions
    assert entry["content"] == csv_bytes(finished / "runs")
    assert events[-1].public == float(entry["publicScore"]) > 0
    assert events[-1].tag in (finished / "runs/phantom/default/report.html").read_text()
    assert kaggle.strays == []


def test_trials_are_stopped_at_rungs_and_each_decision_is_written_down(finished: Path) -> None:
    run = RunDir(run_folder(finished / "runs"))
    records = [record for record in read_records(run) if record.station == "search"]
    events = read_events(run.events)
    assert len(records) == 6
    assert {event.epoch for event in events} <= {1, 2}
    assert {event.trial for event in events if event.epoch == 1} == {r.fingerprint for r in records}
    stopped = {record.fingerprint for record in records if record.status == "stopped"}
    assert stopped == {event.trial for event in events if event.decision == "stop"}
    assert stopped
    for record in records:
        assert record.epochs == (4 if record.status == "finished" else record.last["epoch"])


def test_finalists_are_trained_on_two_workers_without_any_validation(finished: Path) -> None:
    run = RunDir(run_folder(finished / "runs"))
    finals = [record for record in read_records(run) if record.station == "final"]
    assert {record.ranks for record in finals} == {2}
    assert all(record.best is None and record.epochs == 3 for record in finals)
    assert all(record.last["images"] == 22 for record in finals)
    ensemble = json.loads(run.ensemble.read_text())
    assert ensemble["oof"]["images"] == 22
    assert ensemble["oof"]["low"] <= ensemble["oof"]["score"] <= ensemble["oof"]["high"]


def test_parts_of_the_users_own_file_reach_every_worker(finished: Path) -> None:
    """In Tune's actors, tasks and Train's workers: its network was trained in all stations."""
    records = read_records(RunDir(run_folder(finished / "runs")))
    assert {record.spec.network_label for record in records} == {"two_convolutions"}
    assert {(r.station, r.ranks) for r in records} == {("search", 1), ("cv", 1), ("final", 2)}
    assert len({record.spec.model.extend for record in records}) == 1


def test_every_training_is_a_run_in_mlflow_and_a_board_in_tensorboard(finished: Path) -> None:
    """Search trials, folds, and finalists on two workers."""
    run, uri = RunDir(run_folder(finished / "runs")), f"sqlite:///{finished}/mlflow.db"
    records = {record.name: record for record in read_records(run)}
    tracked = mlflow_runs(uri, "phantom")
    assert {record.station for record in records.values()} == {"search", "cv", "final"}
    assert tracked.keys() == records.keys() == {path.name for path in run.boards.iterdir()}
    for name, record in records.items():
        rows = read_history(run.trial(record.fingerprint).history)
        losses = [(row["epoch"], row["train_loss"]) for row in rows]
        assert mlflow_steps(uri, tracked[name], "train_loss") == losses
        assert tracked[name].info.status == "FINISHED"
        assert tracked[name].data.tags["raytrain.status"] == record.status
        assert float(tracked[name].data.params["optimizer.lr"]) == record.spec.optimizer.lr
        assert tracked[name].data.params["workers"] == str(record.workers)
    assert {path.parent.parent for path in run.path.rglob("*tfevents*")} == {run.boards}


def test_the_csv_has_a_row_per_image_and_class_in_natural_order(finished: Path) -> None:
    text = csv_bytes(finished / "runs").decode()
    rows = list(csv.reader(text.splitlines()))
    names = sorted((p.stem for p in (finished / "data/test/image").glob("*.png")), key=natural_key)
    assert rows[0] == ["id", "encoding"]
    assert [row[0] for row in rows[1:]] == [f"{n}_mask{k}" for n in names for k in (1, 2, 3)]


def test_the_leaderboard_is_rebuilt_from_the_records_to_the_same_bytes(finished: Path) -> None:
    run = RunDir(run_folder(finished / "runs"))
    before = run.leaderboard.read_bytes()
    run.leaderboard.unlink()
    write_leaderboard(run)
    assert run.leaderboard.read_bytes() == before


def test_a_finished_run_does_nothing_again(finished: Path) -> None:
    storage = finished / "runs"
    before, content = figures(storage), csv_bytes(storage)
    # No cluster answers at this address: nothing that is done may need one.
    again = raytrain("run", finished / "runs.yaml", env={"RAY_ADDRESS": "127.0.0.1:1"})
    assert again.returncode == 0, again.stdout + again.stderr
    assert (figures(storage), csv_bytes(storage)) == (before, content)
    assert len(ledger_in(RunDir(run_folder(storage))).read()) == 4


def test_one_ray_worker_and_no_ray_give_the_same_numbers(
    cluster: Cluster, calm: Calm, tmp_path: Path
) -> None:
    """Trials and folds of the undisturbed run, and its finalists once more on one worker."""
    alone = ["--set", "finalize.workers=1"]
    on_ray = raytrain("run", calm.job, *alone, env=cluster.env)
    job = write_job(tmp_path, tmp_path / "here", finalize=TWO_WORKERS)
    here = raytrain("run", job, *alone, "--local")
    assert on_ray.returncode == 0, on_ray.stdout + on_ray.stderr
    assert here.returncode == 0, here.stdout + here.stderr
    expected = figures(tmp_path / "here")
    found = figures(calm.storage)
    assert {trial: found[trial] for trial in expected} == expected
    on_two = {trial: found[trial] for trial in found.keys() - expected.keys()}
    assert {rows[-1]["ranks"] for rows in on_two.values()} == {2}
    assert csv_bytes(calm.storage) == csv_bytes(tmp_path / "here")


def test_what_can_never_be_placed_is_refused_with_the_reason(
    cluster: Cluster, tmp_path: Path
) -> None:
    job = write_job(tmp_path, tmp_path / "runs", resources={"cpus": 64})
    done = raytrain("train", job, env=cluster.env)
    assert done.returncode == 1
    assert "1 worker(s) of 64 CPU" in done.stderr
    assert "can never run at once" in done.stderr
    assert "Traceback" not in done.stderr
