"""A loss of 0 that stands still, waits or is not finite in a worker when a file tells it to."""

import os
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import ray.train
import torch
from ray.train.v2._internal.execution.context import get_train_context

from raytrain.config.extend import OwnLoss
from raytrain.losses.judged import Judged
from raytrain.losses.setting import Setting


class TrapSpec(OwnLoss):
    """Which folder to look in."""

    name: Literal["trap"] = "trap"
    folder: str = ""


def build_trap(spec: TrapSpec, setting: Setting) -> Callable[[Judged], torch.Tensor]:
    """Return the loss. It obeys these files in the folder at the third step that sees one, which is
    in the middle of an epoch.

    The worker that takes `stand_still` or `not_finite` away stands still or has a loss that is not
    finite. While `hold` is there, each worker writes `worker_<process number>`, and one that waits
    writes `held`; it writes `preempted_<rank>` when Ray tells it that its node leaves. The others
    wait for it in the step.
    """
    del setting
    folder, seen = Path(spec.folder), Counter[str]()

    def heeds(name: str) -> bool:
        seen[name] = seen[name] + 1 if (folder / name).exists() else 0
        if name == "hold" and seen[name]:
            (folder / f"worker_{os.getpid()}").touch()
        return seen[name] >= 3

    def term(judged: Judged) -> torch.Tensor:
        nothing = judged.prob_BKHW.sum() * 0
        if not torch.is_grad_enabled():
            return nothing
        while heeds("hold"):
            (folder / "held").touch()
            # `ray.train.get_preemption_info` waits for the other worker, which may not wait here.
            if get_train_context().preemption_context.preemption_info is not None:
                (folder / f"preempted_{ray.train.get_context().get_world_rank()}").touch()
            threading.Event().wait(0.1)
        if heeds("stand_still") and _taken(folder / "stand_still"):
            threading.Event().wait()
        if heeds("not_finite") and _taken(folder / "not_finite"):
            return nothing / 0
        return nothing

    return term


def _taken(path: Path) -> bool:
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    return True


LOSSES = {TrapSpec: build_trap}
