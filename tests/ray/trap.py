"""A loss that costs nothing and, told by a file, stands still or is not finite in one worker."""

import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import ray.train
import torch

from raytrain.config.extend import OwnLoss
from raytrain.losses.judged import Judged
from raytrain.losses.setting import Setting


class TrapSpec(OwnLoss):
    """Which folder to look in."""

    name: Literal["trap"] = "trap"
    folder: str = ""


def build_trap(spec: TrapSpec, setting: Setting) -> Callable[[Judged], torch.Tensor]:
    """`stand_still` and `not_finite` there catch whichever worker takes the file away; all wait,
    having left `held`, while `hold` is there; what was told then that its node goes leaves
    `preempted_<rank>`. None is heeded before the third step that sees it,
    so that it is in the middle of an epoch."""
    del setting
    folder, seen = Path(spec.folder), Counter[str]()

    def heeds(name: str) -> bool:
        seen[name] = seen[name] + 1 if (folder / name).exists() else 0
        return seen[name] >= 3

    def term(judged: Judged) -> torch.Tensor:
        nothing = judged.prob_BKHW.sum() * 0
        if not torch.is_grad_enabled():
            return nothing
        while heeds("hold"):
            (folder / "held").touch()
            if ray.train.get_preemption_info() is not None:
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
