"""`suspects`: the labels that the out-of-fold ensemble contradicts most, for a person to check.

The list alone changes nothing. It has an effect only if the job names it in `competition.exclude`.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from raytrain.config.target import IGNORE
from raytrain.data.contact_sheet import cell, contact_sheet, marked_cell
from raytrain.data.report import DataReport, columns, read_report
from raytrain.data.samples import SampleFiles
from raytrain.data.threads import in_threads
from raytrain.ensemble.oof_maps import OofMasks
from raytrain.ensemble.suspects import CUT, Agreement, agreement, scores
from raytrain.report.facts import read_folds
from raytrain.runs.ensemble import read_ensemble
from raytrain.runs.extensions import load_extensions
from raytrain.runs.files import atomic_path, write_bytes
from raytrain.runs.layout import RunDir
from raytrain.runs.mirror import send

FOLDER = "suspects"
"""Name of the folder for the files, in the run's folder."""
FEWEST = 8
"""Number of images on the contact sheet if there are fewer suspects. The additional images are
those with the next highest scores."""
MOST = 40
SHOWN = 20
"""Largest number of suspects that the text names."""
PART = " contradiction"
"""Ending of a column in the table, after the class's name."""


@dataclass(frozen=True)
class Suspects:
    """The labeled images, most contradicted first, and the files that show them."""

    labels: pd.DataFrame
    """id, split, group, fold, score, suspect (yes or no), and a column per class."""
    unseen: int
    """Labeled images without an out-of-fold map."""
    table: Path
    sheet: Path
    exclude: Path
    """The ids of the suspects, one per line."""
    kept: bool
    """Whether `exclude` is an earlier list with other ids, which was not replaced."""

    @property
    def listed(self) -> pd.DataFrame:
        """The rows of the suspects."""
        return self.labels[self.labels["suspect"] == "yes"]


def suspects(run: RunDir) -> Suspects:
    """Score every label against the out-of-fold maps, and write a table, a picture and a list.

    Raises ValueError when there is no ensemble, or one of its maps, images or labels is missing.
    """
    load_extensions(run)
    ensemble, report = read_ensemble(run), read_report(run.data_report)
    folds = read_folds(run.folds)
    if folds is None:
        raise ValueError(f"{run.folds}: no such file; run `raytrain cv` again")
    val_ids = folds.val_ids
    maps = OofMasks(run, ensemble, val_ids, report)
    labels = _scored(maps, val_ids, report)
    table, sheet, exclude = (
        run.path / FOLDER / f"suspects.{kind}" for kind in ("csv", "png", "txt")
    )
    _draw(sheet, labels, maps, report)
    text = labels.drop(columns="number").to_csv(index=False, float_format="%.4f")
    write_bytes(table, text.encode())
    listed = "".join(f"{id}\n" for id in labels.loc[labels["suspect"] == "yes", "id"]).encode()
    kept = exclude.is_file() and exclude.read_bytes() != listed
    if not kept:
        write_bytes(exclude, listed)
    send(table.parent)
    unseen = len(report.labeled) - len(labels)
    return Suspects(labels, unseen, table, sheet, exclude, kept)


def _scored(
    maps: OofMasks, val_ids: tuple[tuple[str, ...], ...], report: DataReport
) -> pd.DataFrame:
    """Return a row for each image with a map, highest score first."""
    files, pixels_NK = SampleFiles(report), columns(report.labeled, "pixels")[:, 1:]
    area_K = np.array([np.median(of[of > 0]) for of in pixels_NK.T])
    places = [
        (fold, number, id) for fold, ids in enumerate(val_ids) for number, id in enumerate(ids)
    ]

    def compare(place: tuple[int, int, str]) -> Agreement:
        fold, number, id = place
        return agreement(maps.prob(fold, number), files.mask(id), area_K, report.target)

    samples = report.samples.set_index("id")
    pixels = samples["height"] * samples["width"] * len(report.classes)
    found = in_threads("comparing labels", compare, places, lambda place: int(pixels[place[2]]))
    own_NK, label_NK, shown_NK = (np.array(part) for part in zip(*found, strict=True))
    labels = pd.DataFrame(places, columns=["fold", "number", "id"])
    labels["score"] = scores(own_NK, label_NK, shown_NK, labels["fold"].to_numpy())
    labels["suspect"] = np.where(labels["score"] > CUT, "yes", "no")
    for place, name in enumerate(report.classes[1:]):
        labels[f"{name}{PART}"] = (own_NK - label_NK)[:, place]
    labels = labels.merge(report.samples[["id", "split", "group"]], on="id")
    first = ["id", "split", "group", "fold", "score", "suspect"]
    labels = labels[[*first, *(name for name in labels.columns if name not in first)]]
    return labels.sort_values(["score", "id"], ascending=[False, True], ignore_index=True)


def _draw(path: Path, labels: pd.DataFrame, maps: OofMasks, report: DataReport) -> None:
    """Draw the most contradicted labels. Each has the image, the label, the out-of-fold mask, and
    the labeled pixels in which they differ."""
    files, classes, target = SampleFiles(report), len(report.classes), report.target
    pictures, titles = [], []
    count = min(MOST, max(FEWEST, int((labels["suspect"] == "yes").sum())))
    for row in labels.head(count).itertuples():
        image_HWC, true_HW = files.frame(row.id), files.mask(row.id)
        pred_HW = maps.mask(row.fold, row.number)
        differ_HW = pred_HW != true_HW
        if target == "single_label":
            differ_HW &= true_HW != IGNORE
        pictures += [
            cell(image_HWC, None, classes, target),
            cell(image_HWC, true_HW, classes, target),
            cell(image_HWC, pred_HW, classes, target),
            marked_cell(image_HWC, differ_HW),
        ]
        listed = "" if row.suspect == "yes" else " (not listed)"
        titles += [f"{row.id}: {row.score:.1f}{listed}", "label", "out of fold", "difference"]
    with atomic_path(path) as temporary:
        contact_sheet(pictures, titles, 4).save(temporary)


def suspects_text(found: Suspects) -> str:
    """Return the suspects in a few lines, and the next steps."""
    listed = found.listed
    lines = [
        f"{len(found.labels)} labels compared with out-of-fold maps, {len(listed)} suspects"
        f" (score over {CUT:g})"
    ]
    for _, row in listed.head(SHOWN).iterrows():
        parts = {name.removesuffix(PART): row[name] for name in listed if name.endswith(PART)}
        worst = max(parts, key=lambda name: parts[name])
        lines.append(f"  {row['id']}: score {row['score']:.1f}, contradicted most in class {worst}")
    if len(listed) > SHOWN:
        lines.append(f"  ... and {len(listed) - SHOWN} more")
    if found.unseen:
        lines.append(f"  labeled images without an out-of-fold map, not compared: {found.unseen}")
    written = [found.sheet, found.table, *([] if found.kept else [found.exclude])]
    lines.append(f"written: {', '.join(map(str, written))}")
    if found.kept:
        lines.append(
            f"kept: {found.exclude}, which differs from the suspects found now; delete it to get "
            "a new list"
        )
    if len(listed):
        lines.append(
            "next: look at the picture, and delete the ids of correct labels from the list; then "
            "train without the others as another run: --set run=clean "
            f"--set competition.exclude={found.exclude}"
        )
    return "\n".join(lines)
