"""Test images whose annotations show no object: they have no truth."""

import re
from dataclasses import replace

from raytrain.data.seen import Seen
from raytrain.runs.messages import counted


def without_bare_truth(seen: list[Seen]) -> tuple[list[Seen], tuple[str, ...]]:
    """Return the facts about all images, without the masks of the test images if none of these
    masks shows an object; and a note about it.

    Annotation files list test images without objects if nobody annotated them. `evaluate` would
    take each predicted object for a mistake.
    """
    masks = [each for each in seen if each.row["split"] == "test" and each.row["mask"]]
    if not masks or any(map(shows_object, masks)):
        return seen, ()
    bare = {each.row["id"] for each in masks}
    note = (
        f"the annotations of {counted(len(masks), 'test image')} show no object, so raytrain "
        "assumes that nobody annotated them, and scores no test image"
    )
    kept = [
        replace(each, row={**each.row, "mask": ""}) if each.row["id"] in bare else each
        for each in seen
    ]
    return kept, (note,)


def shows_object(seen: Seen) -> bool:
    """Return whether a mask has a pixel of a class that is not the background."""
    return any(value for key, value in seen.row.items() if re.fullmatch("pixels_[1-9][0-9]*", key))
