"""`data.json` and `samples.parquet`: the results of `check`. Workers open the data from them."""

import io
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from pydantic import ConfigDict, Field

from raytrain.config.base import Spec
from raytrain.config.errors import unknown_name
from raytrain.config.formats import FormatSpec
from raytrain.config.target import Target, outputs
from raytrain.data.index import Split
from raytrain.runs.files import DamagedError, as_spec, read_json, write_bytes, write_json
from raytrain.runs.layout import RunDir
from raytrain.runs.version import REMEDY, VERSION, verify_version

TABLE = "samples.parquet"


class SplitFacts(Spec):
    """Statistics of the images and masks of one split."""

    images: int
    mean: tuple[float, ...]
    """Mean per channel over all pixels, in the images' own units."""
    std: tuple[float, ...]
    low: float
    high: float
    """Maximum of the values. `low` is the minimum."""
    class_pixels: tuple[int, ...]
    """Pixels of each class; empty without masks."""
    judged_pixels: int
    """Pixels of all masks, except the ignored ones."""
    ignored_pixels: int
    empty_masks: int
    """Number of masks that are all background."""
    single_class_masks: int
    """Number of masks that consist of one foreground class alone."""


class DataReport(Spec):
    """The facts about a competition's data, from reading every file."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    version: int = VERSION
    """Version of the run folder's files (`runs/version.py`)."""
    fingerprint: str
    """Fingerprint of ids, splits, decoded contents and the meaning of the masks."""
    source: str
    format: FormatSpec
    channels: int
    dtype: str
    classes: tuple[str, ...]
    target: Target
    neighbours: tuple[str, ...] = ()
    """The frames that are the channels of an image, as in `competition.neighbours`."""
    sizes: dict[str, int]
    """`width x height` -> number of images, most frequent first."""
    splits: dict[str, SplitFacts]
    """Facts about train, val, test, and `train+val`."""
    duplicates: tuple[tuple[str, str], ...]
    """Pairs of ids with images that are equal pixel by pixel."""
    near_duplicates: tuple[tuple[str, str], ...]
    """Other pairs of images that show the same picture and differ only by a small shift, in
    brightness or by a reflection."""
    disagreements: tuple[str, ...]
    """Files that another decoder reads differently, with the values that raytrain uses."""
    notes: tuple[str, ...] = ()
    """Notes about files and table rows that belong to no sample, and about replaced frames."""
    shift_auc: float | None
    """How well simple statistics distinguish train from test: .5 not at all, 1 always; null: train
    or test has fewer than five groups."""
    samples: pd.DataFrame = Field(exclude=True, repr=False)
    """One row per image: id, split, group, image and mask (addresses, one per line), height, width;
    per channel mean_<c> and square_<c> (mean of the squares); pixels_<k> per class; ignored
    (pixels)."""

    def ids(self, *splits: Split) -> tuple[str, ...]:
        """Return the ids of these splits in natural order, split by split."""
        return tuple(self.samples.loc[self.samples["split"].isin(splits), "id"])

    def map_shapes(self, ids: tuple[str, ...]) -> list[tuple[int, int, int]]:
        """Return channels, height and width of each image's probability map."""
        channels = outputs(len(self.classes), self.target)
        sizes = self.samples.set_index("id").loc[list(ids), ["height", "width"]]
        return [(channels, int(h), int(w)) for h, w in sizes.itertuples(index=False)]

    @property
    def labeled(self) -> pd.DataFrame:
        """The rows of train and val."""
        return self.samples[self.samples["split"].isin(("train", "val"))]

    @cached_property
    def largest(self) -> tuple[int, int]:
        """Largest height and largest width of the images, px."""
        return int(self.samples["height"].max()), int(self.samples["width"].max())


def named_ids(report: DataReport, asked: Sequence[str | int]) -> tuple[list[str], list[str]]:
    """Return the ids for the entries of `report.images`, and a problem for each entry that is
    neither an id nor a position."""
    known, tests = {*report.samples["id"]}, report.ids("test")
    ids, problems = [], []
    for each in asked:
        if str(each) in known:
            ids.append(str(each))
        elif isinstance(each, int) and 0 <= each < len(tests):
            ids.append(tests[each])
        elif isinstance(each, int):
            places = f"positions 0 to {len(tests) - 1}" if tests else "no test images"
            problems.append(
                f"report.images: {each} is neither an image's id nor the position of a test image "
                f"(there are {places}); correct it"
            )
        else:
            problems.append(f"report.images: {unknown_name(each, sorted(known))}")
    return list(dict.fromkeys(ids)), problems


def write_report(path: Path, report: DataReport) -> None:
    """Write a report to `path` (`data.json`), and its table of samples beside it."""
    buffer = io.BytesIO()
    report.samples.to_parquet(buffer, index=False)
    write_bytes(path.with_name(TABLE), buffer.getvalue())
    write_json(path, report.model_dump(mode="json"))


def read_report(path: Path) -> DataReport:
    """Read a report that `write_report` wrote. Raises ValueError when a file is damaged or of
    another version."""
    verify_version(RunDir(path.parent))
    table = path.with_name(TABLE)
    try:
        samples = pd.read_parquet(table)
    except (ValueError, OSError) as error:
        remedy = f"delete {path}; the next command writes both files again"
        raise DamagedError(table, str(error), remedy) from None
    # Arrow keeps its temporary memory: a hundred bytes per sample, in every worker.
    pa.default_memory_pool().release_unused()
    tree = {**read_json(path, REMEDY), "samples": samples}
    return as_spec(tree, DataReport, path, REMEDY)


def mean_and_std(samples: pd.DataFrame) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and deviation per channel over these rows' pixels, in the images' units."""
    area = (samples["height"] * samples["width"]).to_numpy(np.float64)
    mean = np.average(columns(samples, "mean"), axis=0, weights=area)
    square = np.average(columns(samples, "square"), axis=0, weights=area)
    std = np.sqrt(np.maximum(square - mean**2, 0))
    return tuple(map(float, mean)), tuple(map(float, std))


def columns(samples: pd.DataFrame, kind: str) -> np.ndarray:
    """Return the columns `<kind>_0`, `<kind>_1`, ... as one array, samples x numbers."""
    count = sum(name.rpartition("_")[0] == kind for name in samples.columns)
    return samples[[f"{kind}_{number}" for number in range(count)]].to_numpy()
