"""Names: two spellings of one are one, and train and test may use the same."""

import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from raytrain.config.competition import CompetitionSpec, SubmissionSpec
from raytrain.config.formats import RleTableSpec
from raytrain.config.splits import RangeSplitsSpec, TableGroupSpec, TableSplitsSpec
from raytrain.data.checks import inspect
from raytrain.data.find import find_samples
from raytrain.pipeline.data_text import summary
from raytrain.submission.checks import check_submission
from raytrain.submission.sample import sample_problems
from raytrain.submission.table import build_table, write_table
from tests.format_files import MASK, found_in, save

NFC, NFD = (unicodedata.normalize(form, "\u00e9t\u00e91") for form in ("NFC", "NFD"))


@pytest.mark.parametrize(("image", "other"), [(NFC, NFD), (NFD, NFC), (NFD, NFD)])
def test_spellings_of_one_name_meet(image: str, other: str, competition, tmp_path: Path) -> None:
    competition.fill(train=1, val=1, test=1)
    root = competition.root
    save(root / f"train/image/{image}.png")
    save(root / f"train/mask/{other}_mask.png")
    rows = "".join(f"cmr{n},{n}\n" for n in range(1, 7))
    (root / "g.csv").write_text(f"id,group\n{other},own\n{rows}", encoding="utf-8")
    spec = competition.spec("N").model_copy(update={"group": TableGroupSpec(file="g.csv")})
    found = find_samples(spec, root)
    assert found.problems == []
    assert found.groups[NFC] == "own"
    assert inspect(spec).notes == ()


def test_tables_of_masks_and_splits_meet_them_too(tmp_path: Path) -> None:
    save(tmp_path / f"{NFD}.png")
    (tmp_path / "train.csv").write_text(f"id,rle\n{NFC},1 2\n", encoding="utf-8")
    (tmp_path / "s.csv").write_text(f"id,split\n{NFC},train\n", encoding="utf-8")
    spec = RleTableSpec(dialect="lasc", image="{name}.png")
    for splits in (TableSplitsSpec(file="s.csv"), RangeSplitsSpec(train="1")):
        index = found_in(tmp_path, spec, splits)
        assert index.problems == []
        assert [(sample.id, sample.image) for sample in index.samples] == [(NFC, (f"{NFD}.png",))]


def test_the_csv_has_the_spelling_of_the_sample(tmp_path: Path) -> None:
    sample, path = tmp_path / "s.csv", tmp_path / "out.csv"
    sample.write_text(f"id,rle\n{NFD},\n", encoding="utf-8")
    spec = SubmissionSpec(dialect="lasc", sample=str(sample))
    masks = [(NFC, np.eye(2, dtype=np.uint8))]
    write_table(path, build_table(masks, ("a", "b"), spec, "single_label"), spec)
    assert path.read_bytes() == f"id,rle\n{NFD},1 1 4 1\n".encode()
    assert check_submission(path, spec, masks, ("a", "b"), "single_label") == []


def test_train_and_test_may_use_the_same_names(competition) -> None:
    competition.fill(train=2, val=1, test=1)
    for number in (1, 2):
        image = np.full((10, 12), 90 + number, np.uint8)
        Image.fromarray(image).save(competition.image("test", f"cmr{number}"))
    rows = "".join(f"cmr{n},{(n + 1) // 2}\n" for n in range(1, 9))
    (competition.root / "g.csv").write_text("id,group\n" + rows)
    base = competition.spec("(N+1)//2").model_dump()
    for group in (base["group"], {"name": "table", "file": "g.csv"}, {"name": "own"}):
        spec = CompetitionSpec.model_validate(
            base | {"group": group, "submission": {"dialect": "cardiac"}}
        )
        report = inspect(spec)
        assert report.ids("train") == tuple(f"train_cmr{n}" for n in (1, 2, 3, 4))
        assert report.ids("val") == ("val_cmr5", "val_cmr6")
        assert report.ids("test") == ("cmr1", "cmr2", "cmr7", "cmr8")
        assert sample_problems(spec, report) == []
        assert "so their ids are train_<name>" in summary(report)
    pixels = report.samples.set_index("id")
    assert pixels.at["cmr1", "mean_0"] == 91
    assert pixels.at["train_cmr1", "mean_0"] != 91


def test_a_row_of_a_training_image_is_not_its_namesakes(tmp_path: Path) -> None:
    for split in ("train", "test"):
        save(tmp_path / f"{split}/a1.png")
    (tmp_path / "train.csv").write_text("id,rle\na1,1 2\n")
    spec = RleTableSpec(dialect="lasc")
    index = found_in(tmp_path, spec, {"name": "folders", "val": None})
    assert index.problems == []
    assert [(s.id, bool(s.mask)) for s in index.samples] == [("train_a1", True), ("a1", False)]


def test_a_tag_that_turns_an_image_is_named_beside_its_mask(competition) -> None:
    competition.fill(train=1, val=1, test=1)
    exif = Image.Exif()
    exif[274] = 6
    Image.fromarray(MASK.repeat(2, 0)[:, :12].repeat(2, 1)[:10]).save(
        competition.image("train", "cmr1"), exif=exif
    )
    with pytest.raises(ValueError, match="in the data") as caught:
        inspect(competition.spec("N"))
    assert "(its orientation tag 6 turns the image)" in str(caught.value)
