"""`augment`: write augmented images as a data set of its own, or a picture of images before and
after augmentation.

Copy k of an image is the same as in training with `copies: k` or more, on the host, if images are
used whole.
"""

import csv
import io
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import tifffile
import yaml
from PIL import Image

from raytrain.config.job import JobSpec
from raytrain.config.target import IGNORE, layer
from raytrain.data.augment import augmented, build_augmentation, copy_state, steps_of
from raytrain.data.contact_sheet import cell, contact_sheet
from raytrain.data.neighbours import own_frame
from raytrain.data.report import DataReport
from raytrain.data.samples import SampleFiles
from raytrain.data.stamp import read_if_changed
from raytrain.runs.bar import bar
from raytrain.runs.files import atomic_path
from raytrain.runs.layout import RunDir
from raytrain.runs.messages import counted

Originals = Literal["in", "out"]
"""Whether the training images themselves are written, in addition to their copies."""
TABLE = "samples.csv"
SHOWN, AFTER = 6, 3
"""Number of images on the picture, and number of augmented copies of each."""


@dataclass(frozen=True)
class Grown:
    """A data set of augmented images that was written."""

    folder: Path
    job: Path
    """The job file for this data set."""
    drawn: int
    originals: int
    """Number of training images that were written unchanged."""
    others: int
    """Number of images of val and test, which are not changed."""

    @property
    def text(self) -> str:
        return (
            f"{counted(self.drawn, 'drawn pair')}, {counted(self.originals, 'original')} of train, "
            f"{counted(self.others, 'image')} of other splits\n"
            f"written: {self.folder}\nnext: raytrain check {self.job}"
        )


def augment(job: JobSpec, run: RunDir, out: Path, count: int | None, originals: Originals) -> Grown:
    """Write `count` augmented training pairs, and the images of val and test without changes.

    All training images are drawn equally often, or some once more. Without a count, each is drawn
    `trial.copies` times, but at least once. Raises ValueError when `out` is not an empty folder, or
    when the augmentation is empty. The folder is written completely or not at all.
    """
    problems = _nothing_drawn(job)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        problems.append(f"{out}: exists and is not an empty folder; choose another --out")
    if problems:
        raise ValueError("\n".join(problems))
    report = read_if_changed(job.competition, run)
    ids = _training(report)
    drawn = max(1, job.trial.copies) * len(ids) if count is None else count
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}."))
    try:
        folder = temporary / "new"
        writer, pairs, trained = _Writer(folder, report), _Pairs(job, report), {*ids}
        for id, copy in _plan(ids, drawn, originals):
            writer.add(id, copy, *pairs.pair(id, copy))
        for id in report.samples["id"]:
            if id not in trained:
                writer.add(id, 0, *pairs.pair(id, 0))
        writer.close(job, out.absolute())
        if out.exists():
            out.rmdir()
        folder.rename(out)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    kept = len(ids) if originals == "in" else 0
    return Grown(out, out / "job.yaml", drawn, kept, len(report.samples) - len(ids))


