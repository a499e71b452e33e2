"""The section about a single training: its classes, and predictions of held-out images."""

from dataclasses import dataclass, replace

import numpy as np

from raytrain.config.metrics import DiceMetricSpec
from raytrain.data.decode import decode_mask
from raytrain.data.samples import SampleFiles
from raytrain.metrics.oof_file import OofEvidence, read_oof_evidence
from raytrain.metrics.overlap import fractions
from raytrain.metrics.table import class_rows, class_table
from raytrain.report.facts import RunFacts
from raytrain.report.oof import OofImage, class_dice, telling
from raytrain.report.pictures import Example, Pictures, example_cards
from raytrain.runs.layout import TrialDir
from raytrain.runs.record import Record


@dataclass(frozen=True)
class ClassRow:
    """The figures of one class on the held-out images, as text."""

    name: str
    figures: list[str]


@dataclass(frozen=True)
class Training:
    """The last training of the command `train`."""

    record: Record
    others: int
    """Number of earlier trainings with other settings."""
    images: int
    """Number of held-out images; 0 if there is no evidence."""
    classes: list[ClassRow]
    examples: Pictures[Example]


HEADS = (
    "Pixels", "Precision", "Recall", "F1", "Dice", "SD", "Dice of the set", "IoU", "SD",
    "IoU of the set",
)  # fmt: skip
"""Names of the figures in a row."""
_KEYS = (
    "pixels", "precision", "recall", "f1", "dice", "dice_sd", "dice_set", "iou", "iou_sd", "iou_set"
)  # fmt: skip


def training(facts: RunFacts) -> Training | None:
    """Return the newest single training that has ended; None if there is none."""
    found = [record for record in facts.others if record.station == "train"]
    if not found:
        return None
    places = {record.fingerprint: facts.run.trial(record.fingerprint) for record in found}
    newest = max(found, key=lambda r: places[r.fingerprint].record.stat().st_mtime_ns)
    place = places[newest.fingerprint]
    if not place.evidence.is_file():
        return Training(newest, len(found) - 1, 0, [], Pictures([], 0, "train", ""))
    oof = read_oof_evidence(place.evidence)
    return Training(
        record=newest,
        others=len(found) - 1,
        images=len(oof.ids),
        classes=_class_rows(oof, facts.data.classes),
        examples=_examples(facts, place, image_dice(oof)),
    )


def image_dice(oof: OofEvidence) -> list[OofImage]:
    """Return the held-out images with the Dice of the best epoch, worst first."""
    dice_NK = fractions(DiceMetricSpec(), oof.evidence.counts_NK3)
    found = [
        OofImage(id, 0, row, float(dice_K.mean()), tuple(map(float, dice_K)))
        for row, (id, dice_K) in enumerate(zip(oof.ids, dice_NK, strict=True))
    ]
    return sorted(found, key=lambda image: (image.dice, image.id))


def _class_rows(oof: OofEvidence, classes: tuple[str, ...]) -> list[ClassRow]:
    """Return one row per class, and the rows of means. A class that the truth lacks has no
    figures."""
    rows = []
    for row in class_rows(class_table(oof.evidence.counts_NK3), classes):
        absent = row.get("pixels") == 0
        figures = ["" if key not in row or absent else f"{row[key]:.4f}" for key in _KEYS[1:]]
        rows.append(ClassRow(row["class"], [str(row.get("pixels", "")), *figures]))
    return rows


def _examples(facts: RunFacts, place: TrialDir, images: list[OofImage]) -> Pictures[Example]:
    """Return the worst, middle and best images, with the masks that the weights of the best epoch
    predict."""
    shown = telling(images)
    paths = {image.id: place.masks / f"{image.id}.png" for _, image in shown}
    if not all(path.is_file() for path in paths.values()):
        return Pictures([], 0, "train", "")
    files, classes, target = SampleFiles(facts.data), len(facts.data.classes), facts.data.target

    def masks(image: OofImage) -> tuple[np.ndarray, np.ndarray]:
        return files.mask(image.id), decode_mask(paths[image.id])

    def seen(image: OofImage) -> OofImage:
        # The figure belongs to the mask that is shown.
        true_HW, pred_HW = masks(image)
        dice_K = class_dice(pred_HW, true_HW, classes, target)
        return replace(image, dice=float(dice_K.mean()), per_class=tuple(map(float, dice_K)))

    try:
        cards = example_cards(facts, [(name, seen(image)) for name, image in shown], masks)
    except ValueError as error:
        return Pictures([], 0, "", str(error))
    return Pictures(cards, len(images), "", "")
