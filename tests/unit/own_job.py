"""A job with a file of its own parts."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from raytrain.config.job import JobSpec
from raytrain.config.own import extend_by
from raytrain.models import build_model

EXAMPLE = Path(__file__).parents[2] / "jobs" / "own_parts.py"
JOB = """
extend: mine/own_parts.py
competition:
  name: tiny
  data: folder
  classes: [background, organ]
  metric: {name: worst_dice, background: false}
trial:
  model: {name: two_convolutions, width: 3}
  loss: [{name: cross_entropy}, {name: log_dice, weight: 0.5}]
"""
HEAD = """
from typing import Literal
from raytrain.config.extend import OwnFormat, OwnLoss, OwnMetric, OwnModel
"""


@contextmanager
def own_job(folder: Path) -> Iterator[Path]:
    """`job.yaml` and its file in the folder; nothing of it stays known afterwards."""
    (folder / "mine").mkdir()
    shutil.copy(EXAMPLE, folder / "mine")
    (folder / "job.yaml").write_text(JOB)
    yield folder
    extend_by(())


def layers(spec: JobSpec) -> list[str]:
    network = build_model(spec.trial.model, 1, 2, None)
    return [type(layer).__name__ for layer in network.children()]
