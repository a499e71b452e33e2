"""Short forms of trial names, for lines of a limited width."""

from collections import Counter
from collections.abc import Iterable

CUT = ".."
TAIL = 2
"""Parts at the end of a name that are never left out: the learning rate or fold, and the first
digits of the fingerprint."""


def short_names(names: Iterable[str], width: int) -> dict[str, str]:
    """Return each name in at most `width` columns, which must be 4 or more.

    If a name is too long, the parts that all names share are left out. If it is still too long, its
    middle is cut out.
    """
    parts = {name: name.split("_") for name in names}
    counts = Counter(part for each in parts.values() for part in set(each))
    shared = {part for part, count in counts.items() if count == len(parts) > 1}
    return {name: _short(each, shared, width) for name, each in parts.items()}


def _short(parts: list[str], shared: set[str], width: int) -> str:
    name = "_".join(parts)
    if len(name) <= width:
        return name
    kept = [part for part in parts[:-TAIL] if part not in shared] + parts[-TAIL:]
    if len(kept) < len(parts):
        name = CUT + "_".join(kept)
    if len(name) <= width:
        return name
    end = min(len("_".join(parts[-TAIL:])) + 1, width - len(CUT))
    return name[: width - len(CUT) - end] + CUT + name[-end:]
