"""Pictures with masks: labelled images out of fold, and test images as they are submitted."""

from dataclasses import dataclass

from raytrain.data.decode import decode_mask
from raytrain.data.samples import SampleFiles
from raytrain.report.facts import RunFacts
from raytrain.report.images import overlay, picture, visible
from raytrain.report.line import masks_are_current
from raytrain.report.oof import Oof, OofImage, telling

TESTS = 6
"""Test images shown, spread over all of them."""


@dataclass(frozen=True)
class Example:
    """A labelled image, its truth and what models say that never saw its group."""

    place: str
    """worst, median or best; empty where all images are shown."""
    image: OofImage
    plain: str
    truth: str
    prediction: str


@dataclass(frozen=True)
class Examples:
    """The chosen ones, or why there are none."""

    cards: list[Example]
    count: int
    """Images that they were chosen from."""
    missing: str
    """The command that is due, or empty."""
    problem: str
    """What keeps the pictures from being shown, or empty."""


@dataclass(frozen=True)
class TestImage:
    """A test image and its predicted mask."""

    id: str
    plain: str
    prediction: str


@dataclass(frozen=True)
class Tests:
    """Some test images, or why there are none."""

    cards: list[TestImage]
    count: int
    missing: str
    problem: str


def examples(facts: RunFacts, oof: Oof) -> Examples:
    """The worst, middle and best images by out-of-fold Dice of the members' mean."""
    if oof.missing or oof.problem:
        return Examples([], 0, oof.missing, oof.problem)
    files, legend = SampleFiles(facts.data), (len(facts.data.classes), facts.data.target)
    cards = []
    try:
        for place, found in telling(oof.images):
            image_HW3 = visible(files.image(found.id))
            prediction = overlay(image_HW3, oof.maps.prediction(found.fold, found.row), *legend)
            truth = overlay(image_HW3, oof.maps.truth(found.id), *legend)
            cards.append(Example(place, found, picture(image_HW3), truth, prediction))
    except ValueError as error:
        return Examples([], 0, "", str(error))
    return Examples(cards, len(oof.images), "", "")


def tests(facts: RunFacts) -> Tests:
    """Predicted masks of this ensemble; an older ensemble's are not shown."""
    files, ids = SampleFiles(facts.data), facts.data.ids("test")
    legend = (len(facts.data.classes), facts.data.target)
    if not masks_are_current(facts):
        return Tests([], 0, "finalize", "")
    ready = [id for id in ids if (facts.run.masks / f"{id}.png").is_file()]
    count = min(TESTS, len(ready))
    cards = []
    try:
        for id in [ready[place * len(ready) // count] for place in range(count)]:
            image_HW3 = visible(files.image(id))
            mask_HW = decode_mask(facts.run.masks / f"{id}.png")
            cards.append(TestImage(id, picture(image_HW3), overlay(image_HW3, mask_HW, *legend)))
    except ValueError as error:
        return Tests([], 0, "", str(error))
    return Tests(cards, len(ids), "" if cards else "finalize", "")
