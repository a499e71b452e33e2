"""Every dialect is found again in files that were written in it, and nothing is guessed."""

from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from raytrain.config.competition import CompetitionSpec, SubmissionSpec
from raytrain.config.dialects import DIALECTS, Dialect
from raytrain.config.formats import RleTableSpec
from raytrain.config.splits import RangeSplitsSpec
from raytrain.data.find import find_samples
from raytrain.data.formats.rle_table import read_rle_mask
from raytrain.submission.inference.block import yaml_block
from raytrain.submission.inference.evidence import Told, how_pairs_are_meant
from raytrain.submission.inference.infer import Inference, infer
from raytrain.submission.table import build_table, write_table

CLASSES = ("background", "large_bowel", "stomach")
SIZES = [(40, 61), (52, 37), (33, 48), (64, 45)]
Masks = list[tuple[str, np.ndarray]]


def ellipse(size_HW: tuple[int, int], middle: tuple[float, float], radii: tuple[float, float]):
    """bool (H, W)."""
    rows, columns = np.indices(size_HW)
    return ((rows - middle[0]) / radii[0]) ** 2 + ((columns - middle[1]) / radii[1]) ** 2 <= 1


def drawn(seed: int, number: int, border: int) -> np.ndarray:
    """A label image of up to three blobs, at least `border` px away from the image's border.

    Blobs of one class do not touch; every fourth image is empty.
    """
    rng = np.random.default_rng((seed, number))
    height, width = size_HW = SIZES[number % len(SIZES)]
    mask_HW = np.zeros(size_HW, np.uint8)
    if number % 4 == 3:
        return mask_HW
    for place, label in enumerate((1, 2, 1)):
        third = width / 3
        radii = rng.uniform(4, third / 2 - 2, 2)
        middle = (rng.uniform(radii[0] + border, height - radii[0] - border), third * (place + 0.5))
        mask_HW[ellipse(size_HW, middle, radii)] = label
    return mask_HW


def inside(count: int = 14) -> Masks:
    """Masks of which none touches the border."""
    return [(f"img{number}", drawn(1, number, 2)) for number in range(1, count + 1)]


def at_the_border() -> Masks:
    """Masks of which many touch the lower and the right border, none the last pixel."""
    masks = inside()
    for at, (name, mask_HW) in enumerate(masks):
        if mask_HW.any():
            down, right = mask_HW.any(1)[::-1].argmax() + 3, mask_HW.any(0)[::-1].argmax() + 3
            moved_HW = np.roll(mask_HW, (down, right), (0, 1))
            moved_HW[:3], moved_HW[:, :3], moved_HW[-1, -1] = 0, 0, 0
            masks[at] = name, moved_HW
    return masks


def at_the_ends() -> Masks:
    """Masks of which one begins with the first pixel, and one ends with the last."""
    masks = inside()
    masks[0][1][:6, :9], masks[1][1][-7:, -5:] = 1, 2
    return masks


def folder_of(folder: Path, masks: Masks, spec: SubmissionSpec) -> tuple[Path, Path, Path]:
    """Sample, training table and image folder in a dialect; the test images are others."""
    hidden = [(f"scan{n}", np.zeros(SIZES[n % len(SIZES)], np.uint8)) for n in range(1, 12)]
    sample, train = folder / "sample_submission.csv", folder / "train.csv"
    write_table(sample, build_table(hidden, CLASSES, spec, "single_label"), spec)
    write_table(train, build_table(masks, CLASSES, spec, "single_label"), spec)
    for part, named in (("train", masks), ("test", hidden)):
        (folder / part).mkdir()
        for name, mask_HW in named:
            noise = np.random.default_rng(0).integers(0, 255, mask_HW.shape).astype(np.uint8)
            Image.fromarray(noise).save(folder / part / f"{name}.png")
    return sample, train, folder


def wrong(found: Inference, entry: Dialect) -> dict[str, object]:
    """What is claimed and is not so."""
    return {
        finding.field: finding.value
        for finding in found.findings
        if finding.field in Dialect.model_fields
        and finding.sure != "cannot tell"
        and finding.value != getattr(entry, finding.field)
    }


