"""A Ray cluster of several nodes on this machine, and data-parallel trainings on it to disturb."""

import importlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from ray.cluster_utils import Cluster

from raytrain.engine.trial import open_samples
from raytrain.runs.attempts import Start, read_starts
from raytrain.runs.history import read_history
from raytrain.runs.layout import RunDir, TrialDir
from tests.ray.conftest import BUSY, free_ports
from tests.ray.train_on import task_of
from tests.support import CLOCK, run_folder, write_job
from tests.unit.test_parallel import on_workers, train_rank

# Ray brings its own, found once Ray is imported.
psutil = importlib.import_module("psutil")
PATIENCE_S = 900.0
TRAP = Path(__file__).parent / "ray" / "trap.py"


def write_training(folder: Path, name: str, epochs: int, **resources: object) -> Path:
    """A job whose epochs last long enough to be disturbed in, and a trap for its workers."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(TRAP, folder)
    trial = {
        "model": {"name": "unet", "width": 12, "depth": 3, "norm": "group"},
        "loss": [{"name": "soft_dice"}, {"name": "trap", "folder": str(folder)}],
        "epochs": epochs,
        "batch_size": 2,
        # 16 steps an epoch.
        "copies": 1,
    }
    memory = {"cpus": 1, "memory_gb": 1} | resources
    return write_job(folder, folder / name, trial=trial, extend="trap.py", resources=memory)


class Nodes:
    """A head without CPUs of its own and nodes of one CPU each, or as many as asked."""

    def __init__(self, cluster: Cluster, env: dict[str, str]):
        self.cluster, self.env = cluster, env
        self.workers: list[Any] = []

    def add(self, cpus: int = 1) -> Any:
        """One more node."""
        node = self.cluster.add_node(
            num_cpus=cpus, memory=4_000_000_000, object_store_memory=100_000_000
        )
        self.workers.append(node)
        return node

    def remove(self, node: Any) -> None:
        """SIGKILL to all its processes."""
        self.workers.remove(node)
        self.cluster.remove_node(node, allow_graceful=False)


@contextmanager
def nodes(folder: Path, count: int, **settings: str) -> Iterator[Nodes]:
    """Such a cluster; everything of it is gone after the block."""
    port, dashboard, agent = free_ports(3)
    # A socket's path has 107 characters at most.
    home = tempfile.mkdtemp(prefix="rt", dir="/tmp")
    env = {
        "RAY_AUTH_MODE": "disabled", "RAY_TMPDIR": home, "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
        "RAYTRAIN_CACHE": str(folder / "cache"), "RAY_USAGE_STATS_ENABLED": "0",
        # A busy machine starts processes slowly.
        "RAY_TRAIN_WORKER_GROUP_START_TIMEOUT_S": "300", **BUSY, **settings,
    }  # fmt: skip
    kept = {key: os.environ.get(key) for key in env}
    os.environ.update(env)
    cluster = Cluster(
        initialize_head=True,
        head_node_args={
            "num_cpus": 0, "gcs_server_port": port, "include_dashboard": True,
            "dashboard_port": dashboard, "dashboard_agent_listen_port": agent,
            "object_store_memory": 100_000_000,
        },
    )  # fmt: skip
    started = Nodes(cluster, env | {"RAY_ADDRESS": cluster.address})
    try:
        for _ in range(count):
            started.add()
        yield started
    finally:
        cluster.shutdown()
        shutil.rmtree(home, ignore_errors=True)
        for key, value in kept.items():
            os.environ.pop(key, None) if value is None else os.environ.update({key: value})


class Training:
    """A driver in a process of its own that trains one task on several workers."""

    def __init__(self, job: Path, workers: str, env: dict[str, str], log: Path):
        self.log, self.env, self.folder = log, env, job.parent
        self.seen: list[int] = []
        """Epochs that were done at each disturbance."""
        self._started = 0
        """Starts before the last disturbance."""
        self._words = [sys.executable, "-m", "tests.ray.train_on", str(job), workers]
        self.run = RunDir(run_folder(job.parent / job.stem))
        self.start()

    def start(self) -> None:
        """The same command, for the first time or again."""
        with self.log.open("a") as out:
            self.driver = subprocess.Popen(
                self._words, env=os.environ | self.env, stdout=out, stderr=subprocess.STDOUT,
                start_new_session=True,
            )  # fmt: skip

    @property
    def directory(self) -> TrialDir:
        [path] = self.run.trials.glob("*")
        return TrialDir(path)

    def epochs(self) -> int:
        """Rows of its history."""
        if not self.run.trials.is_dir() or not list(self.run.trials.glob("*")):
            return 0
        return len(read_history(self.directory.history))

    def starts(self) -> list[Start]:
        return read_starts(self.directory)

    def until(self, ready: Callable[[], bool]) -> None:
        """Wait; fails when the driver ends before."""
        deadline = time.monotonic() + PATIENCE_S
        while not ready():
            assert self.driver.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.02)

    @contextmanager
    def held(self, epochs: int) -> Iterator[None]:
        """In the middle of an epoch after so many, in an attempt that nothing has disturbed yet."""
        self.until(lambda: self.epochs() >= epochs and len(self.starts()) > self._started)
        hold, held = self.folder / "hold", self.folder / "held"
        for mark in (held, *self.folder.glob("worker_*")):
            mark.unlink(missing_ok=True)
        hold.touch()
        self.until(held.exists)
        self.seen.append(self.epochs())
        self._started = len(self.starts())
        yield
        hold.unlink()

    def end(self) -> None:
        """Wait for its good end."""
        try:
            assert self.driver.wait(PATIENCE_S) == 0, self.log.read_text()
        finally:
            self.kill()

    def kill(self) -> None:
        """SIGKILL to the driver, if it still runs."""
        if self.driver.poll() is None:
            self.driver.send_signal(signal.SIGKILL)
            self.driver.wait(60)

    def workers(self) -> list[Any]:
        """The processes that train, while they are held: the trap writes their numbers."""
        marks = self.folder.glob("worker_*")
        return [psutil.Process(int(mark.name.removeprefix("worker_"))) for mark in marks]

    def controller(self) -> Any:
        """The process of Ray Train's controller."""
        [found] = [
            process
            for process in psutil.process_iter(["cmdline"])
            if "TrainController" in " ".join(process.info["cmdline"] or []) and self._mine(process)
        ]
        return found

    def _mine(self, process: Any) -> bool:
        """Whether it belongs to this cluster, by its environment: others use Ray here, too."""
        try:
            return process.environ().get("RAYTRAIN_CACHE") == self.env["RAYTRAIN_CACHE"]
        except psutil.Error:
            return False

    def notes(self) -> list[str]:
        """What its rows have to say."""
        rows = read_history(self.directory.history)
        return [note for row in rows for note in row.get("notes", [])]


def undisturbed(job: Path, folder: Path) -> TrialDir:
    """The same training by two processes without Ray, to its end and at once."""
    run, task = task_of(job, "2")
    task = replace(task, directory=folder / "undisturbed")
    on_workers(2, folder, train_rank, task, open_samples(run.folder))
    return task.trial_dir


def figures_of(directory: TrialDir) -> list[dict[str, Any]]:
    """Its history, but for what differs between two equal trainings."""
    rows = read_history(directory.history)
    return [{k: v for k, v in row.items() if k not in (*CLOCK, "notes")} for row in rows]


def same_weights(one: TrialDir, other: TrialDir) -> bool:
    """Whether two trainings shipped the same weights bit for bit."""
    first, second = (
        torch.load(each.checkpoints / "last.pt", weights_only=True)["model"]
        for each in (one, other)
    )
    return first.keys() == second.keys() and all(
        torch.equal(value, second[name]) for name, value in first.items()
    )


def resumed_well(training: Training) -> None:
    """It started once more for each disturbance, with all epochs that were done then: none but the
    unfinished one was trained twice."""
    starts = training.starts()
    assert [start.epochs for start in starts] == [0, *training.seen], training.notes()
