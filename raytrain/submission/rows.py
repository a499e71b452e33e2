"""The rows of an image and the mask of each. The code that writes and the code that checks share
them."""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from raytrain.config.competition import SubmissionSpec
from raytrain.config.dialects import SIZE_COLUMNS
from raytrain.config.target import Target, layer
from raytrain.data.index import composed
from raytrain.data.patterns import filled

Key = tuple[str, ...]
"""The cells of a row before the encoding."""


@dataclass(frozen=True, eq=False)
class Plane:
    """Masks that do not overlap, as one image of numbers. The pixels with the number k are one
    mask."""

    image_HW: np.ndarray
    """The number of the mask at each pixel, 0 for none (bool, uint8, uint16 or int32)."""
    keys: list[Key]
    """keys[k - 1] holds the cells before the encoding in the row of the mask with number k."""


def key_of(row: list[str]) -> Key:
    """Return the key of a row that was read (the cells before the encoding), in Unicode's composed
    form."""
    return tuple(map(composed, row[:-1]))


def keys_of(
    name: str, shape_HW: tuple[int, ...], classes: tuple[str, ...], spec: SubmissionSpec
) -> list[Key]:
    """Return the keys (the cells before the encoding) of all rows of an image of this size. They do
    not depend on its mask."""
    keys = [_key(spec, name, k, classes[k], shape_HW) for k in range(1, len(classes))]
    return [*dict.fromkeys(keys)] if spec.row != "mask" or spec.by_class else keys[:1]


def planes(
    name: str, mask_HW: np.ndarray, classes: tuple[str, ...], target: Target, spec: SubmissionSpec
) -> list[Plane]:
    """Return all masks of an image, in the order of its rows.

    Raises ValueError for a number that is not a class, and for overlapping masks if the dialect
    refuses overlaps.
    """
    _refuse_strange_numbers(name, mask_HW, len(classes), target)
    numbers = range(1, len(classes))
    keys = {k: _key(spec, name, k, classes[k], mask_HW.shape) for k in numbers}
    if spec.row != "mask":
        found = _objects(mask_HW, keys, target)
    elif not spec.by_class:
        found = [Plane(mask_HW != 0, [keys[1]])]
    elif target == "single_label":
        found = [Plane(mask_HW, [*keys.values()])]
    else:
        found = [Plane(layer(mask_HW, k, target), [keys[k]]) for k in numbers]
    if spec.overlaps == "refused":
        both = int((sum((plane.image_HW != 0).astype(np.uint8) for plane in found) > 1).sum())
        if both:
            raise ValueError(
                f"{name}: {both} px are in several rows, but rows must not overlap (dialect "
                f"{spec.dialect}); set competition.target to single_label, or, if the competition "
                "accepts overlaps, competition.submission.overlaps to allowed"
            )
    return found


def _objects(mask_HW: np.ndarray, keys: dict[int, Key], target: Target) -> list[Plane]:
    """Return a plane for each class that has objects, in which they are numbered. `keys` maps a
    class to the key of its rows, which classes may share. A key without objects gets a plane with
    an empty mask."""
    found: list[Plane] = []
    for key in dict.fromkeys(keys.values()):
        layers = [layer(mask_HW, number, target) for number, own in keys.items() if own == key]
        labeled = [ndimage.label(layer_HW, structure=np.ones((3, 3))) for layer_HW in layers]
        objects = [Plane(image_HW, [key] * count) for image_HW, count in labeled if count]
        found += objects or [Plane(np.zeros(mask_HW.shape, np.uint8), [key])]
    return found


def _key(spec: SubmissionSpec, name: str, number: int, word: str, shape_HW: tuple[int, ...]) -> Key:
    shown = word if spec.class_as == "name" else str(number)
    cells = dict(zip(SIZE_COLUMNS, map(str, shape_HW), strict=True))
    cells[spec.columns[0]] = filled(spec.id, **{"name": name, "class": shown})
    if spec.class_column is not None:
        cells[spec.class_column] = shown
    return tuple(composed(cells[column]) for column in spec.columns[:-1])


def _refuse_strange_numbers(name: str, mask_HW: np.ndarray, count: int, target: Target) -> None:
    most = count - 1 if target == "single_label" else (1 << (count - 1)) - 1
    if mask_HW.max(initial=0) > most:
        raise ValueError(
            f"{name}: the mask has the value {mask_HW.max()}, but the largest value for {count} "
            f"classes ({target}) is {most}; run `raytrain finalize`, which predicts it again"
        )
