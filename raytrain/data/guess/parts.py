"""Folders that hold parts of one folder's files, such as `images_part_1` and `images_part_2`."""

import re
from collections import defaultdict
from fnmatch import fnmatchcase

from raytrain.data.guess.files import File

Place = tuple[str | None, ...]
"""The names of folders; None for a folder that may have any name."""
_NUMBERED = re.compile(r"(.*?\D)\d+")


def united_parts(of_folder: dict[Place, list[File]]) -> dict[Place, list[File]]:
    """Return the files of each folder. Folders whose names differ in the number at the end become
    one, with `*` for the number, if no two of their files have the same name.

    Files with the same name belong together in another way, such as the channels of an image.
    """
    alike: dict[tuple[Place, int], list[Place]] = defaultdict(list)
    for place in of_folder:
        for depth, name in enumerate(place):
            if name is not None and (match := _NUMBERED.fullmatch(name)):
                alike[(*place[:depth], f"{match[1]}*", *place[depth + 1 :]), depth].append(place)
    found = dict(of_folder)
    for (pattern, depth), parts in alike.items():
        if len(parts) > 1 and _are_parts(pattern, depth, parts, found):
            found[pattern] = [file for part in parts for file in found.pop(part)]
    return found


def _are_parts(
    pattern: Place, depth: int, parts: list[Place], of_folder: dict[Place, list[File]]
) -> bool:
    """Return whether the files of these folders differ in their names, and `pattern` matches no
    other folder beside them."""
    if not all(part in of_folder for part in parts):
        return False  # they are parts of a folder that has been united at another depth
    files = [file for part in parts for file in of_folder[part]]
    names = {(*file.folders[:depth], *file.folders[depth + 1 :], file.stem) for file in files}
    beside = {place[depth] for place in of_folder if place[:depth] == pattern[:depth] and
              len(place) > depth}  # fmt: skip
    matched = {name for name in beside if name and fnmatchcase(name, pattern[depth] or "")}
    return len(names) == len(files) and matched == {part[depth] for part in parts}
