"""Masks of an image with a number in their names: `x_mask_1.png` and `x_mask_2.png`, perhaps beside
`x_mask.png`. They show objects of one class, which hardly overlap."""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from raytrain.data.guess.files import names_masks
from raytrain.data.guess.pairs import Paired

_ENDING = re.compile(r"(.*[A-Za-z])([_\-. ]?)(\d*)")
"""Pattern of an ending of names: a word, and perhaps a joint and a number."""


def by_number(pairs: Sequence[Paired]) -> Paired | None:
    """Return the pairs of images with several families of masks as one, if the names of the masks
    differ only in a number after a word for masks; else None."""
    first = max(pairs, key=lambda pair: len(pair.of))
    alike, numbered = set(), set()
    of: dict[str, tuple[str, ...]] = defaultdict(tuple)
    for pair in pairs:
        family = pair.masks[0]
        ending = _ENDING.fullmatch(family.after)
        if ending is None or pair.parts != "one" or not names_masks(ending[1]):
            return None
        place = (family.folders, family.before, family.suffix)
        alike.add((ending[1], place, pair.mask_free, pair.mask_core))
        numbered.add(f"{ending[2]}{{object}}" if ending[3] else "")
        for image, parts in pair.of.items():
            of[image] += parts
    if len(alike) > 1:
        return None
    word, *_ = alike.pop()
    families = tuple(pair.masks[0] for pair in pairs)
    end = numbered.pop() if len(numbered) == 1 else "*"
    pattern = replace(families[0], after=f"{word}{end}")
    return replace(
        first, masks=families, pattern=pattern, of=dict(of), parts="one" if end == "*" else "object"
    )
