"""The layouts of docs/layouts.md: the YAML that the page shows reads the folder, mask by mask."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from raytrain.config.load import load_job
from raytrain.data.report import read_report
from raytrain.data.samples import SampleFiles
from raytrain.pipeline.check import check
from raytrain.runs.layout import run_dir
from tests.layouts.draw import LAYOUTS, draw

PAGE = Path(__file__).parents[2] / "docs" / "layouts.md"
SECTIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "nuclei": ("One PNG an object", {}),
    "membranes": ("TIFF stacks", {}),
    "salt": ("Masks beside a table", {}),
    "steel": ("RLE tables", {}),
    "cars": ("GIF masks", {}),
    "scans": ("Scans", {}),
    "voc": ("Pascal VOC", {}),
    "colors": ("Colored masks", {
        "image": "images/{name}.png", "mask": "masks/{name}.png",
        "test_image": "test_images/{name}.png",
        "labels": {"classes": {"#008000": 2}, "ignore": ["#c0e0e0"]},
    }),
    "camvid": ("With a table", {
        "image": "{split}/{name}.png", "mask": "{split}_labels/{name}_L.png",
    }),
    "coco": ("COCO", {"classes": None, "overlaps": "refused", "unlisted": None}),
}  # fmt: skip
"""Layout -> the beginning of its section, and what its folder needs instead (None: leaves out)."""


def job_of(layout: str, folder: Path, storage: Path) -> Path:
    """Write the job of a layout: the section's YAML with data, classes and a name."""
    words, more = SECTIONS[layout]
    block = re.search(rf"\n(?:## )?{words}.*?```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert block, words
    tree = yaml.safe_load(block[1])
    competition = tree["competition"] | {
        "name": layout, "data": str(folder), "classes": [*LAYOUTS[layout].classes],
    }  # fmt: skip
    _lay_over(competition["format"], more)
    job = storage / f"{layout}.yaml"
    tree |= {"competition": competition, "storage": str(storage)}
    job.write_text(yaml.safe_dump(tree))
    return job


def _lay_over(tree: dict[str, Any], more: dict[str, Any]) -> None:
    for key, value in more.items():
        if value is None:
            tree.pop(key)
        elif isinstance(value, dict) and isinstance(tree.get(key), dict):
            _lay_over(tree[key], value)
        else:
            tree[key] = value


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_yaml_of_the_page_reads_every_mask(layout: str, tmp_path: Path) -> None:
    truth = draw(layout, tmp_path / "data")
    job = load_job(job_of(layout, tmp_path / "data", tmp_path))
    report = check(job, run_dir(job))
    assert read_report(run_dir(job).data_report).format == report.format
    files = SampleFiles(report)
    labeled = report.ids("train", "val")
    assert sorted(labeled) == sorted(truth)
    assert len(report.ids("test")) >= 2
    for id in labeled:
        np.testing.assert_array_equal(files.mask(id), truth[id])
