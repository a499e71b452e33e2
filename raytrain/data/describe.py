"""Summarize the samples that were read in a DataReport."""

from collections import Counter

import numpy as np
import pandas as pd

from raytrain.config.competition import CompetitionSpec
from raytrain.data.report import DataReport, SplitFacts, columns, mean_and_std
from raytrain.data.seen import Seen
from raytrain.data.shift import shift_auc
from raytrain.data.source import absolute
from raytrain.runs.fingerprint import fingerprint


def describe(
    competition: CompetitionSpec,
    seen: list[Seen],
    equal: list[tuple[int, int]],
    near: list[tuple[int, int]],
    notes: tuple[str, ...],
) -> DataReport:
    """Return the report of a competition's data from the facts about each image. `equal` and `near`
    are pairs of indices into `seen` whose images are equal or nearly equal."""
    samples = pd.DataFrame([s.row for s in seen])
    sizes = Counter(f"{s.row['width']}x{s.row['height']}" for s in seen)
    return DataReport(
        fingerprint=fingerprint(
            [
                # The same masks may have another meaning, and need another number of channels.
                (competition.target, len(competition.classes)),
                *((s.row["id"], s.row["split"], s.digest) for s in seen),
            ]
        ),
        source=absolute(competition.data),
        format=competition.format,
        channels=seen[0].kind[0],
        dtype=seen[0].kind[1],
        classes=competition.classes,
        target=competition.target,
        neighbours=competition.neighbours,
        sizes=dict(sizes.most_common()),
        splits=_splits(samples, seen),
        duplicates=_names(samples, equal),
        near_duplicates=_names(samples, near),
        disagreements=tuple(text for s in seen for text in s.disagreements),
        notes=notes,
        shift_auc=_shift(seen),
        samples=samples,
    )


def _splits(samples: pd.DataFrame, seen: list[Seen]) -> dict[str, SplitFacts]:
    splits = {}
    for name in ("train", "val", "test", "train+val"):
        chosen = samples[samples["split"].isin(name.split("+"))]
        if chosen.empty:
            continue
        mean, std = mean_and_std(chosen)
        labeled = chosen[chosen["mask"] != ""]
        pixels_NK, ignored = columns(labeled, "pixels"), int(labeled["ignored"].sum())
        only_NK = (pixels_NK > 0).sum(1) == 1
        splits[name] = SplitFacts(
            images=len(chosen),
            mean=mean,
            std=std,
            low=min(seen[place].low for place in chosen.index),
            high=max(seen[place].high for place in chosen.index),
            class_pixels=tuple(map(int, pixels_NK.sum(0))) if len(pixels_NK) else (),
            judged_pixels=int((labeled["height"] * labeled["width"]).sum()) - ignored,
            ignored_pixels=ignored,
            empty_masks=int((only_NK & (pixels_NK[:, 0] > 0)).sum()),
            single_class_masks=int((only_NK & (pixels_NK[:, 0] == 0)).sum()),
        )
    return splits


def _names(samples: pd.DataFrame, pairs: list[tuple[int, int]]) -> tuple[tuple[str, str], ...]:
    return tuple((samples["id"][first], samples["id"][other]) for first, other in pairs)


def _shift(seen: list[Seen]) -> float | None:
    both = [s for s in seen if s.row["split"] in ("train", "test")]
    statistics_ND = np.stack([s.statistics for s in both])
    origin_N = np.array([int(s.row["split"] == "test") for s in both])
    auc = shift_auc(statistics_ND, origin_N, np.array([s.row["group"] for s in both]))
    return None if np.isnan(auc) else auc
