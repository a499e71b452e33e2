"""Neighboring frames as channels: 2.5-D slices, or the two phases of a patient."""

from dataclasses import replace

import numpy as np

from raytrain.config.expression import number_in, parse_expression, with_number
from raytrain.data.index import Found


def with_neighbours(
    samples: list[Found], expressions: tuple[str, ...], groups: dict[str, str]
) -> tuple[list[Found], int, int]:
    """Return each sample with the frames that the expressions name as its channels, in their order.

    A frame that is missing, or belongs to another split or group (which would leak data), is
    replaced by the sample itself. Also returns how many frames other than the sample itself were
    named, and how many of them were replaced.
    """
    by_id = {sample.id: sample for sample in samples}
    rules = [parse_expression(text) for text in expressions]
    named = replaced = 0

    def frame(sample: Found, number: int) -> Found:
        nonlocal named, replaced
        if number == number_in(sample.id):
            return sample
        named += 1
        other = by_id.get(with_number(sample.id, number)) if number >= 0 else None
        if other and other.split == sample.split and groups[other.id] == groups[sample.id]:
            return other
        replaced += 1
        return sample

    found = [
        replace(s, image=tuple(a for rule in rules for a in frame(s, rule(s.id)).image))
        for s in samples
    ]
    return found, named, replaced


def own_frame(image_HWC: np.ndarray, id: str, expressions: tuple[str, ...]) -> np.ndarray:
    """Return the channels of the image's own frame, for people to look at. They are the middle ones
    if no expression names the frame, or if the id has no number."""
    frames = np.array_split(image_HWC, max(1, len(expressions)), axis=2)
    try:
        number = number_in(id)
        own = [parse_expression(text)(id) == number for text in expressions]
    except ValueError:
        own = []
    return frames[own.index(True) if any(own) else len(frames) // 2]


def needs_numbers(samples: list[Found], expressions: tuple[str, ...]) -> list[str]:
    """Return a problem for each sample whose name has no number, if there are expressions over the
    number (`competition.neighbours`)."""
    problems = []
    for sample in samples if expressions else ():
        try:
            number_in(sample.id)
        except ValueError as error:
            problems.append(f"{sample.image[0]}: {error} (competition.neighbours)")
    return problems
