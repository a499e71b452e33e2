"""`init` on the drawn layouts: the YAML passes `check` and reads every mask as it was drawn."""

import shutil
from itertools import pairwise
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
import yaml
from pydantic import ValidationError

from raytrain.cli.begin import begun
from raytrain.config.competition import CompetitionSpec
from raytrain.config.load import load_job
from raytrain.data.guess.said import Said
from raytrain.data.guess.written import written
from raytrain.data.phantom import draw_patient
from raytrain.data.samples import SampleFiles
from raytrain.pipeline.check import check
from raytrain.pipeline.draft import draft_of
from raytrain.pipeline.init import file_of, init, keep_report
from raytrain.runs.layout import run_dir
from tests.layouts.draw import LAYOUTS, draw
from tests.layouts.scene import write

NUMBERS = {"colors": {1: 3, 2: 1, 255: 2}, "coco": {1: 2, 2: 1}, "camvid": {0: 1, 1: 2, 2: 3}}
"""Layout -> number in the drawn masks -> number in the YAML, whose classes have another order."""


@pytest.mark.slow
@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_yaml_reads_every_mask(
    layout: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    truth = draw(layout, tmp_path / "data" / layout)
    draft, path = init(f"data/{layout}", None, None)
    assert (draft.problems, path) == ((), Path(f"{layout}.yaml"))
    assert len(draft.questions) == (LAYOUTS[layout].sample is None)
    job = load_job(path)
    assert job == draft.job
    assert load_job(path, profile="gpu").trial.epochs == 2 * job.trial.epochs
    report = check(job, run_dir(job))
    assert sorted(report.ids("train", "val")) == sorted(truth)
    assert report.ids("test")
    files = SampleFiles(report)
    for id, mask_HW in truth.items():
        expected_HW = mask_HW.copy()
        for drawn, own in NUMBERS.get(layout, {}).items():
            expected_HW[mask_HW == drawn] = own
        np.testing.assert_array_equal(files.mask(id), expected_HW, err_msg=id)
    assert job.competition.submission.sample == LAYOUTS[layout].sample


def test_groups_and_words_of_the_drawn_layouts(tmp_path: Path) -> None:
    for layout in ("cars", "scans", "salt", "camvid"):
        draw(layout, tmp_path / layout)
    draw("voc", tmp_path / "other" / "voc")
    voc = draft_of(str(tmp_path / "other" / "voc"), None).report
    assert voc is not None
    [note] = voc.notes  # an image in no list is counted once
    assert note.startswith("images in no list of competition.splits")
    shutil.rmtree(tmp_path / "other")
    jobs = {path.name: draft_of(str(path), None).job.competition for path in tmp_path.iterdir()}
    assert jobs["cars"].group.name == jobs["scans"].group.name == "pattern"
    assert jobs["salt"].group.name == "own"
    assert jobs["scans"].target == "multi_label"
    assert jobs["camvid"].classes == ("background", "Sky", "Car", "Tree")
    # Images of salt are square, and only the mask files show the order of pixels.
    assert (jobs["salt"].submission.dialect, jobs["salt"].submission.order) == (
        "tgs_salt", "column",
    )  # fmt: skip


def test_nearly_equal_images_show_which_part_of_the_names_is_the_group(tmp_path: Path) -> None:
    """Random numbers never count on, and most images resemble no other."""
    rng = np.random.default_rng(1)
    for place in range(20):
        name = f"{'abcdefghij'[place % 10]}-{100 + place * 7919 % 9973}.png"
        patient = place % 10 if place % 10 < 4 else place
        image_HW, mask_HW = draw_patient(7, patient)[0]
        noisy_HW = np.clip(image_HW + rng.normal(0, 2, image_HW.shape), 0, 255)
        write(tmp_path / "images" / name, noisy_HW.astype(np.uint8))
        write(tmp_path / "masks" / name, mask_HW)
    text = draft_of(str(tmp_path), None).text
    assert "group: '{group}-*'" in text
    assert "nearly equal images are in the same group" in text
    for path in [*tmp_path.rglob("*.png")]:  # the numbers alone
        path.rename(path.with_name(path.name[2:]))
    text = draft_of(str(tmp_path), None).text
    assert "4 of 4 pairs of nearly equal images are in different groups" in " ".join(
        text.replace("#", " ").split()
    )


def test_the_order_on_square_images_follows_the_mask_files(tmp_path: Path) -> None:
    truth = draw("salt", tmp_path)
    rows = ["id,rle_mask"]
    for name, mask_HW in truth.items():
        flat = np.concatenate([[0], mask_HW.ravel(), [0]]).astype(int)
        starts, ends = (np.flatnonzero(np.diff(flat) == step) for step in (1, -1))
        runs = " ".join(f"{s} {e - s}" for s, e in zip(starts, ends, strict=True))
        rows.append(f"{name},{runs}")
    (tmp_path / "train.csv").write_text("\n".join(rows) + "\n")
    draft = draft_of(str(tmp_path), None)
    submission = draft.job.competition.submission
    assert (submission.order, submission.first, draft.questions) == ("row", 0, ())
    for path in (tmp_path / "train" / "masks").iterdir():
        path.unlink()
    draft = draft_of(str(tmp_path), None)
    assert [question.key for question in draft.questions] == ["competition.submission.order"]


def test_a_zip_is_as_good_as_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAYTRAIN_CACHE", str(tmp_path / "cache"))
    draw("cars", tmp_path / "cars")
    with ZipFile(tmp_path / "Cars 2017.zip", "w") as packed:
        for path in (tmp_path / "cars").rglob("*.*"):
            packed.write(path, Path("cars") / path.relative_to(tmp_path / "cars"))
    draft = draft_of(str(tmp_path / "Cars 2017.zip"), None)
    assert (draft.name, draft.problems) == ("Cars-2017", ())
    assert draft.job.competition.format.image == "cars/{split}/{name}.jpg"
    assert draft.job.competition.submission.sample == "cars/sample_submission.csv"


def test_a_yaml_is_never_overwritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    draw("coco", tmp_path / "coco")
    assert file_of("coco") is None
    _, path = init("coco", None, None)
    before = path.read_bytes()
    with pytest.raises(ValueError, match=r"coco\.yaml: exists already .* --out"):
        init("coco", None, None)
    init("coco", None, Path("second.yaml"))
    assert path.read_bytes() == before
    assert file_of(str(tmp_path / "coco")) == path
    (tmp_path / "other").mkdir()
    with pytest.raises(ValueError, match=r"coco\.yaml: is for coco, not for other/coco"):
        file_of("other/coco")


def test_a_folder_stands_for_its_yaml(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    draw("coco", tmp_path / "coco")
    path, draft = begun(Path("coco"))
    assert (path, draft is not None) == (Path("coco.yaml"), True)
    assert "only a person can answer this" in capsys.readouterr().out
    assert begun(Path("coco")) == (path, None)
    assert "continuing with coco.yaml" in capsys.readouterr().out
    assert begun(path) == (path, None)
    (tmp_path / "coco" / "train" / "broken.jpg").write_bytes(b"not an image")
    path.unlink()
    with pytest.raises(ValueError, match=r"1 problem[\s\S]*broken\.jpg: unreadable"):
        begun(Path("coco"))
    assert path.is_file()


def test_a_run_of_the_folder_reads_the_data_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    draw("cars", tmp_path / "cars")
    draft, path = init("cars", None, None)
    job = load_job(path, ["run=first"])
    keep_report(draft, job, run_dir(job))
    assert run_dir(job).stamp.is_file()
    other = load_job(path, ["run=second", "competition.group={name: own}"])
    keep_report(draft, other, run_dir(other))
    assert not run_dir(other).stamp.is_file()


def test_a_folder_without_masks_is_refused_with_what_was_seen(tmp_path: Path) -> None:
    draw("steel", tmp_path)
    (tmp_path / "train.csv").unlink()
    with pytest.raises(ValueError, match="found no masks") as caught:
        draft_of(str(tmp_path), None)
    for word in ("9 images train_images/*.jpg", "1 file with .csv", "docs/layouts.md"):
        assert word in str(caught.value)


def test_the_text_says_why_in_every_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    draw("steel", tmp_path / "steel")
    text = draft_of("steel", None).text
    tree = yaml.safe_load(text)
    assert tree["competition"]["format"]["columns"] == ["ImageId", "ClassId", "EncodedPixels"]
    lines = text.splitlines()
    assert max(map(len, lines)) <= 100
    for before, line in pairwise(lines):
        value = line.partition(":")[2].strip()
        if value and not line.lstrip().startswith(("#", "-")) and "choice" not in line:
            assert "#" in line or before.lstrip().startswith("#"), line


def test_long_values_and_words_with_signs_stay_what_they_are() -> None:
    value = {"choice": [[{"name": "a" * 40, "x": 1e-4}], ["'#' \"b\": c"]], "none": None}
    tree = {"top": {"key": Said(value, "why " * 60), "color": Said("#ff0000", "red")}}
    assert yaml.safe_load(written(tree, ["head"], ()))["top"] == {"key": value, "color": "#ff0000"}


@pytest.mark.parametrize(
    ("data", "name"),
    [
        ("data/hearts", "hearts"), ("~/My data (2).zip", "My-data-2"), ("s3://bucket/a b/", "a-b"),
        ("hearts/", "hearts"), ("..", "competition"),
    ],
)  # fmt: skip
def test_a_competition_is_named_after_its_data(data: str, name: str) -> None:
    tree = {"data": data, "classes": ["a", "b"]}
    assert CompetitionSpec.model_validate(tree).name == name
    assert CompetitionSpec.model_validate({"name": "own", **tree}).name == "own"
    with pytest.raises(ValidationError) as caught:
        CompetitionSpec.model_validate({"classes": ["a", "b"]})
    assert [error["loc"] for error in caught.value.errors()] == [("data",)]
