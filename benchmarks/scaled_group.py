"""Ray Train's side of `benchmarks/scaling.py`: a worker group as `raytrain.cluster` makes it, with
stamps around its process group."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray.train
from ray.train.torch import TorchConfig, TorchTrainer
from ray.train.torch.config import _TorchBackend

from benchmarks.scaled_loop import ray_worker, stamp
from raytrain.cluster.resources import Need, bundle


class StampedBackend(_TorchBackend):
    """Ray's, in the controller. The workers have imported Ray and torch when it is called."""

    def on_start(self, worker_group: Any, backend_config: "StampedConfig") -> None:
        stamp(Path(backend_config.folder), "imports", time.time())
        super().on_start(worker_group, backend_config)


@dataclass
class StampedConfig(TorchConfig):
    folder: str = ""

    @property
    def backend_cls(self) -> type[StampedBackend]:
        return StampedBackend


def fit(folder: Path, workers: int) -> None:
    """Train on so many workers."""
    TorchTrainer(
        ray_worker,
        train_loop_config={"folder": str(folder), "fit": time.time()},
        torch_config=StampedConfig(timeout_s=600, folder=str(folder)),
        scaling_config=ray.train.ScalingConfig(
            num_workers=workers, resources_per_worker=bundle(Need(memory_gb=1))
        ),
        run_config=ray.train.RunConfig(
            name="scaling",
            storage_path=str(folder / "ray"),
            checkpoint_config=ray.train.CheckpointConfig(num_to_keep=1),
        ),
    ).fit()
