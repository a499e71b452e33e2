"""What `benchmarks/scaling.py` starts: the same training, around it Ray Train or torchrun.

Rank 0 and whoever starts it stamp when each part of the start-up ended, by the clock of the
machine, into `stamps.jsonl`.
"""

import json
import os
import pickle
import sys
import time
from pathlib import Path
from typing import Any

BEGUN = time.time()
"""The interpreter has started: what is imported above takes no time."""
TASK = "task.pickle"
STAMPS = "stamps.jsonl"


def stamp(folder: Path, part: str, at: float) -> None:
    """`part` of the start-up ended then."""
    with (folder / STAMPS).open("a") as file:
        file.write(json.dumps([at, part]) + "\n")


def created() -> float:
    """When this process was, by /proc."""
    ticks = float(Path("/proc/self/stat").read_text().rsplit(")", 1)[1].split()[19])
    up = float(Path("/proc/uptime").read_text().split()[0])
    return time.time() - up + ticks / os.sysconf("SC_CLK_TCK")


def train(folder: Path, rank: int, on_ray: bool) -> None:
    """The loop: the engine's own, from the decoded data to the last epoch; on Ray as
    `raytrain.cluster` runs it, told of every epoch, watched, its figures exported."""
    import torch
    from torch.optim.optimizer import register_optimizer_step_post_hook

    from raytrain.engine.reporter import SilentReporter
    from raytrain.engine.trial import open_samples, run_trial
    from raytrain.runs.layout import RunDir

    def note(part: str) -> None:
        if rank == 0:
            stamp(folder, part, time.time())

    def stepped(*_: object) -> None:
        note("first step")
        handle.remove()

    note("imports")
    if not on_ray:
        torch.distributed.init_process_group("gloo")
        note("process group")
    task = pickle.loads((folder / TASK).read_bytes())
    samples = open_samples(RunDir(task.directory.parent.parent))
    note("data")
    handle = register_optimizer_step_post_hook(stepped)
    if on_ray:
        from raytrain.cluster.train_group import TrainReporter
        from raytrain.cluster.worker import work

        work(task, TrainReporter(task), gpus=0)
    else:
        run_trial(task, samples, SilentReporter())
        torch.distributed.destroy_process_group()


def ray_worker(config: dict[str, Any]) -> None:
    """What Ray Train calls in each of its workers."""
    import ray.train

    rank, folder = ray.train.get_context().get_world_rank(), Path(config["folder"])
    if rank == 0:
        stamp(folder, "placement", max(created(), config["fit"]))
        stamp(folder, "process group", time.time())
    train(folder, rank, on_ray=True)


def start_ray() -> None:
    """The driver: `python -c "..." FOLDER WORKERS`."""
    folder, workers = Path(sys.argv[1]), int(sys.argv[2])
    stamp(folder, "interpreter", BEGUN)
    from benchmarks.scaled_group import fit
    from raytrain.cluster.connect import connected

    stamp(folder, "imports", time.time())
    with connected():
        stamp(folder, "Ray itself", time.time())
        fit(folder, workers)


def start_torchrun() -> None:
    """torchrun: `python -c "..." FOLDER WORKERS`."""
    folder, workers = sys.argv[1:3]
    stamp(Path(folder), "interpreter", BEGUN)
    from torch.distributed import run

    stamp(Path(folder), "imports", time.time())
    nodes = ["--standalone", "--nproc-per-node", workers]
    run.main([*nodes, "-m", "benchmarks.scaled_loop", folder])


if __name__ == "__main__":
    if os.environ["RANK"] == "0":
        stamp(Path(sys.argv[1]), "placement", created())
        stamp(Path(sys.argv[1]), "interpreter", BEGUN)
    train(Path(sys.argv[1]), int(os.environ["RANK"]), on_ray=False)
