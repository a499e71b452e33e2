"""The command lines of the pages run as they are written, in a folder that has what they name.

The tutorial has a test of its own, and so has the cluster's page (`tests/ray/test_jobs.py`). The
pages in `CLOUD` need machines that a test does not have; `tests/unit/test_docs.py` parses theirs.
"""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from raytrain.data.folds import Folds
from raytrain.data.report import read_report
from raytrain.runs.files import read_json
from raytrain.runs.layout import RunDir
from tests.commands import printed
from tests.e2e.kaggle_state import Kaggle
from tests.given_maps import npy, write_given
from tests.layouts.draw import draw
from tests.unit.test_docs import COMMANDS, DOCS, PAGES, ROOT, named, shown_commands

CLOUD = {"how/aws.md", "how/kubernetes.md", "how/machines.md", "how/storage.md"}
ELSEWHERE = {"tutorial.md", "how/cluster.md"}
HERE = [
    page
    for page in PAGES
    if {words[0] for words in shown_commands(page)} & {"raytrain"}
    and str(page.relative_to(ROOT)).removeprefix("docs/") not in CLOUD | ELSEWHERE
]
TINY = {
    "trial.epochs": "1", "trial.model": "{name: unet, width: 2, depth: 1}",
    "search.trials": "1", "search.space": "{}", "search.scheduler": "{name: none}",
}  # fmt: skip
"""Instead of what `init` chooses for nuclei, which needs minutes and ImageNet weights."""


@pytest.fixture
def here(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder: jobs with finished runs, scans, a bundle, a teammate's maps, nuclei."""
    monkeypatch.chdir(tmp_path)
    for name in ("cardiac", "heart"):
        _write_run(name, place)
    run = RunDir(tmp_path / "runs" / "cardiac" / "default")
    report = read_report(run.data_report)
    write_given(Path("anna"), report, Folds.model_validate(read_json(run.folds)), npy)
    shutil.copytree(place / "data" / "test" / "image", "scans")
    np.save("volume.npy", np.stack([np.asarray(Image.open(each)) for each in _pngs("scans")[:2]]))
    shutil.copy(place / "bundle.zip", "heart.zip")
    draw("nuclei", Path("data/nuclei"))
    shutil.copy("data/nuclei/stage1_sample_submission.csv", "sample_submission.csv")
    shutil.copy("data/nuclei/stage1_train_labels.csv", "train.csv")
    Path("train").mkdir()
    for image in Path("data/nuclei/stage1_train").glob("*/images/*.png"):
        shutil.copy(image, "train")
    return tmp_path


def _write_run(name: str, place: Path) -> None:
    """Write `jobs/NAME.yaml`, and a copy of the small run as its finished run."""
    job = yaml.safe_load((place / "runs.yaml").read_text())
    job["competition"] |= {"name": name, "submission": {"slug": "heart", "dialect": "cardiac"}}
    Path("jobs").mkdir(exist_ok=True)
    Path(f"jobs/{name}.yaml").write_text(yaml.safe_dump(job | {"storage": "runs"}))
    shutil.copytree(place / "runs" / "phantom", f"runs/{name}")


def _pngs(folder: str) -> list[Path]:
    return sorted(Path(folder).glob("*.png"))


def test_every_page_is_run_somewhere() -> None:
    names = {str(page.relative_to(DOCS)) for page in PAGES if page.is_relative_to(DOCS)}
    assert names >= CLOUD | ELSEWHERE


@pytest.mark.usefixtures("client_here", "here")
@pytest.mark.parametrize("page", HERE, ids=lambda page: page.stem)
def test_the_commands_of_a_page_run(page: Path, kaggle: Kaggle) -> None:
    kaggle.truth = _rows(RunDir(Path("runs/cardiac/default")))
    said = ""
    for _, *words in (words for words in shown_commands(page) if words[0] == "raytrain"):
        said = printed(*_meant(words, said))


def _rows(run: RunDir) -> dict[str, np.ndarray]:
    """Truth that the run's masks agree with: the mask of each row of the CSV."""
    masks = {path.stem: np.asarray(Image.open(path)) for path in run.masks.glob("*.png")}
    return {f"{id}_mask{k}": mask_HW == k for id, mask_HW in masks.items() for k in (1, 2, 3)}


def _meant(words: list[str], said: str) -> list[str]:
    """The words with what a reader puts in for the page's examples, on a network that is tiny.

    `said`: what the command before printed, where the token is.
    """
    trials = sorted(each.name for each in Path("runs/cardiac/default/trials").iterdir())
    values = {"0daf": trials[0][:6], "f913": trials[1][:6], "41234567": "1000"}
    if "TOKEN" in words:
        [values["TOKEN"]] = re.findall(r'"token": "([^"]+)"', said)
    words = [values.get(word, word) for word in words]
    if words[0] == "run" and "nuclei" in words[1]:
        words += [word for key, value in TINY.items() for word in ("--set", f"{key}={value}")]
    if "--queue" in words:  # the page shows it instead of the command before
        words += ["--again", "--yes"]
    takes_local = any("--local" in each.opts for each in COMMANDS[named(words)].params)
    return [*words, "--local"] if takes_local and "--local" not in words else words
