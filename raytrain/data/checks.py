"""Reading every file of a competition once: either a DataReport or every problem at once."""

import hashlib
import os
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.progress import track

from raytrain.config.competition import CompetitionSpec
from raytrain.data.duplicates import near_duplicates, signature
from raytrain.data.find import find_samples
from raytrain.data.index import Found
from raytrain.data.report import DataReport, SplitFacts, columns, mean_and_std
from raytrain.data.samples import read_image, read_mask
from raytrain.data.second_opinion import decoder_disagreement
from raytrain.data.shift import shift_auc, simple_statistics
from raytrain.data.source import absolute, local_folder
from raytrain.data.splits import group_text
from raytrain.runs.fingerprint import fingerprint


@dataclass(frozen=True)
class _Seen:
    """What is kept of one decoded sample."""

    row: dict[str, Any]
    kind: tuple[int, str]
    """Channels and dtype."""
    image_digest: str
    digest: str
    """Of image and mask."""
    low: float
    high: float
    signature: np.ndarray
    statistics: np.ndarray
    disagreements: list[str]
    """Files that another decoder reads otherwise."""


def inspect(competition: CompetitionSpec) -> DataReport:
    """Find, decode and verify all data. Raises ValueError listing every problem found."""
    root = local_folder(competition.data)
    samples, groups, problems = find_samples(competition, root)
    seen: list[_Seen] = []
    for found, wrong in _read_all(competition, root, samples, groups):
        seen += [found] if found else []
        problems += wrong
    problems += _kind_problems(seen) + _group_problems(seen, group_text(competition.group))
    equal, near = _duplicates(seen)
    if competition.accept_leaks is None:
        problems += _leak_problems(seen, equal + near)
    if not problems and not any(s.row["split"] == "train" for s in seen):
        problems.append("there is no image to train on")
    if problems:
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        raise ValueError("\n  ".join([f"{root}: {count} in the data", *problems]))
    return _report(competition, seen, equal, near)


def _read_all(
    competition: CompetitionSpec, root: Path, samples: list[Found], groups: dict[str, str]
) -> list[tuple[_Seen | None, list[str]]]:
    """Each sample as it was seen, or what is wrong with it; decoded in threads."""

    def read(sample: Found) -> tuple[_Seen | None, list[str]]:
        try:
            return _seen(competition, root, sample, groups[sample.id]), []
        except ValueError as error:
            return None, str(error).split("\n")

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        console = Console(stderr=True)
        watched = track(
            pool.map(read, samples), "reading the data", len(samples), console=console,
            transient=True, disable=not console.is_terminal,
        )  # fmt: skip
        return list(watched)


def _seen(competition: CompetitionSpec, root: Path, sample: Found, group: str) -> _Seen:
    """Raises ValueError listing what is wrong with image and mask."""
    problems = []
    image = mask = None
    try:
        image = read_image(root, sample.image)
    except ValueError as error:
        problems.append(str(error))
    # The size of a mask is held against its image's, so a lost image leaves only its values.
    if sample.mask and image is not None:
        try:
            size, classes = image.shape[:2], competition.classes
            mask = read_mask(competition.format, root, sample.mask, size, classes)
        except ValueError as error:
            problems.append(str(error))
    if problems or image is None:
        raise ValueError("\n".join(problems))
    height, width, channels = image.shape
    flat = image.reshape(-1, channels).astype(np.float64)
    pixels = np.bincount([] if mask is None else mask.ravel(), minlength=len(competition.classes))
    row = {
        "id": sample.id, "split": sample.split, "group": group,
        "image": "\n".join(sample.image), "mask": "\n".join(sample.mask),
        "height": height, "width": width,
        **{f"mean_{c}": value for c, value in enumerate(flat.mean(0).tolist())},
        **{f"square_{c}": value for c, value in enumerate((flat**2).mean(0).tolist())},
        **{f"pixels_{k}": count for k, count in enumerate(pixels.tolist())},
    }  # fmt: skip
    return _Seen(
        row, (channels, str(image.dtype)), _digest(image), _digest(image, mask), float(image.min()),
        float(image.max()), signature(image), simple_statistics(image),
        [text for a in (*sample.image, *sample.mask) if (text := _second_opinion(root, a))],
    )  # fmt: skip


def _second_opinion(root: Path, address: str) -> str | None:
    return (
        None
        if "#" in address and not (root / address).exists()
        else (decoder_disagreement(root / address))
    )