def untold(found: Inference) -> set[str]:
    return {finding.field for finding in found.findings if finding.sure == "cannot tell"}


@pytest.mark.parametrize("drawing", [inside, at_the_border, at_the_ends])
@pytest.mark.parametrize("name", DIALECTS)
def test_a_dialect_is_found_again(name: str, drawing, tmp_path: Path) -> None:
    entry = DIALECTS[name]
    found = infer(*folder_of(tmp_path, drawing(), SubmissionSpec(dialect=name)))
    assert wrong(found, entry) == {}
    expected = {"overlaps"}
    if entry.layout == "pairs" and entry.starts == "absolute" and drawing is inside:
        expected |= {"first"}
    assert untold(found) == expected
    if drawing is at_the_border and entry.layout == "pairs" and entry.starts == "absolute":
        assert found["first"].sure == "likely"
        assert "# first: likely: " in yaml_block(found)
    if drawing is at_the_ends:
        assert found["first"].sure == "decided"
    if entry.by_class:
        assert found["classes"].value == (CLASSES[1:] if entry.class_as == "name" else ("1", "2"))
    assert found["row order"].value == "natural (2 before 10)"


@pytest.mark.parametrize("name", DIALECTS)
def test_the_yaml_writes_the_sample_and_reads_the_training_table(name: str, tmp_path: Path) -> None:
    masks = inside()
    sample, train, images = folder_of(tmp_path, masks, SubmissionSpec(dialect=name))
    block = yaml.safe_load(yaml_block(infer(sample, train, images)))["competition"]
    written = SubmissionSpec(**block["submission"])
    assert written.model_dump(exclude={"dialect", "sample"}) == SubmissionSpec(
        dialect=name
    ).model_dump(exclude={"dialect", "sample"})
    table = RleTableSpec(**block["format"])
    assert table.image == "train/{name}.png"
    competition = CompetitionSpec(
        name="c", data=str(tmp_path), format=table, classes=CLASSES, group={"name": "own"},
        splits=RangeSplitsSpec(train="1-14"),
    )  # fmt: skip
    index = find_samples(competition, tmp_path)
    assert index.problems == []
    for found in index.samples:
        mask_HW = dict(masks)[found.id]
        read_HW = read_rle_mask(table, tmp_path, found.mask, mask_HW.shape, CLASSES, "single_label")
        np.testing.assert_array_equal(read_HW, mask_HW if table.by_class else mask_HW != 0)


@pytest.mark.parametrize("name", DIALECTS)
def test_without_training_masks_the_texts_are_not_guessed(name: str, tmp_path: Path) -> None:
    sample, _, images = folder_of(tmp_path, inside(), SubmissionSpec(dialect=name))
    found = infer(sample, None, images)
    assert wrong(found, DIALECTS[name]) == {}
    told = {"columns", "id", "class_column", "class_as", "empty"}
    assert untold(found) == set(Dialect.model_fields) - told
    assert SubmissionSpec(**yaml.safe_load(yaml_block(found))["competition"]["submission"])


@pytest.mark.parametrize("name", DIALECTS)
def test_without_images_the_order_is_not_guessed(name: str, tmp_path: Path) -> None:
    sample, train, _ = folder_of(tmp_path, at_the_ends(), SubmissionSpec(dialect=name))
    found = infer(sample, train, None)
    assert wrong(found, DIALECTS[name]) == {}
    assert ("order" in untold(found)) == (DIALECTS[name].layout == "pairs")
    assert found["id"].sure == "likely"
    assert "image: the files do not tell" in yaml_block(found)


def test_single_pixels_do_not_decide_the_order() -> None:
    told = [Told(f"row {number}", f"img{number}", f"{number} 1", (4, 6)) for number in (8, 11)]
    [order] = [each for each in how_pairs_are_meant(told).findings if each.field == "order"]
    assert order.sure == "cannot tell"
    assert order.why.startswith("each mask is equally compact in both orders; more and larger")
