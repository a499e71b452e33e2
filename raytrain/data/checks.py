"""Reading every file of a competition once: either a DataReport or every problem at once."""

from collections import defaultdict
from pathlib import Path

import numpy as np

from raytrain.config.expression import parse_expression
from raytrain.config.job import CompetitionSpec
from raytrain.data.decode import decode_image, decode_mask
from raytrain.data.formats import FORMATS
from raytrain.data.index import Sample
from raytrain.data.report import DataReport, SampleFacts, SplitFacts, file_digest, mean_and_std
from raytrain.runs.fingerprint import fingerprint


def inspect(competition: CompetitionSpec) -> DataReport:
    """Index, decode and verify all data. Raises ValueError listing every problem found."""
    root = Path(competition.data).expanduser().absolute()
    index = FORMATS[competition.format.name](competition.format, root)
    problems = list(index.problems)
    facts: list[SampleFacts] = []
    shapes: dict[str, tuple] = {}
    pixels: dict[str, list[str]] = defaultdict(list)
    group_of = parse_expression(competition.group)
    for sample in index.samples:
        try:
            image, mask = _read(sample, len(competition.classes))
            facts.append(_facts(sample, image, mask, group_of(sample.id), len(competition.classes)))
            shapes[sample.id] = (*image.shape, str(image.dtype))
            pixels[_pixel_key(image)].append(sample.id)
        except ValueError as error:
            problems += str(error).split("\n")
    problems += _shape_problems(shapes) + _group_problems(facts, competition.group)
    if problems:
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        raise ValueError("\n  ".join([f"{root}: {count} in the data", *problems]))
    return _report(competition, facts, next(iter(shapes.values())), pixels)


def _read(sample: Sample, classes: int) -> tuple[np.ndarray, np.ndarray | None]:
    problems: list[str] = []
    image = mask = None
    try:
        image = decode_image(sample.image)
    except ValueError as error:
        problems.append(str(error))
    if sample.mask is not None:
        try:
            mask = decode_mask(sample.mask)
            if mask.max(initial=0) >= classes:
                values = sorted(set(np.unique(mask).tolist()) - set(range(classes)))
                problems.append(
                    f"{sample.mask}: mask values {values} are outside the {classes} classes"
                )
            if image is not None and mask.shape != image.shape[:2]:
                problems.append(
                    f"{sample.mask}: the mask is {_size(mask)}, its image {_size(image)}"
                )
        except ValueError as error:
            problems.append(str(error))
    if problems or image is None:
        raise ValueError("\n".join(problems))
    return image, mask


def _facts(
    sample: Sample, image: np.ndarray, mask: np.ndarray | None, group: int, classes: int
) -> SampleFacts:
    flat = image.reshape(-1, image.shape[2] if image.ndim == 3 else 1).astype(np.float64)
    counts = [] if mask is None else np.bincount(mask.ravel(), minlength=classes).tolist()
    return SampleFacts(
        id=sample.id,
        split=sample.split,
        image=str(sample.image),
        mask=None if sample.mask is None else str(sample.mask),
        group=group,
        mean=tuple(flat.mean(0).tolist()),
        square=tuple((flat**2).mean(0).tolist()),
        class_pixels=tuple(counts),
        digest=file_digest(*[p for p in (sample.image, sample.mask) if p is not None]),
    )


def _shape_problems(shapes: dict[str, tuple]) -> list[str]:
    """Every image that differs from what most images are."""
    if not shapes:
        return []
    values = list(shapes.values())
    usual = max(set(values), key=values.count)
    return [
        f"{name}: {'x'.join(map(str, shape))}, while most images are {'x'.join(map(str, usual))}"
        for name, shape in shapes.items()
        if shape != usual
    ]


def _group_problems(facts: list[SampleFacts], expression: str) -> list[str]:
    """Groups with images in both train and val: scores there would be too good."""
    splits: dict[int, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for sample in facts:
        splits[sample.group][sample.split].append(sample.id)
    return [
        f"group {group} ({expression}) is split: {found['train'][0]} trains, {found['val'][0]} "
        "validates; move one, or correct competition.group"
        for group, found in sorted(splits.items())
        if found["train"] and found["val"]
    ]


def _report(
    competition: CompetitionSpec,
    facts: list[SampleFacts],
    shape: tuple,
    pixels: dict[str, list[str]],
) -> DataReport:
    splits = {}
    for name in ("train", "val", "test", "train+val"):
        chosen = [sample for sample in facts if sample.split in name.split("+")]
        if chosen:
            mean, std = mean_and_std(chosen)
            counts = [s.class_pixels for s in chosen if s.class_pixels]
            total = tuple(int(n) for n in np.sum(counts, axis=0)) if counts else ()
            splits[name] = SplitFacts(images=len(chosen), class_pixels=total, mean=mean, std=std)
    return DataReport(
        fingerprint=fingerprint([(s.id, s.split, s.digest) for s in facts]),
        height=shape[0],
        width=shape[1],
        channels=shape[2] if len(shape) == 4 else 1,
        dtype=shape[-1],
        classes=competition.classes,
        splits=splits,
        duplicates=tuple((first, other) for first, *others in pixels.values() for other in others),
        samples=tuple(facts),
    )


def _pixel_key(image: np.ndarray) -> str:
    return fingerprint(list(image.shape), image.tobytes().hex())


def _size(array: np.ndarray) -> str:
    return f"{array.shape[1]}x{array.shape[0]}"
