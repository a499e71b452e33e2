"""Files with paths that follow a pattern with parts, such as `{split}/image/{name}.png`."""

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from raytrain.config.patterns import PART
from raytrain.config.splits import DEFAULT_VAL, FolderSplitsSpec
from raytrain.data.index import SPLITS, Split, composed

SIDE_FILE = "._"
"""Prefix of the files in which macOS stores attributes that another file system cannot hold."""

_TOKEN = re.compile(r"\{(\w+)\}|\*")


@dataclass(frozen=True)
class Match:
    """One file and the values of the parts in its path."""

    address: str
    fields: dict[str, str]


def split_words(
    splits: object, pattern: str, key: str
) -> tuple[dict[Split | None, str], list[str]]:
    """Return split -> the word that replaces `{split}` in the pattern of the job's key `key`;
    {None: ""} when `competition.splits` is not `folders`.

    Also returns the problems: folder splits need `{split}` in the pattern, and other splits must
    not have it.
    """
    if isinstance(splits, FolderSplitsSpec):
        if "{split}" not in pattern:
            return {}, [
                f"{key}: {pattern!r} lacks {{split}}, which competition.splits needs; add it, or "
                "set competition.splits to another rule, such as {name: fraction}"
            ]
        words = {split: getattr(splits, split) for split in SPLITS}
        return {split: word for split, word in words.items() if word is not None}, []
    if "{split}" in pattern:
        return {}, [
            f"{key}: {pattern!r} has {{split}}, but competition.splits is not folders; remove it"
        ]
    return {None: ""}, []


def val_note(splits: object, split: Split | None, root: Path, pattern: str) -> str | None:
    """Return a note if `split` is a val split that the job does not name and that does not exist.

    `pattern` has {split}. The split exists if its folder does, even without an image.
    """
    default = isinstance(splits, FolderSplitsSpec) and splits.val == DEFAULT_VAL
    if split != "val" or not default:
        return None
    parts = pattern.split("/")
    last = next(place for place, part in enumerate(parts) if "{split}" in part)
    place = filled("/".join(parts[: last + 1]), split=DEFAULT_VAL)
    if next(root.glob(glob_of(place)), None) is not None:
        return None
    return (
        f"there is no val split, because there is no {place!r}: the search validates on the first "
        "fold (competition.splits.val)"
    )


def all_matches(root: Path, pattern: str) -> list[Match]:
    """Return every file under `root` that matches the pattern.

    A part and a `*` do not span folders, and a part has the same value wherever it is repeated. The
    case of the suffix is ignored. Side files of macOS (`._*`) are skipped.
    """
    found = []
    for path in sorted(root.glob(glob_of(pattern))):
        address = path.relative_to(root).as_posix()
        fields = path_fields(address, pattern)
        if fields is not None and not path.is_dir() and not path.name.startswith(SIDE_FILE):
            found.append(Match(address, fields))
    return found


def matches(root: Path, pattern: str) -> tuple[list[Match], list[str]]:
    """Return the matching files, one for each combination of parts, and a problem for every further
    file."""
    found: dict[tuple[tuple[str, str], ...], Match] = {}
    problems = []
    for match in all_matches(root, pattern):
        first = found.setdefault(tuple(match.fields.items()), match)
        if first is not match:
            narrow = f", or write more of the name than * in {pattern!r}" * ("*" in pattern)
            problems.append(
                f"{root / match.address}: its name is the same as that of {first.address}; keep "
                f"one of them{narrow}"
            )
    return list(found.values()), problems


def fields_in(text: str, pattern: str) -> dict[str, str] | None:
    """Return part -> value in `text`, or None when the text does not match the pattern."""
    match = re.fullmatch(_expression(composed(pattern)), composed(text))
    return match.groupdict() if match else None


def path_fields(address: str, pattern: str) -> dict[str, str] | None:
    """Return part -> value in a path, or None when the path does not match the pattern. The case of
    the suffix is ignored."""
    stem, suffix = _parted(composed(pattern))
    match = re.fullmatch(f"{_expression(stem)}(?i:{re.escape(suffix)})", composed(address))
    return match.groupdict() if match else None


def filled(pattern: str, **fields: str) -> str:
    """Return the pattern with the given parts replaced by values. Other parts stay."""
    return PART.sub(lambda match: fields.get(match[1], match[0]), pattern)


@lru_cache
def _expression(pattern: str) -> str:
    seen: set[str] = set()
    return "/".join(_of_name(part, seen) for part in pattern.split("/"))


def _of_name(pattern: str, seen: set[str]) -> str:
    """Return the regular expression of one folder or file name; `seen` are the parts to its
    left."""
    text, end, last_star = "", 0, pattern.rfind("*")
    for match in _TOKEN.finditer(pattern):
        text += re.escape(pattern[end : match.start()])
        field, end = match[1], match.end()
        if field is None:
            text += "[^/]*"
        elif field in seen:
            text += f"(?P={field})"
        else:
            shortest = "?" * (match.start() < last_star)
            text += f"(?P<{field}>[^/]+{shortest})"
            seen.add(field)
    return text + re.escape(pattern[end:])


def glob_of(pattern: str) -> str:
    """Return the pattern for `glob` that matches all paths of a pattern with parts. The case of the
    suffix is ignored."""
    stem, suffix = _parted(pattern)
    any_case = "".join(f"[{c.lower()}{c.upper()}]" if c.isalpha() else c for c in suffix)
    return PART.sub("*", re.sub(r"([?[])", r"[\1]", stem)) + any_case


def _parted(pattern: str) -> tuple[str, str]:
    """Return the pattern without its suffix, and the suffix (`.nii.gz` is one)."""
    suffix = re.search(r"(\.[A-Za-z]\w*)*$", pattern)
    assert suffix
    return pattern[: suffix.start()], suffix[0]
