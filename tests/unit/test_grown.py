"""`raytrain augment`: the written data set is what training draws, and raytrain reads it again."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from raytrain.cli.app import app
from raytrain.config.competition import CompetitionSpec
from raytrain.config.framing import WholeSpec
from raytrain.config.job import FoldSpec, JobSpec
from raytrain.config.load import load_job
from raytrain.config.trial import TrialSpec
from raytrain.data.cache import open_cache
from raytrain.data.checks import inspect
from raytrain.data.dataset import Scaling, SliceDataset
from raytrain.data.decode import decode_image, decode_mask
from raytrain.data.framing import Frame
from raytrain.data.samples import SampleFiles
from raytrain.pipeline import augment as station
from raytrain.pipeline.augment import augment, preview
from raytrain.pipeline.check import check_all
from raytrain.runs.layout import RunDir, run_dir
from raytrain.submission.ledger import ledger_of

CLASSES = ("background", "a", "b")


def draw(folder: Path, kind: str = "uint8", channels: int = 1) -> None:
    """Six training images, two of val and two of test; two images each are one patient."""
    rng = np.random.default_rng(0)
    for number in range(1, 11):
        split = "train" if number <= 6 else "val" if number <= 8 else "test"
        image_HWC = rng.integers(0, 250, (24, 16, channels)).astype(kind)
        mask_HW = rng.integers(0, 3, (24, 16)).astype(np.uint8)
        mask_HW[:2] = 255  # unlabeled
        for part in ("image", "mask"):
            (folder / split / part).mkdir(parents=True, exist_ok=True)
        path = folder / split / "image" / f"s{number}"
        if kind == "uint8" and channels == 1:
            Image.fromarray(image_HWC[..., 0]).save(path.with_suffix(".png"))
        else:
            station._save(path.with_suffix(".tif"), image_HWC)
        if split != "test":
            Image.fromarray(mask_HW).save(folder / split / "mask" / f"s{number}_mask.png")


def job_of(folder: Path, suffix: str = "png", **trial: Any) -> JobSpec:
    competition = CompetitionSpec.model_validate({
        "name": "t", "data": str(folder / "data"), "classes": CLASSES, "group": "(N+1)//2",
        "format": {
            "name": "paired_folders", "image": f"{{split}}/image/{{name}}.{suffix}",
            "labels": {"name": "classes", "ignore": [255]},
        },
    })  # fmt: skip
    words = {"augmentation": "system_a", "copies": 2, "seed": 3, **trial}
    return JobSpec(
        competition=competition,
        trial=TrialSpec.model_validate(words),
        folds=FoldSpec(count=2),
        storage=str(folder / "runs"),
        run="plain",
    )


def grown(folder: Path, job: JobSpec, count: int | None, originals: station.Originals) -> Any:
    return augment(job, RunDir(folder / "runs/t/plain"), folder / "out", count, originals)


def rows_of(folder: Path) -> list[dict[str, str]]:
    return list(csv.DictReader((folder / "samples.csv").read_text().splitlines()))


def test_the_drawn_pairs_are_those_of_training_in_memory(tmp_path: Path) -> None:
    draw(tmp_path / "data")
    job = job_of(tmp_path)
    found = grown(tmp_path, job, None, "out")
    assert (found.drawn, found.originals, found.others) == (12, 0, 4)
    report = inspect(job.competition)
    cache = open_cache(report)
    frame = Frame(WholeSpec(), cache.largest)
    windows = frame.windows(cache, cache.rows(report.ids("train")))
    scaling = Scaling((0.0,), (1.0,), per_image=False)
    data = SliceDataset(cache, frame, windows, scaling, "system_a", 2, 3)
    for number, id in enumerate(report.ids("train")):
        for copy in (1, 2):
            image_HWC, mask_HW = data._pair(number, copy, epoch=1)
            stem = tmp_path / "out/train"
            assert np.array_equal(decode_image(stem / "image" / f"{id}_copy{copy}.png"), image_HWC)
            assert np.array_equal(decode_mask(stem / "mask" / f"{id}_copy{copy}_mask.png"), mask_HW)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("count", "originals", "train"), [(10, "out", 10), (10, "in", 16), (None, "in", 18)]
)
def test_check_passes_on_the_written_folder(
    tmp_path: Path, count: int | None, originals: station.Originals, train: int
) -> None:
    draw(tmp_path / "data")
    job = job_of(tmp_path)
    found = grown(tmp_path, job, count, originals)
    again = load_job(found.job)
    report, folds = check_all(again, RunDir(tmp_path / "runs/t/plain_grown"))
    assert {split: report.splits[split].images for split in ("train", "val", "test")} == {
        "train": train, "val": 2, "test": 2,
    }  # fmt: skip
    assert report.splits["train"].ignored_pixels > 0
    assert (again.trial.augmentation, again.trial.copies) == ("none", 0)
    # Copies stay with their original's patient, in the table and in every fold.
    group = dict(zip(report.samples["id"], report.samples["group"], strict=True))
    before = inspect(job.competition).samples.set_index("id")["group"]
    for row in rows_of(found.folder):
        assert group[row["id"]] == str(before[row["source"]])
    for ids in folds.val_ids:
        outside = {group[id] for other in folds.val_ids if other != ids for id in other}
        assert not {group[id] for id in ids} & outside
    # Every training image is drawn equally often, or once more.
    drawn = [row["source"] for row in rows_of(found.folder) if row["copy"] != "0"]
    times = [drawn.count(id) for id in set(drawn)]
    assert max(times) - min(times) <= 1
    old, new = SampleFiles(inspect(job.competition)), SampleFiles(report)
    assert np.array_equal(new.image("s7"), old.image("s7"))
    assert np.array_equal(new.mask("s7"), old.mask("s7"))


@pytest.mark.parametrize(("kind", "channels"), [("uint16", 1), ("float32", 1), ("uint8", 5)])
def test_other_types_of_images_keep_their_type(tmp_path: Path, kind: str, channels: int) -> None:
    draw(tmp_path / "data", kind, channels)
    found = grown(tmp_path, job_of(tmp_path, "tif"), 6, "out")
    report, _ = check_all(load_job(found.job), RunDir(tmp_path / "runs/t/plain_grown"))
    assert (report.dtype, report.channels) == (kind, channels)


def test_overlapping_classes_are_written_one_by_one(tmp_path: Path) -> None:
    draw(tmp_path / "data")
    for path in (tmp_path / "data").glob("*/mask/*.png"):
        mask_HW = np.asarray(Image.open(path))
        for name, inside_HW in (("a", mask_HW > 0), ("b", mask_HW == 2)):
            (path.parent / name).mkdir(exist_ok=True)
            stem = path.name.replace("_mask", "")
            Image.fromarray(255 * inside_HW.astype(np.uint8)).save(path.parent / name / stem)
        path.unlink()
    tree = job_of(tmp_path).model_dump(mode="json")
    tree["trial"]["loss"] = [{"name": "bce_with_logits"}]
    tree["competition"] |= {
        "target": "multi_label",
        "format": {"name": "paired_folders", "mask": "{split}/mask/{class}/{name}.png"},
    }
    found = grown(tmp_path, JobSpec.model_validate(tree), 6, "in")
    report, _ = check_all(load_job(found.job), RunDir(tmp_path / "runs/t/plain_grown"))
    files = SampleFiles(report)
    assert {*np.unique(files.mask("s1"))} == {0, 1, 3}
    assert {*np.unique(files.mask("s1_copy1"))} == {0, 1, 3}


def test_nothing_is_overwritten_and_nothing_is_left_after_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw(tmp_path / "data")
    job = job_of(tmp_path)
    (tmp_path / "out").mkdir()
    (tmp_path / "out/notes.txt").write_text("mine")
    with pytest.raises(ValueError, match=r"out: exists and is not an empty folder; choose another"):
        grown(tmp_path, job, 6, "out")
    (tmp_path / "out/notes.txt").unlink()
    real, written = station._save, []

    def full(path: Path, image_HWC: np.ndarray) -> None:
        if len(written) == 7:
            raise OSError(28, "No space left on device", str(path))
        written.append(path)
        real(path, image_HWC)

    monkeypatch.setattr(station, "_save", full)
    with pytest.raises(OSError, match="No space left"):
        grown(tmp_path, job, 6, "out")
    assert {path.name for path in tmp_path.iterdir()} - {"runs"} == {"data", "out"}
    assert not any((tmp_path / "out").iterdir())
    with pytest.raises(ValueError, match=r"trial\.augmentation: it is empty"):
        grown(tmp_path, job_of(tmp_path, augmentation="none"), 6, "out")


def test_the_written_job_has_the_ledger_of_the_original(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    draw(tmp_path / "data")
    job = job_of(tmp_path).model_copy(update={"storage": "runs"})
    again = load_job(grown(tmp_path, job, 1, "out").job)
    assert run_dir(again).path == tmp_path / "runs/t/plain_grown"
    assert str(ledger_of(again, run_dir(again))) == str(ledger_of(job, run_dir(job)))


def test_the_files_are_opened_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw(tmp_path / "data")
    made: list[str] = []
    for name in ("SampleFiles", "build_augmentation"):
        real = getattr(station, name)

        def once(*given: Any, name: str = name, real: Any = real) -> Any:
            made.append(name)
            return real(*given)

        monkeypatch.setattr(station, name, once)
    grown(tmp_path, job_of(tmp_path), None, "in")
    assert sorted(made) == ["SampleFiles", "build_augmentation"]


def test_training_images_without_a_mask_are_refused(tmp_path: Path) -> None:
    draw(tmp_path / "data")
    for path in (tmp_path / "data/train/mask").iterdir():
        path.unlink()
    with pytest.raises(ValueError, match="its mask is missing"):
        grown(tmp_path, job_of(tmp_path), None, "in")


def test_the_preview_shows_images_before_and_after(tmp_path: Path) -> None:
    draw(tmp_path / "data")
    run = RunDir(tmp_path / "runs/t/plain")
    path = preview(job_of(tmp_path), run)
    assert path == run.augmentation
    with Image.open(path) as sheet:
        picture = np.asarray(sheet)
    # Four columns (before, and three copies) and six rows.
    assert picture.shape[1] == 4 * (160 + 6) + 6
    assert picture.shape[0] == 6 * (160 + 18 + 6) + 6
    before, after = picture[6:166, 6:166], picture[6:166, 172:332]
    assert not np.array_equal(before, after)
    assert not run.config.exists()


def test_the_command_takes_a_folder_or_a_preview(tmp_path: Path) -> None:
    draw(tmp_path / "data")
    job = tmp_path / "job.yaml"
    job.write_text(job_of(tmp_path).model_dump_json())
    run = CliRunner().invoke
    assert run(app, ["augment", str(job)]).exit_code == 2
    both = run(app, ["augment", str(job), "--preview", "--out", str(tmp_path / "out")])
    assert both.exit_code == 2
    out = tmp_path / "out"
    done = run(app, ["augment", str(job), "--out", str(out), "--count", "5"])
    assert done.exit_code == 0, done.output
    assert "5 drawn pairs, 0 originals of train, 4 images of other splits" in done.output
    assert f"next: raytrain check {out / 'job.yaml'}" in done.output
