"""Endings and beginnings that all files of a folder share, such as `_sat`, though they are no usual
words for images or masks."""

import re
from collections import defaultdict
from dataclasses import replace

from raytrain.data.guess.families import Family, Member
from raytrain.data.guess.split_rule import split_as_part

_ENDING = re.compile(r"(?:[_\-. ](?=[^_\-. ]*[A-Za-z])[^_\-. ]+)+")
"""Pattern of an ending: words with a letter, each after a joint. Numbers belong to the core."""
_BEGINNING = re.compile(r"(?=[^_\-. ]*[A-Za-z])[^_\-. ]+[_\-. ]")


def without_shared(families: list[Family]) -> list[Family]:
    """Return the families with the ending, or else the beginning, that all files share outside the
    core.

    The folders of all splits are looked at together; if they share nothing, each for itself. Files
    with the same few endings for each core, such as `_color` and `_labelIds`, become one family for
    each ending.
    """
    parted = [each for family in families for each in _by_ending(family)]
    alike: dict[tuple[object, ...], list[Family]] = defaultdict(list)
    for family in parted:
        place = tuple(name and split_as_part(name) for name in family.folders)
        alike[place, family.before, family.after, family.suffix].append(family)
    found: list[Family] = []
    for group in alike.values():
        start, end = _shared(group)
        for family in group:
            own = (start, end) if start or end else _shared([family])
            found.append(family.without(*own))
    return sorted(found, key=lambda family: (-len(family.members), family.shown))


def _by_ending(family: Family) -> list[Family]:
    of: dict[str, list[Member]] = defaultdict(list)
    for member in family.members:
        of[_last(member.core)].append(member)
    cores = {
        frozenset((each.free, each.core.removesuffix(end)) for each in members)
        for end, members in of.items()
    }
    if family.before or family.after or "" in of or len(of) == 1 or len(cores) > 1:
        return [family]
    return [replace(family, members=tuple(members)).without("", end) for end, members in of.items()]


def _last(core: str) -> str:
    """Return the last word of a core with its joint; empty if it has no letter."""
    word = re.search(r"[_\-. ][^_\-. ]*[A-Za-z][^_\-. ]*$", core)
    return word[0] if word else ""


def _shared(group: list[Family]) -> tuple[str, str]:
    """Return the beginning and the ending that all cores share, at most one of them."""
    cores = [member.core for family in group for member in family.members]
    if len(cores) < 2 or group[0].before or group[0].after:
        return "", ""
    ends = (cores[0][match.start() :] for match in re.finditer(r"[_\-. ]", cores[0]))
    for end in ends:
        if _ENDING.fullmatch(end) and all(core.endswith(end) and core != end for core in cores):
            return "", end
    start = _BEGINNING.match(cores[0])
    if start is not None:
        whole = all(core.startswith(start[0]) and core != start[0] for core in cores)
        return (start[0], "") if whole else ("", "")
    return "", ""
