"""A checked competition that a team-mate's maps may join."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from raytrain.config.competition import CompetitionSpec
from raytrain.config.job import FoldSpec
from raytrain.config.target import Target
from raytrain.data.checks import inspect
from raytrain.data.folds import Folds, make_folds
from raytrain.data.report import write_report
from raytrain.engine.trial import Samples, open_samples
from raytrain.ensemble.teammates import change
from raytrain.runs.joined import joined_dir
from raytrain.runs.layout import RunDir
from raytrain.runs.maps import Maps
from tests.given_maps import (
    Write,
    write_given,
)
from tests.unit.conftest import Competition


@dataclass(frozen=True)
class Place:
    """A checked competition of 10x12 px, its folds, and where a team-mate's folder goes."""

    run: RunDir
    samples: Samples
    folds: Folds
    folder: Path

    def write(self, write: Write, folder: str = "given", name: str = "anna", seed: int = 0) -> dict:
        report = self.samples.report
        return write_given(self.folder / folder, report, self.folds, write, name, seed)

    def add(self, *folders: str, remove: tuple[str, ...] = ()) -> list[str]:
        paths = [self.folder / folder for folder in folders or ("given",)]
        return change(self.run, self.samples, self.folds, paths, list(remove))

    def stored(self, name: str = "anna") -> dict[str, np.ndarray]:
        """Every map as the run keeps it."""
        report, directory = self.samples.report, joined_dir(self.run, name)
        parts = [(directory.oof(fold), ids) for fold, ids in enumerate(self.folds.val_ids)]
        parts.append((directory.test, report.ids("test")))
        return {
            id: Maps(path, report.map_shapes(ids))[number]
            for path, ids in parts
            for number, id in enumerate(ids)
        }

    def edit_card(self, **fields: object) -> None:
        path = self.folder / "given/member.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | fields))


SPLITS = dict(zip(range(1, 7), ("train", "train", "val", "val", "test", "test"), strict=True))


def open_place(competition: Competition, target: Target, classes: tuple[str, ...]) -> Place:
    spec = CompetitionSpec(
        name="tiny", data=str(competition.root), classes=classes, group="(N+1)//2", target=target,
        format={"mask": "{split}/mask/{name}_{class}.png"} if target == "multi_label" else {},
    )  # fmt: skip
    folder = competition.root.parent
    run = RunDir(folder / "run")
    report = inspect(spec)
    write_report(run.data_report, report)
    return Place(run, open_samples(run), make_folds(report, FoldSpec(count=2)), folder)


def write_mask(path: Path, mask_HW: np.ndarray) -> None:
    from PIL import Image

    Image.fromarray(mask_HW).save(path)
