"""What the run of `report_run` holds, scored by other means than the report's own."""

from pathlib import Path

import numpy as np
from PIL import Image

from raytrain.config.losses import CrossEntropySpec, DiceSpec
from raytrain.config.models import UNetSpec
from raytrain.config.optimizers import AdamSpec
from raytrain.config.trial import TrialSpec
from raytrain.data.report import DataReport
from raytrain.runs.fingerprint import fingerprint
from raytrain.runs.layout import RunDir
from raytrain.runs.record import task_fingerprint

HEIGHT, WIDTH = 20, 24
CLASSES = ("background", "disc", "square")
EPOCHS = 4
SPLITS = {"train": range(1, 9), "val": range(9, 13), "test": range(13, 17)}
FOLDS = (("img1", "img2", "img5", "img6", "img9", "img10"),
         ("img3", "img4", "img7", "img8", "img11", "img12"))  # fmt: skip


def draw(folder: Path) -> None:
    """A competition folder: a disc and a square on noise."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    for split, numbers in SPLITS.items():
        (folder / split / "image").mkdir(parents=True)
        (folder / split / "mask").mkdir()
        for number in numbers:
            rng = np.random.default_rng(number)
            y, x = rng.integers(6, 14, 2)
            mask = ((rows - y) ** 2 + (columns - x) ** 2 < 16).astype(np.uint8)
            # The square is missing on two images: an absent class counts 1 if left alone.
            if number not in (4, 9):
                mask[15:19, 3 : 8 + number % 5] = 2
            image = (60 * mask + rng.integers(0, 90, mask.shape)).astype(np.uint8)
            # The last labeled image stands twice, the second time as a test image.
            if number == 13:
                image = np.asarray(Image.open(folder / "val" / "image" / "img12.png"))
            Image.fromarray(image).save(folder / split / "image" / f"img{number}.png")
            if split != "test":
                Image.fromarray(mask).save(folder / split / "mask" / f"img{number}_mask.png")


def specs() -> list[TrialSpec]:
    """Four configurations, best first."""
    both = (CrossEntropySpec(), DiceSpec())
    return [
        TrialSpec(
            model=UNetSpec(width=width), loss=loss, optimizer=AdamSpec(lr=lr), epochs=EPOCHS
        )
        for width, loss, lr in (
            (16, both, 3e-3), (8, both, 1e-3), (16, (CrossEntropySpec(),), 2e-4), (8, both, 9e-3),
        )
    ]  # fmt: skip


def reference_dice(pred: np.ndarray, truth: np.ndarray, classes: int) -> list[float]:
    """Per foreground class, from sets of pixels."""
    found = []
    for number in range(1, classes):
        a = set(zip(*np.nonzero(pred == number), strict=True))
        b = set(zip(*np.nonzero(truth == number), strict=True))
        found.append(2 * len(a & b) / (len(a) + len(b)) if a or b else 1.0)
    return found


def truth_of(data: DataReport, id: str) -> np.ndarray:
    """The mask file's values."""
    address = data.samples.set_index("id").at[id, "mask"]
    return np.asarray(Image.open(Path(data.source) / address))


def maps_of(run: RunDir, data: DataReport, member: int) -> np.ndarray:
    """The member's out-of-fold maps, in the order of the folds, as they were saved."""
    hash = fingerprint(FOLDS)
    names = [
        task_fingerprint(specs()[member], data.fingerprint, f"fold{fold}-{hash[:4]}", 1)
        for fold in range(len(FOLDS))
    ]
    shape = (-1, len(data.classes), HEIGHT, WIDTH)
    maps = [np.load(run.oof / f"{name}.npy").reshape(shape) for name in names]
    return np.concatenate(maps).astype(np.float32)


def reference_scores(data: DataReport, maps: np.ndarray) -> dict[str, list[float]]:
    """Id -> Dice of its foreground classes."""
    ids = [id for fold in FOLDS for id in fold]
    classes = len(data.classes)
    return {
        id: reference_dice(prob.argmax(0), truth_of(data, id), classes)
        for id, prob in zip(ids, maps, strict=True)
    }


def reference_confusion(data: DataReport, maps: np.ndarray) -> np.ndarray:
    """Pixels of the true class (row) by the class they were given (column)."""
    classes = len(data.classes)
    count_KK = np.zeros((classes, classes), int)
    for id, prob in zip([id for fold in FOLDS for id in fold], maps, strict=True):
        for true, given in zip(truth_of(data, id).ravel(), prob.argmax(0).ravel(), strict=True):
            if true < classes:
                count_KK[true, given] += 1
    return count_KK


def oof_summary(data: DataReport, maps: np.ndarray) -> dict:
    """What `ensemble.json` says of maps; the interval is made up."""
    scores = np.array(list(reference_scores(data, maps).values()))
    dice = float(scores.mean())
    per_class = [float(value) for value in scores.mean(0)]
    confusion = reference_confusion(data, maps)
    return {"metric": "Dice", "score": dice, "low": dice - 0.0123, "high": dice + 0.0234,
            "dice": dice, "per_class": per_class, "images": len(scores),
            "confusion": confusion.tolist()}  # fmt: skip
