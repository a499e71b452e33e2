"""The images that the job's report shows: image, truth and prediction side by side."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from raytrain.data.decode import decode_mask
from raytrain.data.report import DataReport, named_ids
from raytrain.data.samples import SampleFiles
from raytrain.report.drawing import drawing
from raytrain.report.facts import RunFacts
from raytrain.report.images import overlaid, thinned, visible
from raytrain.report.line import masks_are_current
from raytrain.report.oof import Oof, class_dice, telling
from raytrain.report.palette import class_color
from raytrain.report.printed import WIDTH_IN, PrintedFigure
from raytrain.report.results import evaluation
from raytrain.report.study_groups import shortened

IMAGES = "images"
"""Beginning of the file names of the figures with chosen images."""
MOST_ROWS = 5
"""Largest number of images in one figure."""


@dataclass(frozen=True)
class Shown:
    """One image with its true mask and its predicted mask."""

    id: str
    how: str
    """Who predicted the mask: `out of fold`, the ensemble, or the name of a training."""
    image_HW3: np.ndarray
    true_HW: np.ndarray | None
    pred_HW: np.ndarray
    dice_K: np.ndarray | None
    """Dice of the classes 1, 2, ...; None without a truth."""

    @property
    def text(self) -> str:
        """The predictor's name in short and, if the truth is known, the mean Dice of the mask."""
        how = shortened(self.how, 20)
        return how if self.dice_K is None else f"{how}: Dice {self.dice_K.mean():.4f}"


def chosen_figures(facts: RunFacts, oof: Oof) -> list[PrintedFigure]:
    """Return figures of the images that `report.images` names or, without it, of the worst, middle
    and best labeled images.

    Images without a prediction and unreadable images are left out, and the caption names them.
    Raises ValueError when no image can be read.
    """
    asked, _ = named_ids(facts.data, facts.job.report.images if facts.job else ())
    ids = asked or [image.id for _, image in telling(oof.images)]
    shown, missing, unreadable = list[Shown](), list[str](), list[str]()
    for id in ids:
        try:
            found = _shown(facts, oof, id)
        except ValueError:  # the page's own pictures say why
            unreadable.append(id)
        else:
            shown += [found] if found else []
            missing += [] if found else [id]
    if unreadable and not shown:
        raise ValueError(
            f"{facts.data.source}: no image can be read; put the data back there, or run `raytrain "
            "check` with their new place"
        )
    note = f" Not predicted yet: {', '.join(missing)}." if missing else ""
    note += f" Not readable: {', '.join(unreadable)}." if unreadable else ""
    pages = [shown[start : start + MOST_ROWS] for start in range(0, len(shown), MOST_ROWS)]
    return [
        _figure(facts.data, f"{IMAGES}_{number}" if len(pages) > 1 else IMAGES, page, note)
        for number, page in enumerate(pages, 1)
    ]


def _shown(facts: RunFacts, oof: Oof, id: str) -> Shown | None:
    """Return the image with the mask of the ensemble or, without an ensemble, of the evaluated
    training; None if there is no mask."""
    data, files = facts.data, SampleFiles(facts.data)
    places = {image.id: image for image in oof.images}
    trained = facts.evaluated
    if id in places:
        how = "out of fold"
        pred_HW = oof.maps.prediction(places[id].fold, places[id].row)
    elif masks_are_current(facts) and facts.run.mask(id).is_file():
        how, pred_HW = "the ensemble", decode_mask(facts.run.mask(id))
    elif facts.ensemble is None and trained and (trained.masks / f"{id}.png").is_file():
        how = evaluation(facts)[0]["of"]
        pred_HW = decode_mask(trained.masks / f"{id}.png")
    else:
        return None
    true_HW = files.mask(id) if files.has_mask(id) else None
    classes = len(data.classes)
    dice_K = None if true_HW is None else class_dice(pred_HW, true_HW, classes, data.target)
    image_HW3 = visible(thinned(files.frame(id)))
    truth_HW = None if true_HW is None else thinned(true_HW)
    return Shown(id, how, image_HW3, truth_HW, thinned(pred_HW), dice_K)


def _figure(data: DataReport, name: str, page: list[Shown], note: str) -> PrintedFigure:
    classes, target = data.classes, data.target

    def plot(figure: Figure) -> None:
        grid = figure.subplots(len(page), 3, squeeze=False)
        for row, each in zip(grid, page, strict=True):
            masks = (each.true_HW, each.pred_HW)
            pictures = [each.image_HW3] + [
                None if mask_HW is None else overlaid(each.image_HW3, mask_HW, len(classes), target)
                for mask_HW in masks
            ]
            for axes, picture in zip(row, pictures, strict=True):
                axes.set_axis_off()
                nothing = np.full_like(each.image_HW3, 255)
                axes.imshow(nothing if picture is None else picture, interpolation="nearest")
            titles = (each.id, "truth" if each.true_HW is not None else "no truth", each.text)
            for axes, title in zip(row, titles, strict=True):
                axes.set_title(title, fontsize=7.5)
        marks = [
            figure.axes[0].plot([], [], "s", color=class_color(number), label=label)[0]
            for number, label in enumerate(classes[1:], 1)
        ]
        figure.legend(handles=marks, loc="outside lower center", ncols=4, frameon=False, fontsize=7)

    rows = [
        {"id": each.id, "predicted by": each.how}
        | ({} if each.dice_K is None else {"Dice": float(each.dice_K.mean())})
        | ({} if each.dice_K is None else dict(zip(classes[1:], each.dice_K, strict=True)))
        for each in page
    ]
    height, width = page[0].image_HW3.shape[:2]
    tall = min(2.6, WIDTH_IN / 3 * height / width) + 0.25
    alt = f"Images {', '.join(each.id for each in page)} with truth and prediction"
    shown = drawing(alt, (WIDTH_IN, 0.35 + tall * len(page)), plot)
    caption = f"Image, true mask and predicted mask.{note}"
    return PrintedFigure(name, caption, shown, pd.DataFrame(rows))
