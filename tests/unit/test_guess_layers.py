"""Masks with a file for each class: the word of the class is in the file's name, in the folder's
name, or in both."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from raytrain.data.find import find_samples
from raytrain.data.samples import read_mask
from raytrain.pipeline.draft import Draft, draft_of
from tests.layouts.scene import blobs, labelled, picture, rgb, write

SIZE = (24, 36)
WORDS = ("lesion", "vessel")


def drawn(root: Path, image: str, masks: Sequence[str], test: str) -> tuple[Draft, np.ndarray]:
    """Draw 6 images with a mask of each pattern, and return the draft and the mask of image 1."""
    rng, truths = np.random.default_rng(0), []
    for n in range(6):
        layers = blobs(rng, SIZE, len(masks))
        mask_HW = labelled(enumerate(layers, 1), SIZE)
        truths.append(mask_HW)
        write(root / image.format(n=n), rgb(picture(rng, mask_HW)))
        for path, layer_HW in zip(masks, layers, strict=True):
            write(root / path.format(n=n), layer_HW.astype(np.uint8) * 255)
        if n < 3 and test:
            write(root / test.format(n=n), rgb(picture(rng, mask_HW)))
    return draft_of(str(root), None), truths[1]


@pytest.mark.parametrize(
    ("image", "masks", "test", "expected"),
    [
        ("x{n}.png", "x{n}_{c}.png", "", "{name}_{class}.png"),
        ("train/x{n}.png", "train/x{n}_{c}.png", "test/x{n}.png", "{split}/{name}_{class}.png"),
        ("x{n}.png", "x{n}_{c}_mask.png", "test/x{n}.png", "{name}_{class}_mask.png"),
        ("x{n}_image.png", "x{n}_{c}.png", "test/x{n}_image.png", "{name}_{class}.png"),
        ("x{n}.png", "{c}/x{n}.png", "test/x{n}.png", "{class}/{name}.png"),
        ("images/x{n}.png", "{c}/x{n}.png", "test/x{n}.png", "{class}/{name}.png"),
        ("images/x{n}.png", "masks/{c}/x{n}_{c}.png", "test/x{n}.png",
         "masks/{class}/{name}_{class}.png"),
        ("images/x{n}.png", "masks/of {i}/x{n}_{c}.png", "test/x{n}.png",
         "masks/*/{name}_{class}.png"),
        ("x{n}/image.png", "x{n}/{c}.png", "test/x{n}/image.png", "{name}/{class}.png"),
    ],
)  # fmt: skip
def test_a_word_for_each_class(
    image: str, masks: str, test: str, expected: str, tmp_path: Path
) -> None:
    paths = [masks.replace("{c}", word).replace("{i}", word[::-1]) for word in WORDS]
    draft, truth_HW = drawn(tmp_path, image, paths, test)
    assert draft.problems == ()
    competition = draft.job.competition
    assert competition.format.mask == expected
    assert competition.classes == ("background", *WORDS)
    found = find_samples(competition, tmp_path).samples
    labeled = [sample for sample in found if sample.mask]
    assert (len(labeled), len(found)) == (6, 9 if test else 6)
    (sample,) = [each for each in labeled if "x1" in each.id]
    mask_HW = read_mask(
        competition.format, tmp_path, sample.mask, SIZE, competition.classes, competition.target
    )
    assert np.array_equal(mask_HW, truth_HW)


@pytest.mark.parametrize(
    ("image", "masks", "expected"),
    [
        ("b/x{n}.png", ("b/x{n}_mask.png", "b/x{n}_mask_1.png"), "b/{name}_mask*.png"),
        ("images/x{n}.png", ("masks/x{n}_mask.png", "masks/x{n}_mask2.png"),
         "masks/{name}_mask*.png"),
        ("b/x{n}.png", ("b/x{n}_mask1.png", "b/x{n}_mask2.png"), "b/{name}_mask{object}.png"),
        ("images/x{n}.png", ("masks/x{n}_mask_1.png", "masks/x{n}_mask_2.png"),
         "masks/{name}_mask_{object}.png"),
    ],
)  # fmt: skip
def test_numbered_masks_are_objects_if_they_hardly_overlap(
    image: str, masks: tuple[str, str], expected: str, tmp_path: Path
) -> None:
    _, truth_HW = drawn(tmp_path, image, masks, "test/x{n}.png")
    if expected.endswith("*.png"):
        (tmp_path / masks[1].format(n=0)).unlink()
    draft = draft_of(str(tmp_path), None)
    competition = draft.job.competition
    assert (draft.problems, competition.format.mask) == ((), expected)
    samples = find_samples(competition, tmp_path).samples
    assert [len(sample.mask) for sample in samples] == [2 - ("*" in expected), *[2] * 5, 0, 0, 0]
    mask_HW = read_mask(
        competition.format, tmp_path, samples[1].mask, SIZE, competition.classes, competition.target
    )
    assert np.array_equal(mask_HW, truth_HW > 0)


@pytest.mark.parametrize(
    ("image", "ends"),
    [
        ("x{n}.png", ("{name}_1stHO", "{name}_2ndHO")),
        ("x{n}.png", ("{name}_mask_1", "{name}_mask_2")),
        ("images/x{n}.png", ("masks/{name}_1", "masks/{name}_2")),
        ("x{n}/image.png", ("{name}/masks/1", "{name}/masks/2")),
    ],
)
def test_two_masks_of_the_same_objects_are_annotators(
    image: str, ends: tuple[str, str], tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    for n in range(6):
        mask_HW = labelled([(255, blobs(rng, SIZE, 1)[0])], SIZE)
        write(tmp_path / image.format(n=n), rgb(picture(rng, mask_HW)))
        for shift, end in enumerate(ends):
            path = tmp_path / f"{end.format(name=f'x{n}')}.png"
            write(path, np.roll(mask_HW, shift, axis=0))
    draft = draft_of(str(tmp_path), None)
    candidates = [f'mask: "{end}.png"' for end in ends]
    assert [each.line for each in draft.questions[0].candidates] == candidates
    assert draft.problems == ()
    assert draft.report is not None
    assert len(draft.report.ids("train")) == 6