def _digest(*arrays: np.ndarray | None) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        if array is not None:
            digest.update(f"{array.shape} {array.dtype}".encode())
            digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _kind_problems(seen: list[_Seen]) -> list[str]:
    """Every image that differs from what most images are in channels or type."""
    if not seen:
        return []
    usual = Counter(sample.kind for sample in seen).most_common(1)[0][0]
    return [
        f"{s.row['id']}: {s.kind[0]} channel(s) of {s.kind[1]}, while most images have "
        f"{usual[0]} of {usual[1]}"
        for s in seen
        if s.kind != usual
    ]


def _group_problems(seen: list[_Seen], rule: str) -> list[str]:
    """Groups with images in both train and val: scores there would be too good."""
    splits: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for sample in seen:
        splits[sample.row["group"]][sample.row["split"]].append(sample.row["id"])
    return [
        f"group {group} ({rule}) is split: {found['train'][0]} trains, {found['val'][0]} "
        "validates; move one, or correct competition.group"
        for group, found in splits.items()
        if found["train"] and found["val"]
    ]


def _duplicates(seen: list[_Seen]) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Pairs of places in `seen`: equal pixel by pixel, and nearly so."""
    same: dict[str, list[int]] = defaultdict(list)
    for place, sample in enumerate(seen):
        same[sample.image_digest].append(place)
    equal = [(first, other) for first, *others in same.values() for other in others]
    # One of each: copies of one picture need not all be compared again.
    firsts = [places[0] for places in same.values()]
    shapes = {seen[place].signature.shape for place in firsts}
    if len(firsts) < 2 or len(shapes) != 1:
        return equal, []
    found = near_duplicates(np.stack([seen[place].signature for place in firsts]))
    return equal, [(firsts[a], firsts[b]) for a, b in found]


def _leak_problems(seen: list[_Seen], pairs: list[tuple[int, int]]) -> list[str]:
    problems = []
    for first, other in pairs:
        a, b = seen[first].row, seen[other].row
        if {a["split"], b["split"]} == {"train", "val"}:
            problems.append(
                f"{a['id']} ({a['split']}) and {b['id']} ({b['split']}) are the same picture; "
                "remove one, or say why in competition.accept_leaks"
            )
    return problems


def _report(
    competition: CompetitionSpec,
    seen: list[_Seen],
    equal: list[tuple[int, int]],
    near: list[tuple[int, int]],
) -> DataReport:
    samples = pd.DataFrame([s.row for s in seen])
    sizes = Counter(f"{s.row['width']}x{s.row['height']}" for s in seen)
    return DataReport(
        fingerprint=fingerprint([(s.row["id"], s.row["split"], s.digest) for s in seen]),
        source=absolute(competition.data),
        format=competition.format,
        channels=seen[0].kind[0],
        dtype=seen[0].kind[1],
        classes=competition.classes,
        sizes=dict(sizes.most_common()),
        splits=_splits(samples, seen),
        duplicates=_names(samples, equal),
        near_duplicates=_names(samples, near),
        disagreements=tuple(text for s in seen for text in s.disagreements),
        shift_auc=_shift(seen),
        samples=samples,
    )


def _splits(samples: pd.DataFrame, seen: list[_Seen]) -> dict[str, SplitFacts]:
    splits = {}
    for name in ("train", "val", "test", "train+val"):
        chosen = samples[samples["split"].isin(name.split("+"))]
        if chosen.empty:
            continue
        mean, std = mean_and_std(chosen)
        pixels_NK = columns(chosen[chosen["mask"] != ""], "pixels")
        only_NK = (pixels_NK > 0).sum(1) == 1
        splits[name] = SplitFacts(
            images=len(chosen),
            mean=mean,
            std=std,
            low=min(seen[place].low for place in chosen.index),
            high=max(seen[place].high for place in chosen.index),
            class_pixels=tuple(map(int, pixels_NK.sum(0))) if len(pixels_NK) else (),
            empty_masks=int((only_NK & (pixels_NK[:, 0] > 0)).sum()),
            single_class_masks=int((only_NK & (pixels_NK[:, 0] == 0)).sum()),
        )
    return splits


def _names(samples: pd.DataFrame, pairs: list[tuple[int, int]]) -> tuple[tuple[str, str], ...]:
    return tuple((samples["id"][first], samples["id"][other]) for first, other in pairs)


def _shift(seen: list[_Seen]) -> float | None:
    sides = [[s.statistics for s in seen if s.row["split"] == split] for split in ("train", "test")]
    if not all(sides):
        return None
    auc = shift_auc(np.stack(sides[0]), np.stack(sides[1]), seed=0)
    return None if np.isnan(auc) else auc
