"""A loss that costs nothing and, told by a file, stands still or is not finite in one worker."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import torch

from raytrain.config.extend import OwnLoss
from raytrain.losses.judged import Judged
from raytrain.losses.setting import Setting


class TrapSpec(OwnLoss):
    """Which folder to look in."""

    name: Literal["trap"] = "trap"
    folder: str = ""


def build_trap(spec: TrapSpec, setting: Setting) -> Callable[[Judged], torch.Tensor]:
    """`stand_still` and `not_finite` there catch whichever worker takes the file away; all wait
    in a step while `hold` is there."""
    del setting

    def term(judged: Judged) -> torch.Tensor:
        nothing = judged.prob_BKHW.sum() * 0
        if torch.is_grad_enabled():
            while (Path(spec.folder) / "hold").exists():
                threading.Event().wait(0.1)
            if _taken(Path(spec.folder) / "stand_still"):
                threading.Event().wait()
            if _taken(Path(spec.folder) / "not_finite"):
                return nothing / 0
        return nothing

    return term


def _taken(path: Path) -> bool:
    if not path.exists():
        return False
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    return True


LOSSES = {TrapSpec: build_trap}
