"""`inspect`: every problem of a folder at once; the numbers of a correct one against numpy."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from raytrain.config.formats import PairedFoldersSpec
from raytrain.data.checks import inspect
from raytrain.data.decode import decode_image
from raytrain.data.phantom import draw_patient

GROUP = "(N+1)//2"


def _cut(path: Path, part: float) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * part)])


def test_every_problem_stands_in_one_error(competition) -> None:
    competition.fill(train=5, val=1, test=1)
    image, mask = competition.image, competition.mask
    square = np.zeros((5, 5), np.uint8)
    mask("train", "cmr1").unlink()
    Image.fromarray(square).save(mask("train", "cmr2"))
    Image.fromarray(np.full((10, 12), 3, np.uint8)).save(mask("train", "cmr3"))
    _cut(image("train", "cmr4"), 0.5)
    image("train", "cmr5").write_bytes(b"")
    image("train", "cmr6").write_text("not a picture")
    competition.add("train", "cmr7", square, square)
    _cut(mask("train", "cmr8"), 0.5)
    competition.add("val", "cmr15", square, np.full((5, 5), 9, np.uint8))
    competition.add("val", "cmr17", square, np.zeros((4, 4), np.uint8))
    shutil.move(image("train", "cmr10"), image("val", "cmr10"))
    shutil.move(mask("train", "cmr10"), mask("val", "cmr10"))
    with pytest.raises(ValueError, match="in the data") as caught:
        inspect(competition.spec(GROUP))
    first, *lines = str(caught.value).split("\n")
    expected = [
        (image("train", "cmr1"), "mask is missing"),
        (mask("train", "cmr2"), "the mask is 5x5, but its image is 12x10"),
        (mask("train", "cmr3"), "mask values [3] do not belong to any of the 3 classes"),
        (image("train", "cmr5"), "the file is empty"),
        (image("train", "cmr6"), "not an image"),
        (mask("train", "cmr8"), f"{image('train', 'cmr4')}, ", "unreadable"),
        (mask("val", "cmr15"), "mask values [9]"),
        (mask("val", "cmr17"), "the mask is 4x4, but its image is 5x5"),
        ("  group '5'", "'cmr9' is in train", "'cmr10' in val"),
    ]
    assert first == f"{competition.root}: 10 problems in the data"
    assert len(lines) == len(expected)
    for words in expected:
        assert sum(all(str(word) in line for word in words) for line in lines) == 1, words


def test_problems_of_one_kind_are_ten_lines_and_a_count(competition) -> None:
    competition.fill(train=15, val=1, test=1)
    for number in range(1, 31):
        competition.mask("train", f"cmr{number}").unlink()
    with pytest.raises(ValueError, match="in the data") as caught:
        inspect(competition.spec(GROUP))
    first, *lines = str(caught.value).split("\n")
    assert first == f"{competition.root}: 30 problems in the data"
    assert len(lines) == 11
    assert lines[-1] == "  ... and 20 more of this kind"


def test_one_problem_is_not_called_problems(competition) -> None:
    competition.fill(train=1, val=1, test=1)
    competition.mask("val", "cmr3").unlink()
    with pytest.raises(ValueError, match=r": 1 problem in the data\n  .*cmr3.png"):
        inspect(competition.spec(GROUP))


def test_statistics_are_numpys_over_the_stacked_images(competition) -> None:
    competition.fill(train=3, val=1, test=2)
    report = inspect(competition.spec(GROUP))
    numbers = {"train": range(1, 7), "val": range(7, 9), "test": range(9, 13)}
    images, masks = {}, {}
    for split, of_split in numbers.items():
        names = [f"cmr{n}" for n in of_split]
        images[split] = np.stack([Image.open(competition.image(split, name)) for name in names])
        if split != "test":
            masks[split] = np.stack([Image.open(competition.mask(split, name)) for name in names])
    for split in ("train", "val", "test", "train+val"):
        facts, parts = report.splits[split], split.split("+")
        pixels = np.concatenate([images[part] for part in parts]).astype(np.float64)
        assert facts.images == len(pixels)
        np.testing.assert_allclose(facts.mean, [pixels.mean()], rtol=1e-12)
        np.testing.assert_allclose(facts.std, [pixels.std()], rtol=1e-12)
        if split != "test":
            labels = np.concatenate([masks[part] for part in parts])
            assert facts.class_pixels == tuple(np.bincount(labels.ravel(), minlength=3))
    assert set(report.splits) == {"train", "val", "test", "train+val"}
    assert report.splits["test"].class_pixels == ()
    assert (report.sizes, report.channels, report.dtype) == ({"12x10": 12}, 1, "uint8")
    assert (report.splits["train"].low, report.splits["train"].high) == (
        images["train"].min(), images["train"].max()
    )  # fmt: skip
    assert report.ids("train", "val") == tuple(f"cmr{n}" for n in range(1, 9))
    assert report.samples["group"].tolist() == [str((n + 1) // 2) for n in range(1, 13)]


@pytest.mark.parametrize(
    ("shape", "dtype", "channels"),
    [((6, 8), "uint8", 1), ((6, 8, 3), "uint8", 3), ((6, 8), "uint16", 1)],
)
def test_colors_and_depths(competition, shape: tuple, dtype: str, channels: int) -> None:
    rng = np.random.default_rng(0)
    images = [rng.integers(0, np.iinfo(dtype).max, shape).astype(dtype) for _ in range(3)]
    for number, (split, image) in enumerate(zip(("train", "val", "test"), images, strict=True)):
        competition.add(split, f"x{number}", image, np.indices((6, 8)).sum(0).astype(np.uint8) % 3)
    report = inspect(competition.spec("N"))
    assert (report.sizes, report.channels, report.dtype) == ({"8x6": 3}, channels, dtype)
    both = np.stack(images[:2]).reshape(-1, channels).astype(np.float64)
    np.testing.assert_allclose(report.splits["train+val"].mean, both.mean(0), rtol=1e-12)
    np.testing.assert_allclose(report.splits["train+val"].std, both.std(0), rtol=1e-9)


def test_equal_images_are_found_also_across_splits(competition) -> None:
    competition.fill(train=2, val=1, test=1)
    first = decode_image(competition.image("train", "cmr1"))[..., 0]
    competition.add("train", "cmr4", first, np.zeros((10, 12), np.uint8))
    competition.add("test", "cmr8", first, None)
    # Other bytes of a file, same pixels.
    Image.fromarray(first).save(competition.image("train", "cmr4"), compress_level=0)
    duplicates = inspect(competition.spec(GROUP)).duplicates
    assert duplicates == (("cmr1", "cmr4"), ("cmr1", "cmr8"))


@pytest.mark.parametrize("kind", ["image", "mask"])
def test_one_pixel_changes_the_fingerprint(kind: str, competition) -> None:
    competition.fill(train=1, val=1, test=1)
    before = inspect(competition.spec(GROUP)).fingerprint
    path = getattr(competition, kind)("train", "cmr1")
    pixels = np.array(Image.open(path))
    pixels[3, 4] = pixels[3, 4] == 0
    Image.fromarray(pixels).save(path)
    assert inspect(competition.spec(GROUP)).fingerprint != before


def test_the_fingerprint_travels_with_the_folder(competition, tmp_path: Path) -> None:
    competition.fill(train=1, val=1, test=1)
    spec = competition.spec(GROUP)
    before = inspect(spec).fingerprint
    shutil.copytree(competition.root, tmp_path / "else where")
    moved = spec.model_copy(update={"data": str(tmp_path / "else where")})
    assert inspect(moved).fingerprint == before
    # An image that trains is other data than the same one that validates.
    for path in (competition.image, competition.mask):
        shutil.move(path("val", "cmr3"), path("train", "cmr3"))
    assert inspect(competition.spec("N")).fingerprint != before


@pytest.mark.parametrize("part", [0.1, 0.3, 0.6, 0.8, 0.97, 1.0])
def test_a_cut_file_is_refused_or_still_whole(part: float, competition) -> None:
    competition.fill(train=1, val=1, test=1)
    path = competition.image("train", "cmr1")
    whole = decode_image(path)
    _cut(path, part)
    if part < 0.9:
        with pytest.raises(ValueError, match=rf"{path}: unreadable"):
            decode_image(path)
    else:
        # Only what follows the pixels is gone.
        np.testing.assert_array_equal(decode_image(path), whole)


@pytest.mark.parametrize(("group", "words"), [("N", "contains no number"), ("60//N", "zero")])
def test_a_name_without_a_group_is_a_problem(competition, group: str, words: str) -> None:
    competition.fill(train=1, val=1, test=1)
    name = "nameless" if group == "N" else "cmr0"
    competition.add("train", name, *[np.zeros((10, 12), np.uint8)] * 2)
    with pytest.raises(ValueError, match=rf"1 problem in the data\n(?=.*{name}).*{words}"):
        inspect(competition.spec(group))


def _leaking(competition) -> None:
    """Two patients whose images are alike: one trains, one validates."""
    competition.fill(train=1, val=1, test=1)
    for split, name, patient in (("train", "cmr11", 1), ("val", "cmr21", 1), ("val", "cmr31", 2)):
        image, mask = draw_patient(0, patient)[0]
        shifted = np.roll(image, 2, 1) if split == "val" else image
        competition.add(split, name, shifted, np.minimum(mask, 2))


def test_the_same_picture_in_train_and_val_is_refused(competition) -> None:
    _leaking(competition)
    with pytest.raises(ValueError, match="1 problem in the data") as caught:
        inspect(competition.spec(GROUP))
    assert "'cmr11' (train) and 'cmr21' (val) are the same picture" in str(caught.value)
    spec = competition.spec(GROUP).model_copy(
        update={"accept_leaks": "the same patient, rescanned"}
    )
    report = inspect(spec)
    assert report.near_duplicates == (("cmr11", "cmr21"),)
    assert report.duplicates == ()


def test_masks_without_or_with_one_class_are_counted(competition) -> None:
    competition.fill(train=2, val=1, test=1)
    image = np.arange(120, dtype=np.uint8).reshape(10, 12)
    competition.add("train", "cmr1", image, np.zeros((10, 12), np.uint8))
    competition.add("train", "cmr2", image[::-1], np.full((10, 12), 2, np.uint8))
    facts = inspect(competition.spec(GROUP)).splits["train"]
    assert (facts.empty_masks, facts.single_class_masks) == (1, 1)


def test_files_that_decoders_read_differently_are_told(competition) -> None:
    competition.fill(train=1, val=1, test=1)
    assert inspect(competition.spec(GROUP)).disagreements == ()
    for path in sorted(competition.root.rglob("image/*.png")):
        gray = np.asarray(Image.open(path))
        deep = np.dstack([gray.astype(np.uint16)] * 3)
        tifffile.imwrite(path.with_suffix(".tif"), deep, photometric="rgb")
        path.unlink()
    format = PairedFoldersSpec(image="{split}/image/{name}.tif")
    report = inspect(competition.spec(GROUP).model_copy(update={"format": format}))
    assert len(report.disagreements) == 6
    assert "cmr1.tif: Pillow" in report.disagreements[0]
    assert "uses 3 channels of uint16" in report.disagreements[0]
    assert (report.channels, report.dtype) == (3, "uint16")