def preview(job: JobSpec, run: RunDir) -> Path:
    """Draw some training images before and after augmentation as one picture, with the outlines of
    their masks, and return the picture's path. Raises ValueError when the augmentation is
    empty."""
    if problems := _nothing_drawn(job):
        raise ValueError("\n".join(problems))
    report = read_if_changed(job.competition, run)
    ids = _training(report)
    shown = [ids[place * len(ids) // min(SHOWN, len(ids))] for place in range(min(SHOWN, len(ids)))]
    pairs, pictures, titles = _Pairs(job, report), [], []
    for id in shown:
        for copy in range(1 + AFTER):
            image_HWC, mask_HW = pairs.pair(id, copy)
            frame_HWC = own_frame(image_HWC, id, report.neighbours)
            pictures.append(cell(frame_HWC, mask_HW, len(report.classes), report.target))
            titles.append(f"{id}, copy {copy}" if copy else f"{id}, before")
    with atomic_path(run.augmentation) as temporary:
        contact_sheet(pictures, titles, 1 + AFTER).save(temporary)
    return run.augmentation


def _nothing_drawn(job: JobSpec) -> list[str]:
    if steps_of(job.trial.augmentation):
        return []
    return [
        "trial.augmentation: it is empty, so there is nothing to draw; give a preset such as slices"
    ]


def _training(report: DataReport) -> list[str]:
    samples = report.samples
    return [*samples.loc[(samples["split"] == "train") & (samples["mask"] != ""), "id"]]


def _plan(ids: list[str], drawn: int, originals: Originals) -> Iterator[tuple[str, int]]:
    """Yield id and copy number of each training image to write. Number 0 is the original."""
    if originals == "in":
        yield from ((id, 0) for id in ids)
    for number in bar(range(drawn), f"augment: {drawn} pairs", drawn):
        yield ids[number % len(ids)], 1 + number // len(ids)


class _Pairs:
    """Reads images with their masks, and draws copies of them."""

    def __init__(self, job: JobSpec, report: DataReport):
        self._files, self._seed = SampleFiles(report), job.trial.seed
        self._transform = build_augmentation(job.trial.augmentation)
        self._rows = {id: row for row, id in enumerate(report.samples["id"])}

    def pair(self, id: str, copy: int) -> tuple[np.ndarray, np.ndarray | None]:
        """Return image_HWC and mask_HW of a copy, in the image's own type. Copy 0 is the original.
        An image without a mask is not augmented, and its mask is None."""
        image_HWC = self._files.image(id)
        mask_HW = self._files.mask(id) if self._files.has_mask(id) else None
        if not copy or mask_HW is None:
            return image_HWC, mask_HW
        state = copy_state(self._seed, self._rows[id], 0, 0, copy)
        drawn_HWC, drawn_HW = augmented(self._transform, image_HWC, mask_HW, state)
        if np.issubdtype(image_HWC.dtype, np.integer):
            span = np.iinfo(image_HWC.dtype)
            drawn_HWC = np.clip(np.round(drawn_HWC), span.min, span.max)
        return drawn_HWC.astype(image_HWC.dtype), drawn_HW


class _Writer:
    """Writes a data set as image and mask files, with a table that describes each of them."""

    def __init__(self, folder: Path, report: DataReport):
        self._folder, self._report = folder, report
        as_png = (report.dtype, report.channels) in (("uint8", 1), ("uint8", 3), ("uint16", 1))
        self._suffix = "png" if as_png else "tif"
        self._rows: list[tuple[str, str, str, str, int]] = []
        self._samples = report.samples.set_index("id")

    def add(self, id: str, copy: int, image_HWC: np.ndarray, mask_HW: np.ndarray | None) -> None:
        """Write one image with its mask, or an image without a mask. Raises ValueError for a name
        that another image has."""
        split, group = self._samples.loc[id, ["split", "group"]]
        name = f"{id}_copy{copy}" if copy else id
        if copy and name in self._samples.index:
            raise ValueError(
                f"{name}: a copy of {id} would have the name of another image; rename one of them"
            )
        self._rows.append((name, split, str(group), id, copy))
        _save(self._folder / split / "image" / f"{name}.{self._suffix}", image_HWC)
        if mask_HW is None:
            return
        masks, report = self._folder / split / "mask", self._report
        if report.target == "single_label":
            _save(masks / f"{name}_mask.png", mask_HW[..., None])
            return
        for number, word in enumerate(report.classes[1:], 1):
            inside_HW = layer(mask_HW, number, report.target)
            _save(masks / word / f"{name}.png", 255 * inside_HW.astype(np.uint8)[..., None])

    def close(self, job: JobSpec, data: Path) -> None:
        """Write the table, and the job for this data set; `data` is the folder where the data set
        will be."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerows([("id", "split", "group", "source", "copy"), *self._rows])
        (self._folder / TABLE).write_text(text.getvalue(), encoding="utf-8")
        single = self._report.target == "single_label"
        mask = "{split}/mask/{name}_mask.png" if single else "{split}/mask/{class}/{name}.png"
        tree = job.model_dump(mode="json", exclude_unset=True)
        for key in ("neighbours", "exclude", "splits"):
            tree["competition"].pop(key, None)
        tree["competition"] |= {
            "name": job.competition.name,
            "data": str(data),
            "format": {
                "name": "paired_folders",
                "image": f"{{split}}/image/{{name}}.{self._suffix}",
                "mask": mask,
                **({"labels": {"name": "classes", "ignore": [IGNORE]}} if single else {}),
            },
            "group": {"name": "table", "file": TABLE},
        }
        if not self._report.ids("test"):
            tree["competition"]["splits"] = {"name": "folders", "test": None}
        tree["trial"] = tree.get("trial", {}) | {
            "augmentation": "none", "copies": 0, "originals": True
        }  # fmt: skip
        tree.pop("report", None)  # its images may not be among these
        tree["run"] = f"{job.run}_grown"
        text_yaml = yaml.safe_dump(tree, sort_keys=False, allow_unicode=True)
        (self._folder / "job.yaml").write_text(text_yaml, encoding="utf-8")


def _save(path: Path, image_HWC: np.ndarray) -> None:
    """Write a PNG or TIFF file, according to the suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    planes = image_HWC[..., 0] if image_HWC.shape[2] == 1 else image_HWC
    if path.suffix == ".tif":
        layout = "contig" if planes.ndim == 3 else None
        tifffile.imwrite(path, planes, photometric="minisblack", planarconfig=layout)
        return
    Image.fromarray(planes).save(path)
