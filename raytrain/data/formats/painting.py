"""Paint the objects of an annotation file into a mask."""

import numpy as np

from raytrain.config.annotations import AnnotationsSpec
from raytrain.config.target import Target
from raytrain.data.formats.annotated import AnnotatedImage, Size
from raytrain.data.labels import class_number


def painted(
    spec: AnnotationsSpec, source: str, listed: AnnotatedImage | None, size_HW: Size,
    classes: tuple[str, ...], target: Target,
) -> np.ndarray:  # fmt: skip
    """Return mask_HW (uint16) of the objects, with numbers as in `config/target.py`.

    Raises ValueError that names `source` and lists every wrong object.
    """
    mask_HW = np.zeros(size_HW, np.uint16)
    if listed is None:
        return mask_HW
    if listed.size_HW not in (None, size_HW):
        height, width = listed.size_HW
        raise ValueError(
            f"{source}: its objects are drawn on {width}x{height} px, but the image has "
            f"{size_HW[1]}x{size_HW[0]} px; give the image on which they were drawn"
        )
    problems = []
    for each in listed.drawings:
        try:
            number = _number(each.word, spec, classes)
            if number:
                _add(mask_HW, each.draw(size_HW), number, spec, target)
        except ValueError as error:
            problems.append(f"{source}: {each.name}: {error}")
    if problems:
        raise ValueError("\n".join(problems))
    return mask_HW


def _add(
    mask_HW: np.ndarray, layer_HW: np.ndarray, number: int, spec: AnnotationsSpec, target: Target
) -> None:
    """Paint one object, in place. Raises ValueError when it overlaps another class and the job
    refuses overlaps."""
    if target == "multi_label":
        mask_HW[layer_HW] |= 1 << (number - 1)
        return
    both = int((layer_HW & (mask_HW != 0) & (mask_HW != number)).sum())
    if both and spec.overlaps == "refused":
        raise ValueError(
            f"{both} px also belong to another class; set competition.format.overlaps: last (the "
            "later object has them), or competition.target: multi_label (classes overlap)"
        )
    mask_HW[layer_HW] = number


def _number(word: str, spec: AnnotationsSpec, classes: tuple[str, ...]) -> int:
    given = spec.classes.get(word, word)
    if isinstance(given, int):
        return given
    try:
        return class_number(given, classes, "name")
    except ValueError as error:
        raise ValueError(
            f"{error}; add it to competition.classes, or give its class in "
            f"competition.format.classes: {{{word}: 0}} (0: it is not drawn)"
        ) from None
