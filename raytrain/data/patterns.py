"""Files with paths that follow a pattern with placeholders, such as `{split}/image/{name}.png`."""

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from raytrain.config.splits import FolderSplitsSpec
from raytrain.data.index import SPLITS, Split, composed

SIDE_FILE = "._"
"""Prefix of the files in which macOS stores attributes that another file system cannot hold."""

_FIELD = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Match:
    """One file and the values of the placeholders in its path."""

    address: str
    fields: dict[str, str]


def split_words(
    splits: object, pattern: str, key: str
) -> tuple[dict[Split | None, str], list[str]]:
    """Return split -> the word for `{split}`; {None: ""} when the pattern has no split.

    Also returns the problems: folder splits need `{split}` in the pattern, and other splits must
    not have it.
    """
    if isinstance(splits, FolderSplitsSpec):
        if "{split}" not in pattern:
            return {}, [
                f"{key}: {pattern!r} lacks {{split}}, which competition.splits needs; add it"
            ]
        words = {split: getattr(splits, split) for split in SPLITS}
        return {split: word for split, word in words.items() if word is not None}, []
    if "{split}" in pattern:
        return {}, [
            f"{key}: {pattern!r} has {{split}}, but competition.splits is not folders; remove it"
        ]
    return {None: ""}, []


def matches(root: Path, pattern: str) -> tuple[list[Match], list[str]]:
    """Return every file under `root` that matches, and a problem for each duplicate reading.

    A placeholder does not span folders, and has the same value wherever it is repeated. The case of
    the suffix is ignored. Side files of macOS (`._*`) are skipped.
    """
    found: dict[tuple[tuple[str, str], ...], Match] = {}
    problems = []
    for path in sorted(root.glob(_glob(pattern))):
        address = path.relative_to(root).as_posix()
        fields = path_fields(address, pattern)
        if fields is None or path.is_dir() or path.name.startswith(SIDE_FILE):
            continue
        first = found.setdefault(tuple(fields.items()), Match(address, fields))
        if first.address != address:
            problems.append(
                f"{path}: its name is the same as that of {first.address}; keep one of them"
            )
    return list(found.values()), problems


def fields_in(text: str, pattern: str) -> dict[str, str] | None:
    """Return the placeholders' values in `text`, or None when it does not match the pattern."""
    match = re.fullmatch(_expression(composed(pattern)), composed(text))
    return match.groupdict() if match else None


def path_fields(address: str, pattern: str) -> dict[str, str] | None:
    """Like `fields_in`, for a path; the case of its suffix is ignored."""
    stem, suffix = _parted(composed(pattern))
    match = re.fullmatch(f"{_expression(stem)}(?i:{re.escape(suffix)})", composed(address))
    return match.groupdict() if match else None


def filled(pattern: str, **fields: str) -> str:
    """Return the pattern with these placeholders replaced; others stay."""
    return _FIELD.sub(lambda match: fields.get(match[1], match[0]), pattern)


@lru_cache
def _expression(pattern: str) -> str:
    text, end, seen = "", 0, set()
    for match in _FIELD.finditer(pattern):
        field = match[1]
        text += re.escape(pattern[end : match.start()])
        text += f"(?P={field})" if field in seen else f"(?P<{field}>[^/]+)"
        seen.add(field)
        end = match.end()
    return text + re.escape(pattern[end:])


def _glob(pattern: str) -> str:
    stem, suffix = _parted(pattern)
    any_case = "".join(f"[{c.lower()}{c.upper()}]" if c.isalpha() else c for c in suffix)
    return _FIELD.sub("*", re.sub(r"([*?[])", r"[\1]", stem)) + any_case


def _parted(pattern: str) -> tuple[str, str]:
    """Return the pattern without its suffix, and the suffix (`.nii.gz` is one)."""
    suffix = re.search(r"(\.[A-Za-z]\w*)*$", pattern)
    assert suffix
    return pattern[: suffix.start()], suffix[0]
