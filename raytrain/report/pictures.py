"""Pictures with masks: labeled images out of fold, and test images as submitted."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from raytrain.data.decode import decode_mask
from raytrain.data.samples import SampleFiles
from raytrain.report.facts import RunFacts
from raytrain.report.images import overlay, picture, thinned, visible
from raytrain.report.line import masks_are_current
from raytrain.report.oof import Oof, OofImage, telling

TESTS = 6
"""Number of test images that are shown. They are spread over all test images."""


@dataclass(frozen=True)
class Example:
    """A labeled image with its truth and a prediction by networks that never saw it."""

    place: str
    """`worst`, `median` or `best`; empty if all images are shown."""
    image: OofImage
    plain: str
    truth: str
    prediction: str


@dataclass(frozen=True)
class TestImage:
    """A test image and its predicted mask."""

    id: str
    plain: str
    prediction: str


Card = TypeVar("Card")


@dataclass(frozen=True)
class Pictures(Generic[Card]):
    """The chosen images, or the reason why there are none."""

    cards: list[Card]
    count: int
    """Number of images from which the shown ones were chosen."""
    missing: str
    """The command to run next; empty if nothing is missing."""
    problem: str
    """Why there are no pictures; empty if there are."""


def examples(facts: RunFacts, oof: Oof) -> Pictures[Example]:
    """Return the worst, middle and best images, by out-of-fold Dice of the ensemble."""
    if oof.missing or oof.problem:
        return Pictures([], 0, oof.missing, oof.problem)

    def masks(image: OofImage) -> tuple[np.ndarray, np.ndarray]:
        return oof.maps.truth(image.id), oof.maps.prediction(image.fold, image.row)

    try:
        cards = example_cards(facts, telling(oof.images), masks)
    except ValueError as error:
        return Pictures([], 0, "", str(error))
    return Pictures(cards, len(oof.images), "", "")


def example_cards(
    facts: RunFacts,
    images: list[tuple[str, OofImage]],
    masks: Callable[[OofImage], tuple[np.ndarray, np.ndarray]],
) -> list[Example]:
    """Return examples for these images and their places. `masks` gives truth and prediction, each
    mask_HW.

    Raises ValueError when a file of the data is missing.
    """
    files, legend = SampleFiles(facts.data), (len(facts.data.classes), facts.data.target)
    cards = []
    for place, found in images:
        image_HW3 = visible(thinned(files.frame(found.id)))
        truth, prediction = (
            overlay(image_HW3, thinned(mask_HW), *legend) for mask_HW in masks(found)
        )
        cards.append(Example(place, found, picture(image_HW3), truth, prediction))
    return cards


def tests(facts: RunFacts) -> Pictures[TestImage]:
    """Return masks that the current ensemble predicted. Those of an earlier ensemble are not
    shown."""
    files, ids = SampleFiles(facts.data), facts.data.ids("test")
    legend = (len(facts.data.classes), facts.data.target)
    if not masks_are_current(facts):
        return Pictures([], 0, "finalize", "")
    ready = [id for id in ids if (facts.run.masks / f"{id}.png").is_file()]
    count = min(TESTS, len(ready))
    cards = []
    try:
        for id in [ready[place * len(ready) // count] for place in range(count)]:
            image_HW3 = visible(thinned(files.frame(id)))
            mask_HW = thinned(decode_mask(facts.run.masks / f"{id}.png"))
            cards.append(TestImage(id, picture(image_HW3), overlay(image_HW3, mask_HW, *legend)))
    except ValueError as error:
        return Pictures([], 0, "", str(error))
    return Pictures(cards, len(ids), "" if cards else "finalize", "")
